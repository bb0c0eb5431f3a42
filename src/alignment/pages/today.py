"""Today: who next, why, and by when."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment.dispositions import RULES
from alignment.funnel import UNKNOWN
from alignment.handoff import in_order
from alignment.pages import parts
from alignment.situation import Situation

Places = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
PER_PAGE = 20
SHOWN = {
    "today": "To work now",
    "overdue": "Overdue",
    "below": "Below the cut",
    "working": "In work",
    "all": "All open",
}
_SOON_H = 24


@dataclass(frozen=True)
class Choice:
    """What part of the queue somebody wants to see.

    Parameters
    ----------
    show : a key of `SHOWN`.
    owner, campaign, source : only leads of these, empty for all.
    page : from 1.
    size : leads on a page.
    """

    show: str = "today"
    owner: str = ""
    campaign: str = ""
    source: str = ""
    page: int = 1
    size: int = PER_PAGE


def chosen(situation: Situation, choice: Choice, done: Mapping[str, str] | None = None) -> Places:
    """Return the leads of a choice in the order of work, as places in the worklist.

    Parameters
    ----------
    situation : as it was a moment ago.
    choice : what to see.
    done : the last action on leads that were disposed of since: they are not waiting any more.
    """
    places = np.flatnonzero(_part(situation, choice, _there(situation, done)))
    if choice.show != "today":
        return places
    waiting = situation.worklist[["lead_id", "probability", "handed_at"]].iloc[places]
    ordered = in_order(waiting.assign(place=places), situation.terms.holdout_share)
    return ordered["place"].to_numpy(dtype=np.int64)


def paged(places: Places, choice: Choice) -> Places:
    """Return the places on the chosen page."""
    start = (choice.page - 1) * choice.size
    return places[start : start + choice.size]


def _there(situation: Situation, done: Mapping[str, str] | None) -> Bools:
    """Tell which leads nobody has acted on since."""
    ids = situation.worklist["lead_id"]
    return ~ids.isin(set(done)).to_numpy() if done else np.ones(len(ids), dtype=bool)


def _part(situation: Situation, choice: Choice, there: Bools) -> Bools:
    """Tell which leads belong to a choice. No rows are copied: a queue may be long."""
    work, found = situation.worklist, there
    for name in ("owner", "campaign", "source"):
        wanted = getattr(choice, name)
        if wanted:
            found = found & (work[name] == wanted).to_numpy(dtype=bool)
    if choice.show == "all":
        return found
    waiting = found & situation.waiting
    qualified = work["qualified"].to_numpy(dtype=bool)
    parts_of: dict[str, Callable[[], Bools]] = {
        "today": lambda: waiting & qualified,
        "overdue": lambda: waiting & qualified & work["overdue"].to_numpy(dtype=bool),
        "below": lambda: waiting & ~qualified,
        "working": lambda: found & (work["state"] == "working").to_numpy(dtype=bool),
    }
    return parts_of[choice.show]()


def view(
    situation: Situation,
    choice: Choice,
    done: Mapping[str, str] | None = None,
    counts: Mapping[str, int] | None = None,
    message: str = "",
    *,
    bad: bool = False,
    me: str = "",
) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    situation, choice, done : as in `chosen`.
    counts : how many dispositions each lead has now, where it is known better than in the
        situation.
    message, bad : what became of an action, and whether it failed.
    me : the owner who looks, where they have said so.
    """
    found = chosen(situation, choice, done)
    pages = max(1, math.ceil(len(found) / choice.size))
    page = min(max(1, choice.page), pages)
    work = situation.worklist
    shown = work.iloc[paged(found, replace(choice, page=page))]
    rows = situation.explained(shown).to_dict("records")
    cards = [card(situation, row, counts or {}) for row in rows]
    there = _there(situation, done)
    tallies = {name: int(_part(situation, Choice(show=name), there).sum()) for name in SHOWN}
    mine = int(_part(situation, Choice(owner=me), there).sum()) if me else 0
    return {
        "title": "Today",
        "choice": choice,
        "message": message,
        "bad": bad,
        "page_number": page,
        "pages_in_all": pages,
        "total": len(found),
        "first": (page - 1) * choice.size + 1,
        "cards": cards,
        "shown": SHOWN,
        "tallies": tallies,
        "me": me,
        "mine": mine,
        "owners": _names(situation, "owner"),
        "campaigns": _names(situation, "campaign"),
        "sources": _names(situation, "source"),
        "rules": RULES,
        "cut": parts.share(situation.cut),
        "capacity": parts.number(situation.terms.capacity_per_week),
        "hours": parts.span(situation.terms.handoff_hours),
        "open_leads": len(work),
        "horizon": situation.horizon,
    }


def card(situation: Situation, row: Mapping[Any, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """Return one lead as the queue shows it."""
    lead_id = str(row["lead_id"])
    ready = row["state"] == "ready"
    due = row["due_at"]
    if ready:
        due = situation.now + pd.Timedelta(hours=situation.terms.handoff_hours)
    left = math.nan if pd.isna(due) else (due - situation.now) / pd.Timedelta(hours=1)
    return {
        "lead_id": lead_id,
        "grade": row["grade"],
        "probability": parts.share(row["probability"]),
        "score": f"{row['score']:.0f}",
        "worth": parts.money(row["expected_value"]),
        "reasons": [parts.reason(each) for each in row["reasons"]],
        "about": [
            str(row[name]).replace("_", " ")
            for name in ("source", "segment")
            if row[name] != UNKNOWN
        ],
        "owner": "" if row["owner"] == UNKNOWN else row["owner"],
        "given": _given("" if row["owner"] == UNKNOWN else row["owner"], row["routed"]),
        "campaign": "" if row["campaign"] == UNKNOWN else row["campaign"],
        "stage": row["stage"],
        "state": row["state"],
        "waiting": row["state"] in ("waiting", "ready"),
        "clock": parts.clock(due, situation.now) if row["state"] != "working" else "",
        "late": left < 0,
        "soon": 0 <= left < _SOON_H,
        "because": row["because"],
        "explored": bool(row["explored"]),
        "seen": counts.get(lead_id, int(row["seen"])),
    }


def _given(owner: str, why: str) -> str:
    """Say whose a lead is, and why, where we gave it to them or could not."""
    told = f" ({why})" if why and why != "had it already" else ""
    return f"for {owner}{told}" if owner else f"for nobody yet{told}" if told else ""


def as_json(
    situation: Situation, choice: Choice, done: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the queue as data: the leads of a choice, a page of them."""
    found = chosen(situation, choice, done)
    part = situation.explained(situation.worklist.iloc[paged(found, choice)])
    inner = ("row", "created_at", "because", "touched", "holdout", "given")
    columns = [name for name in part if name not in inner]
    part = part[columns]
    plain = part.astype(object).where(part.notna(), None)
    leads = [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
    return {
        "open_leads": len(situation.frame),
        "total": len(found),
        "page": choice.page,
        "pages": max(1, math.ceil(len(found) / choice.size)),
        "cut": situation.cut,
        "leads": leads,
        "message": "",
    }


def _names(situation: Situation, name: str) -> list[str]:
    return situation.names[name]
