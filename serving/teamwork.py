"""What the pages show, as JSON, and decisions on leads through the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request

from alignment.pages import funnel, goals, today
from alignment.pages.movement import WARNING, as_json, check
from history.teamwork import disposed_since
from serving import reading
from serving.desk import Desk
from serving.errors import EmptyHistoryError, RequestError
from serving.pages.acting import act
from serving.pages.views import choice_of, dimension, focus_of
from serving.prepared import View, Wanted

_MOST_QUEUED = 1000


def answers_of(desk: Desk) -> dict[str, Callable[[Request], Any]]:
    """Return what answers GET, by path."""
    return {
        "/queue": lambda request: _queue(desk, request),
        "/importance": lambda request: _importance(desk, request),
        "/funnel": lambda request: _funnel(desk, request),
        "/goals": lambda _request: _goals(desk),
        "/monitor": lambda _request: _monitor(desk),
    }


def decide(desk: Desk, rows: Sequence[dict[str, Any]]) -> int:
    """Take decisions that are made now; return how many.

    Raises
    ------
    ConflictError : somebody else was quicker with one; the ones before it stand.
    """
    for row in rows:
        act(desk, row, row["seen"])
    return len(rows)


def _shown(desk: Desk, key: str, make: View) -> dict[str, Any]:
    wanted = Wanted(f"json {key}", f"{key} is being made", make)
    found: dict[str, Any] = desk.shown(wanted, desk.api_patience_s)
    return found


def _queue(desk: Desk, request: Request) -> dict[str, Any]:
    limit = reading.whole_number(request, "limit", 50, _MOST_QUEUED)
    choice = choice_of(request.query_params, limit, show="all")
    try:
        situation = desk.situation(desk.api_patience_s)
    except EmptyHistoryError as error:
        empty = {"open_leads": 0, "total": 0, "page": 1, "pages": 1, "cut": 0.0}
        return {**empty, "leads": [], "message": str(error)}
    with desk.store.reading() as connection:
        done = disposed_since(connection, situation.now)
    return today.as_json(situation, choice, None if choice.show == "all" else done)


def _importance(desk: Desk, request: Request) -> dict[str, Any]:
    focus = focus_of(request.query_params)
    if desk.ready:
        try:
            check(desk.scorer.champion.model, focus)
        except ValueError as error:
            raise RequestError(422, str(error)) from error
    try:
        return _shown(desk, f"importance {focus}", lambda now: as_json(now, focus))
    except EmptyHistoryError as error:
        lists: dict[str, Any] = {"features": [], "channels": [], "run": []}
        return {"note": WARNING, **lists, "leads": 0, "message": str(error)}


def _funnel(desk: Desk, request: Request) -> dict[str, Any]:
    by = dimension(request.query_params)
    try:
        return _shown(desk, f"funnel {by}", lambda now: funnel.as_json(now, by))
    except EmptyHistoryError as error:
        lists = ("stages", "values", "months", "cohorts", "campaigns", "spend")
        empty: dict[str, Any] = {name: [] for name in lists}
        return {**empty, "since": "", "by": by, "attribution": {}, "message": str(error)}


def _goals(desk: Desk) -> dict[str, Any]:
    try:
        return _shown(desk, "goals", goals.as_json)
    except EmptyHistoryError as error:
        return {
            "period": "", "elapsed": 0.0, "agreement": {}, "proposed": {}, "attainment": [],
            "forecast": {}, "qualification": {}, "message": str(error),
        }  # fmt: skip


def _monitor(desk: Desk) -> dict[str, Any]:
    try:
        return {**desk.watched(desk.api_patience_s).as_json(), "message": ""}
    except EmptyHistoryError as error:
        return {
            "as_of": desk.now().isoformat(), "signals": 0, "reference_weeks": 0, "judged": False,
            "alerts": [], "outcomes": [], "shadow": [], "message": str(error),
        }  # fmt: skip
