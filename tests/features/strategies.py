"""Random histories that go where mistakes live: edges, ties, late records, strangers."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from hypothesis import strategies as st

from features.declaration import Feature
from history import STAGES, History
from history.tables import ACTIONS, DIRECTIONS, TEAMS

BASE = pd.Timestamp("2024-03-29", tz="UTC").as_unit("us")
"""Two days before clocks change in Europe, on a Friday before a change of month."""

LEADS = ("a", "b", "c", "d", "e")
STRANGER = "nobody we know"
KINDS = ("open", "click", "call")
CHANNELS = ("email", "web", "phone")
WINDOWS = (1, 3, 7, None)
_MICROSECOND = pd.Timedelta(microseconds=1)
_OFFSETS = (
    pd.Timedelta(0),
    -_MICROSECOND,
    _MICROSECOND,
    pd.Timedelta(microseconds=999_999),
    pd.Timedelta(seconds=1),
    pd.Timedelta(hours=5),
    pd.Timedelta(hours=23, minutes=30),
)
_LAGS = (None, None, pd.Timedelta(0), _MICROSECOND, *(pd.Timedelta(days=d) for d in (1, 3, 40, -2)))


def instants() -> st.SearchStrategy[pd.Timestamp]:
    """Few distinct instants, a day apart and a microsecond around it, so that edges are hit."""
    days = st.integers(0, 12)
    return st.builds(lambda day, off: BASE + pd.Timedelta(days=day) + off, days, _of(_OFFSETS))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a history of a few leads at two accounts."""
    leads = [
        {
            "lead_id": lead,
            "created_at": draw(instants()) - pd.Timedelta(days=draw(st.integers(0, 3))),
            "account_id": draw(_of(("x", "x", "y", None))),
            "industry": draw(_of(("steel", "retail", None))),
            "budget": draw(_of((1.5, 2e6, None))),
        }
        for lead in LEADS[: draw(st.integers(1, len(LEADS)))]
    ]
    accounts = [
        {"account_id": name, "created_at": draw(st.none() | instants()), "size": size}
        for name, size in (("x", 10.0), ("z", 20.0))
    ]
    tables = {
        "leads": leads,
        "accounts": accounts,
        "engagements": _events(draw, "engagement_id", _engagement, 40),
        "outcomes": _events(draw, "outcome_id", _outcome, 12),
        "dispositions": _events(draw, "disposition_id", _disposition, 6),
        "attribute_history": _changes(draw),
    }
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items() if rows}
    return History.from_frames(frames, observed_until=BASE + pd.Timedelta(days=60))


@st.composite
def snapshots_of(draw: st.DrawFn, history: History, most: int = 12) -> pd.DataFrame:
    """Draw snapshots of a history's leads, in no order, some of them twice."""
    leads = history.leads["lead_id"].tolist()
    rows = draw(st.lists(st.tuples(_of(leads), instants()), min_size=1, max_size=most))
    return pd.DataFrame(rows, columns=["lead_id", "as_of"])


def _events(
    draw: st.DrawFn, key: str, cells: Callable[[st.DrawFn], dict[str, object]], most: int
) -> list[dict[str, object]]:
    """Draw rows with both clocks; ids fall in another order than the rows."""
    size = draw(st.integers(0, most))
    ids = draw(st.permutations(range(size)))
    rows = []
    for ident in ids:
        occurred, lag = draw(instants()), draw(_of(_LAGS))
        rows.append(
            {
                key: f"{ident:03d}",
                "lead_id": draw(_of((*LEADS, STRANGER))),
                "occurred_at": occurred,
                "recorded_at": None if lag is None else occurred + lag,
                **cells(draw),
            }
        )
    return rows


def _engagement(draw: st.DrawFn) -> dict[str, object]:
    return {
        "kind": draw(_of(KINDS)),
        "team": draw(_of((*TEAMS, None))),
        "channel": draw(_of((*CHANNELS, None))),
        "campaign": draw(_of(("spring", None))),
        "direction": draw(_of((*DIRECTIONS, None))),
        "value": draw(_of((None, None, 0.0, 0.01, 0.005, -5.25, 12345.67, 1e11))),
        "duration_s": draw(_of((None, 0.0, 0.0005, 61.25, 1e6))),
    }


