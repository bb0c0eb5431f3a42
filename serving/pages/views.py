"""Each page of the service: what was asked, what it shows, and where it lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from alignment.pages import drivers, funnel, goals, lead, model, render, served_links, today
from alignment.pages.movement import Focus
from alignment.situation import Situation
from history import StoreError
from history.teamwork import disposed_since, disposition_counts
from monitoring import Report
from monitoring.promises import early_words
from serving.desk import Desk
from serving.errors import (
    BeingMadeError,
    EmptyHistoryError,
    NotReadyError,
    RequestError,
    UnknownLeadError,
)
from serving.lead import beside
from serving.prepared import View, Wanted
from serving.reading import whole

Query = Mapping[str, str]
LINKS = served_links()
_MOST_PAGES = 1_000_000


def choice_of(query: Query, size: int = today.PER_PAGE, show: str = "today") -> today.Choice:
    """Read which part of the queue is asked for.

    Raises
    ------
    RequestError : 422, there is no such part, or no such page.
    """
    shown = query.get("show", "") or show
    if shown not in today.SHOWN:
        raise RequestError(422, f"show: expected one of {', '.join(today.SHOWN)}")
    return today.Choice(
        show=shown,
        owner=query.get("owner", ""),
        campaign=query.get("campaign", ""),
        source=query.get("source", ""),
        page=whole("page", query.get("page", "1"), _MOST_PAGES),
        size=size,
    )


def focus_of(query: Query) -> Focus:
    """Read which leads and which feature are asked for."""
    by, _, value = query.get("focus", "").partition("=")
    return Focus(query.get("by", by), query.get("value", value), query.get("feature", ""))


def today_page(
    desk: Desk, query: Query, message: str = "", *, bad: bool = False, me: str = ""
) -> str:
    """Render Today: the part of the queue that was asked for, by an owner if they have said so."""
    situation, choice = desk.situation(), choice_of(query)
    with desk.store.reading() as connection:
        done = disposed_since(connection, situation.now)
        places = today.paged(today.chosen(situation, choice, done), choice)
        shown = situation.worklist["lead_id"].iloc[places].tolist()
        counts = disposition_counts(connection, shown)
    data = today.view(situation, choice, done, counts, message, bad=bad, me=me)
    return render("today", data, LINKS, foot=_foot(desk, situation))


def lead_page(
    desk: Desk, lead_id: str, message: str = "", *, bad: bool = False, me: str = ""
) -> str:
    """Render a lead.

    Raises
    ------
    UnknownLeadError : the history does not know it.
    """
    now = desk.now()
    history = desk.store.lead_history([lead_id], observed_until=now)
    if not (history.leads["lead_id"] == lead_id).any():
        raise UnknownLeadError(f"the history knows no lead {lead_id[:100]!r}")
    champion = desk.scorer.champion if desk.ready else None
    data = lead.view(
        history,
        lead_id,
        None if champion is None else champion.model,
        now=now,
        grades=desk.settings.grades if champion is None else desk.scorer.grades,
        version="" if champion is None else champion.version,
        message=message,
        bad=bad,
        me=me,
        **beside(desk, lead_id, now),
    )
    return render("lead", data, LINKS)


def looked_at_first(desk: Desk) -> list[Wanted]:
    """Return the pages that are made as soon as there is a queue."""
    return [
        _goals(desk, None),
        _drivers(desk, Focus()),
        _funnel(desk, "source"),
        _wanted(desk, "model", "Model", "model", model.view),
    ]


def drivers_page(desk: Desk, query: Query) -> str:
    """Render What drives conversion."""
    return _text(desk, _drivers(desk, focus_of(query)))


def funnel_page(desk: Desk, query: Query, message: str = "") -> str:
    """Render Funnel, cut by the dimension that was asked for.

    Raises
    ------
    RequestError : 422, there is no such dimension.
    """
    by = dimension(query)
    if message:
        situation = desk.situation()
        data = funnel.view(situation, (by,), message)
        return render("funnel", data, LINKS, foot=_foot(desk, situation))
    return _text(desk, _funnel(desk, by))


def dimension(query: Query) -> str:
    """Read by what the funnel is cut.

    Raises
    ------
    RequestError : 422, there is no such dimension.
    """
    by = query.get("by", "") or "source"
    if by not in funnel.DIMENSIONS:
        raise RequestError(422, f"by: expected one of {', '.join(funnel.DIMENSIONS)}")
    return by


def goals_page(desk: Desk, query: Query, message: str = "") -> str:
    """Render Goals; `cut`, in percent, is tried on the last quarter.

    Raises
    ------
    RequestError : 422, the cut is no share.
    """
    cut, text = None, query.get("cut", "").strip().rstrip("%")
    if text:
        try:
            cut = float(text) / 100.0
        except ValueError as error:
            raise RequestError(422, f"cut: expected percent (got {text[:40]!r})") from error
        if not 0 <= cut <= 1:
            raise RequestError(422, f"cut: expected 0 to 100 percent (got {text[:40]!r})")
    if message:
        situation = desk.situation()
        data = goals.view(situation, cut, message)
        return render("goals", data, LINKS, foot=_foot(desk, situation))
    return _text(desk, _goals(desk, cut))


def model_page(desk: Desk, _query: Query) -> str:
    """Render Model."""
    return _text(desk, _wanted(desk, "model", "Model", "model", model.view))


def health_page(desk: Desk, _query: Query) -> str:
    """Render Health, which has to work when nothing else does."""
    served = desk.scorer.champion.model if desk.ready else None
    history, leads, problem, coming = None, 0, desk.problem, []
    try:
        history = desk.situation().history
    except BeingMadeError as error:
        coming = [model.Check("Queue", "good", error.told)]
    except (NotReadyError, EmptyHistoryError, StoreError) as error:
        problem = problem or str(error)
    try:
        leads = desk.store.counts("leads")["leads"] if history is None else 0
    except StoreError as error:
        problem = problem or str(error)
    found = model.checks(history, served, desk.now(), problem, leads) + coming
    if history is not None:
        found += watched(desk)
    return render("health", model.health(found), LINKS)


def watched(desk: Desk) -> list[model.Check]:
    """Return what the monitor found as lines of Health."""
    try:
        found = desk.watched()
    except BeingMadeError as error:
        return [model.Check(_ARRIVES, "good", error.told)]
    return arriving(found.report) + [
        model.Check(f"Promises of {each['horizon']} days", "good", words)
        for each in found.outcomes
        for words in early_words(each)
    ]


def arriving(report: Report) -> list[model.Check]:
    """Return what the monitor found in what arrives as lines of Health."""
    lines = [
        model.Check(
            each.subject,
            "bad" if each.severity == "urgent" else "look",
            f"{each.cause} {each.next_step}",
        )
        for each in report.alerts
    ]
    if lines:
        return lines
    judged = report.as_json()["judged"]
    words = (
        f"as in the {report.reference_weeks} weeks before"
        if judged
        else f"too early to judge: {report.reference_weeks} whole weeks to compare with"
    )
    return [model.Check(_ARRIVES, "good" if judged else "look", words)]


_ARRIVES = "What arrives"


def being_made(error: BeingMadeError, back: str) -> str:
    """Render what is shown in place of a page until it is there; browsers ask again by themselves.

    Parameters
    ----------
    error : what is being made, and since when.
    back : where it will be; the same address where empty.
    """
    begun = f"It was begun {error.since_s:.0f} seconds ago. " if error.since_s >= 2 else ""
    more = (
        f"{begun}With many leads that takes a while. Later the last one is shown while a new "
        "one is made.",
        "This page looks again by itself every few seconds.",
    )
    words = f"{_capital(error.words)} for the first time."
    return notice("One moment", words, back=back, more=more, again=True)


def notice(
    title: str,
    message: str,
    *,
    back: str = "/",
    bad: bool = False,
    more: Sequence[str] = (),
    steps: Sequence[tuple[str, str]] = (),
    again: bool = False,
) -> str:
    """Render a page with one message.

    Parameters
    ----------
    title, message : what it says; what stands between backticks is to be typed.
    back : where its link leads.
    bad : something went wrong.
    more : further paragraphs.
    steps : commands to type, each with what it does, in place of the link.
    again : the link looks again.
    """
    data = {"title": title, "message": message, "back": back, "bad": bad, "more": more}
    return render("notice", {**data, "steps": steps, "again": again}, LINKS)


def nothing_yet(message: str) -> str:
    """Render what is shown before there are leads and a model: what is missing, and the way."""
    more = (
        "Three commands lead here; whoever runs smarketing for you types them. `smarketing demo` "
        "goes the whole way on a sample company, to look around first.",
    )
    return notice("Nothing to show yet", _capital(message), more=more, steps=_STEPS)


_STEPS = (
    ("smarketing ingest SOURCE", "takes in what marketing and sales did, from a CRM or files;"),
    ("smarketing train", "learns from it which leads convert, and says how right that is;"),
    ("smarketing promote", "lets the model serve: from then on the queue is here."),
)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


PAGES: Mapping[str, Callable[[Desk, Query], str]] = {
    "/pages/drivers": drivers_page,
    "/pages/funnel": funnel_page,
    "/pages/goals": goals_page,
    "/pages/model": model_page,
    "/pages/health": health_page,
}


def _drivers(desk: Desk, focus: Focus) -> Wanted:
    words = "What drives conversion"
    return _wanted(desk, f"drivers {focus}", words, "drivers", lambda now: drivers.view(now, focus))


def _funnel(desk: Desk, by: str) -> Wanted:
    return _wanted(desk, f"funnel {by}", "Funnel", "funnel", lambda now: funnel.view(now, (by,)))


def _goals(desk: Desk, cut: float | None) -> Wanted:
    return _wanted(desk, f"goals {cut}", "Goals", "goals", lambda now: goals.view(now, cut))


def _wanted(desk: Desk, key: str, words: str, name: str, view: View) -> Wanted:
    """Return a page of a situation; nothing on it depends on who looks."""
    return Wanted(
        f"page {key}",
        f"the page {words} is being made",
        lambda now: render(name, view(now), LINKS, foot=_foot(desk, now)),
    )


def _text(desk: Desk, wanted: Wanted) -> str:
    text: str = desk.shown(wanted)
    return text


def _foot(desk: Desk, situation: Situation) -> str:
    text = f"As of {situation.now:%d %B %Y %H:%M} UTC, scored by version {situation.version}."
    return f"{text} {desk.problem}" if desk.problem else text
