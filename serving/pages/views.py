"""Each page of the service: what was asked, what it shows, and where it lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alignment.pages import drivers, funnel, goals, lead, model, render, served_links, today
from alignment.pages.movement import Focus
from alignment.situation import Situation
from history import StoreError
from history.teamwork import disposed_since, disposition_counts
from serving.desk import Desk
from serving.errors import EmptyHistoryError, NotReadyError, RequestError, UnknownLeadError
from serving.reading import whole

Query = Mapping[str, str]
LINKS = served_links()
_MOST_KEPT = 200
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
        **desk.beside(lead_id, now),
    )
    return render("lead", data, LINKS)


def prepare(desk: Desk, old: Situation, new: Situation) -> None:
    """Make the pages that take longest again, where somebody has looked at them."""
    for key, name, view in (_drivers(Focus()), _funnel("source")):
        if f"page {key}" in old.kept:
            _of(desk, new, key, name, view)


def drivers_page(desk: Desk, query: Query) -> str:
    """Render What drives conversion."""
    return _of(desk, desk.situation(), *_drivers(focus_of(query)))


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
    return _of(desk, desk.situation(), *_funnel(by))


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
    situation = desk.situation()
    return render("goals", goals.view(situation, cut, message), LINKS, foot=_foot(desk, situation))


def model_page(desk: Desk, _query: Query) -> str:
    """Render Model."""
    return _of(desk, desk.situation(), "model", "model", model.view)


def health_page(desk: Desk, _query: Query) -> str:
    """Render Health, which has to work when nothing else does."""
    served = desk.scorer.champion.model if desk.ready else None
    history, leads, problem = None, 0, desk.problem
    try:
        leads = desk.store.counts()["leads"]
        history = desk.situation().history
    except (NotReadyError, EmptyHistoryError, StoreError) as error:
        problem = problem or str(error)
    found = model.checks(history, served, desk.now(), problem, leads)
    if history is not None:
        found += watched(desk)
    return render("health", model.health(found), LINKS)


def watched(desk: Desk) -> list[model.Check]:
    """Return what the monitor found as lines of Health."""
    report = desk.watch.get(desk.store, desk.now()).report
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
    return [model.Check("What arrives", "good" if judged else "look", words)]


def notice(title: str, message: str, *, back: str = "/", bad: bool = False) -> str:
    """Render a page with one message."""
    data: dict[str, Any] = {
        "title": title,
        "message": message,
        "back": back,
        "more": (),
        "bad": bad,
    }
    return render("notice", data, LINKS)


PAGES: Mapping[str, Callable[[Desk, Query], str]] = {
    "/pages/drivers": drivers_page,
    "/pages/funnel": funnel_page,
    "/pages/goals": goals_page,
    "/pages/model": model_page,
    "/pages/health": health_page,
}


View = Callable[[Situation], dict[str, Any]]


def _drivers(focus: Focus) -> tuple[str, str, View]:
    return f"drivers {focus}", "drivers", lambda now: drivers.view(now, focus)


def _funnel(by: str) -> tuple[str, str, View]:
    return f"funnel {by}", "funnel", lambda now: funnel.view(now, (by,))


def _of(desk: Desk, situation: Situation, key: str, name: str, view: View) -> str:
    """Render a page once for each situation; nothing on it depends on who looks."""

    def make() -> str:
        return render(name, view(situation), LINKS, foot=_foot(desk, situation))

    return make() if len(situation.kept) > _MOST_KEPT else situation.once(f"page {key}", make)


def _foot(desk: Desk, situation: Situation) -> str:
    text = f"As of {situation.now:%d %B %Y %H:%M} UTC, scored by version {situation.version}."
    return f"{text} {desk.problem}" if desk.problem else text