def _outcome(draw: st.DrawFn) -> dict[str, object]:
    return {"stage": draw(_of(STAGES)), "amount": draw(_of((None, 100.0, 99.99)))}


def _disposition(draw: st.DrawFn) -> dict[str, object]:
    return {"action": draw(_of(ACTIONS)), "reason": draw(_of(("no budget", None)))}


def _changes(draw: st.DrawFn) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for ident in range(draw(st.integers(0, 8))):
        entity, entity_id = draw(_of((("lead", "a"), ("lead", "b"), ("account", "x"))))
        field = draw(_of(("industry", "budget"))) if entity == "lead" else "size"
        values = ("steel", "mining", None) if field == "industry" else (5.0, "7", "much", None)
        valid, lag = draw(instants()), draw(_of(_LAGS))
        rows.append(
            {
                "change_id": f"{ident:03d}",
                "entity": entity,
                "entity_id": entity_id,
                "field": field,
                "value": draw(_of(values)),
                "valid_from": valid,
                "recorded_at": None if lag is None else valid + lag,
            }
        )
    return rows


def _of(values: object) -> st.SearchStrategy:
    return st.sampled_from(values)  # type: ignore[arg-type]


def every_feature() -> tuple[Feature, ...]:
    """Declare every aggregate of every source over every window, with and without filters."""
    return tuple(_of_rows()) + tuple(_of_colleagues()) + tuple(_of_snapshots())


def _named(source: str, aggregate: str, **rest: object) -> Feature:
    name = "/".join(str(part) for part in (source, aggregate, *rest.values()))
    return Feature(name, name, source, aggregate, **rest)  # type: ignore[arg-type]


_FILTERS: tuple[dict[str, tuple[str, ...]], ...] = (
    {},
    {"kind": ("click", "a kind never seen")},
    {"channel": ("web", "email"), "team": ("sales",)},
)


def _of_rows() -> list[Feature]:
    found = []
    for window in WINDOWS:
        for where in _FILTERS:
            rest = {"where": where, "window_days": window}
            for aggregate in ("count", "any", "days_since_last", "days_since_first"):
                found.append(_named("engagements", aggregate, **rest))
            for aggregate in ("active_days", "gap_mean_days", "gap_std_days"):
                found.append(_named("engagements", aggregate, **rest))
            for column in ("value", "duration_s"):
                for aggregate in ("sum", "mean", "max", "last"):
                    found.append(_named("engagements", aggregate, column=column, **rest))
            for column in ("channel", "campaign"):
                for aggregate in ("distinct", "current"):
                    found.append(_named("engagements", aggregate, column=column, **rest))
        found.append(_named("stages", "current", column="stage", window_days=window))
        found.append(_named("stages", "sum", column="amount", window_days=window))
        found.append(_named("dispositions", "count", window_days=window))
        found.append(_named("dispositions", "distinct", column="reason", window_days=window))
    return found


def _of_colleagues() -> list[Feature]:
    found = []
    for window in WINDOWS:
        for where in _FILTERS:
            rest = {"where": where, "window_days": window}
            for aggregate in ("count", "any", "days_since_last", "days_since_first"):
                found.append(_named("colleagues", aggregate, **rest))
            for aggregate in ("sum", "mean"):
                found.append(_named("colleagues", aggregate, column="value", **rest))
            found.append(_named("colleagues", "distinct", column="lead_id", **rest))
        won = {"stage": ("won",)}
        found.append(_named("colleague_stages", "count", where=won, window_days=window))
        found.append(_named("members", "count", window_days=window))
        found.append(_named("members", "days_since_last", window_days=window))
    return found


def _of_snapshots() -> list[Feature]:
    clocks = ("age_days", "created_weekday", "created_hour", "as_of_weekday", "as_of_month")
    whole, part = (_named("engagements", "count", column=None, window_days=w) for w in (None, 3))
    return [
        *(_named("timing", "clock", column=column) for column in clocks),
        _named("lead", "attribute", column="industry", categorical=True),
        _named("lead", "attribute", column="budget"),
        _named("account", "attribute", column="size"),
        _named("account", "attribute", column="of no column", categorical=True),
        whole,
        part,
        _named("ratio", "ratio", of=(part.name, whole.name)),
    ]
