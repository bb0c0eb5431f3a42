"""What every feature means, in plain Python, row by row: slow, and obviously right.

Nothing here is shared with the kernel but the words of the declaration. Each function is the
definition that a person would give; the tests demand equality with the kernel to the last bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from features.declaration import Feature
from history import STAGES, History

NAN = float("nan")
DAY_US = 24 * 60 * 60 * 1_000_000
DAY_S = 86_400.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCALES = {"value": 100.0, "amount": 100.0, "duration_s": 1000.0}
TABLE = {
    "engagements": "engagements",
    "colleagues": "engagements",
    "stages": "outcomes",
    "colleague_stages": "outcomes",
    "dispositions": "dispositions",
    "members": "leads",
}
OF_COLLEAGUES = ("colleagues", "colleague_stages", "members")


@dataclass(frozen=True)
class Row:
    """One thing that happened: when, when we knew, its place among equals, and what it says."""

    lead: str
    occurred: int
    recorded: int
    tie: tuple[Any, ...]
    cells: dict[str, Any]


class Reference:
    """Computes features of one snapshot at a time by looking at every row of the history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.leads = {row["lead_id"]: row for row in _records(history.leads)}
        self.accounts = {row["account_id"]: row for row in _records(history.accounts)}
        self.rows = {source: self._rows(source) for source in TABLE}
        self.changes = sorted(
            _records(history.attribute_history),
            key=lambda row: (row["valid_from"], row["recorded_at"], row["change_id"]),
        )

    def compute(
        self, lead: str, as_of: pd.Timestamp, features: Sequence[Feature]
    ) -> dict[str, Any]:
        """Return the value of every feature at one snapshot."""
        now = instant(as_of)
        values = {f.name: self._value(f, lead, now) for f in features if f.source != "ratio"}
        for feature in features:
            if feature.of:
                above, below = (values[name] for name in feature.of)
                values[feature.name] = NAN if below == 0 else above / below
        return {feature.name: values[feature.name] for feature in features}

    def _rows(self, source: str) -> list[Row]:
        if source == "members":
            return [
                Row(lead, row["created_at"], row["created_at"], (lead,), row)
                for lead, row in self.leads.items()
            ]
        key = {"outcomes": "outcome_id", "dispositions": "disposition_id"}
        table = TABLE[source]
        return [
            Row(
                row["lead_id"],
                row["occurred_at"],
                row["recorded_at"],
                _tie(row, key.get(table, "engagement_id")),
                row,
            )
            for row in _records(getattr(self.history, table))
        ]

    def _value(self, feature: Feature, lead: str, now: int) -> Any:
        if feature.source in ("lead", "account"):
            return self._attribute(feature, lead, now)
        if feature.source == "timing":
            return clock(str(feature.column), self.leads[lead]["created_at"], now)
        rows = [row for row in self._seen_by(feature, lead, now) if passes(feature, row)]
        rows.sort(key=lambda row: (row.occurred, row.tie))
        return AGGREGATES[feature.aggregate](rows, feature.column, now)

    def _seen_by(self, feature: Feature, lead: str, now: int) -> list[Row]:
        """Return the rows of the lead itself, or of the other leads at its account."""
        rows = [row for row in self.rows[feature.source] if known(row, feature, now)]
        if feature.source not in OF_COLLEAGUES:
            return [row for row in rows if row.lead == lead]
        account = self.leads[lead]["account_id"]
        colleagues = {
            other
            for other, row in self.leads.items()
            if account and row["account_id"] == account and row["created_at"] < now
        }
        return [row for row in rows if row.lead in colleagues - {lead}]

    def _attribute(self, feature: Feature, lead: str, now: int) -> Any:
        entity, ident = feature.source, lead
        if entity == "account":
            ident = self.leads[lead]["account_id"]
        seen = [
            row
            for row in self.changes
            if (row["entity"], row["entity_id"], row["field"]) == (entity, ident, feature.column)
            and row["valid_from"] < now
            and row["recorded_at"] < now
        ]
        if seen:
            value = seen[-1]["value"]
        else:
            home = self.leads if entity == "lead" else self.accounts
            row = home.get(ident) or {}
            unknown_yet = row.get("created_at") is not None and row["created_at"] >= now
            value = None if unknown_yet else row.get(feature.column)
        if value is None:
            return NAN
        return str(value) if feature.categorical else number(value)


def instant(value: pd.Timestamp) -> int:
    """Return microseconds since 1970, by calendar arithmetic."""
    return (value.to_pydatetime() - EPOCH) // timedelta(microseconds=1)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: _plain(value) for name, value in zip(frame.columns, row, strict=True)}
        for row in frame.itertuples(index=False, name=None)
    ]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return instant(value) if isinstance(value, pd.Timestamp) else value


def _tie(row: dict[str, Any], key: str) -> tuple[Any, ...]:
    """Return what decides between equal times: the id, and the funnel first where there is one."""
    if "stage" in row:
        return row["recorded_at"], STAGES.index(row["stage"]), row[key]
    return (row[key],)


def known(row: Row, feature: Feature, now: int) -> bool:
    """Tell whether a row happened and was recorded before the cutoff, within the window."""
    earliest = -math.inf if feature.window_days is None else now - feature.window_days * DAY_US
    return earliest <= row.occurred < now and row.recorded < now


def passes(feature: Feature, row: Row) -> bool:
    """Tell whether a row has one of the values asked for in every column asked for."""
    return all(row.cells.get(column) in values for column, values in feature.where.items())


def number(value: Any) -> float:
    """Return a number, missing where it is none."""
    try:
        return float(value)
    except ValueError:
        return NAN


def units(rows: list[Row], column: str | None) -> list[int]:
    """Return the numbers that there are, in their smallest unit."""
    found = [row.cells[str(column)] for row in rows]
    return [round(value * SCALES[str(column)]) for value in found if value is not None]


def total(rows: list[Row], column: str | None, _now: int) -> float:
    """Return the sum; of nothing it is 0."""
    return float(sum(units(rows, column))) / SCALES[str(column)]


def mean(rows: list[Row], column: str | None, _now: int) -> float:
    """Return the mean of the numbers that there are."""
    numbers = units(rows, column)
    if not numbers:
        return NAN
    return float(sum(numbers)) / float(len(numbers)) / SCALES[str(column)]


def largest(rows: list[Row], column: str | None, _now: int) -> float:
    """Return the largest number."""
    return max(units(rows, column), default=NAN) / SCALES[str(column)]


def last(rows: list[Row], column: str | None, _now: int) -> float:
    """Return the last number that there is."""
    return [NAN, *units(rows, column)][-1] / SCALES[str(column)]


def days_since(row: Row, now: int) -> float:
    """Return the days from a row to the cutoff."""
    return (now - row.occurred) / float(DAY_US)


def gaps(rows: list[Row]) -> list[int]:
    """Return the whole seconds between each row and the next."""
    seconds = [row.occurred // 1_000_000 for row in rows]
    return [later - earlier for earlier, later in itertools.pairwise(seconds)]


def gap_mean(rows: list[Row], _column: str | None, _now: int) -> float:
    """Return the average gap; one row has none."""
    found = gaps(rows)
    return float(sum(found)) / len(found) / DAY_S if found else NAN


def gap_std(rows: list[Row], _column: str | None, _now: int) -> float:
    """Return the deviation of the gaps; one gap has none."""
    found = gaps(rows)
    if len(found) < 2:
        return NAN
    average = float(sum(found)) / len(found)
    squares = float(sum(gap * gap for gap in found)) / len(found)
    return math.sqrt(max(0.0, squares - average * average)) / DAY_S


def current(rows: list[Row], column: str | None, _now: int) -> Any:
    """Return what the last row says."""
    value = rows[-1].cells[str(column)] if rows else None
    return NAN if value is None else value


def distinct(rows: list[Row], column: str | None, _now: int) -> float:
    """Return how many different values there are."""
    values = {row.lead if column == "lead_id" else row.cells[str(column)] for row in rows}
    return float(len(values - {None}))


def clock(column: str, created: int, now: int) -> float:
    """Return what the calendar says of a snapshot."""
    born, today = (EPOCH + timedelta(microseconds=value) for value in (created, now))
    return {
        "age_days": (now - created) / float(DAY_US),
        "created_weekday": float(born.weekday()),
        "created_hour": float(born.hour),
        "as_of_weekday": float(today.weekday()),
        "as_of_month": float(today.month),
    }[column]


AGGREGATES = {
    "count": lambda rows, _column, _now: float(len(rows)),
    "any": lambda rows, _column, _now: 1.0 if rows else 0.0,
    "sum": total,
    "mean": mean,
    "max": largest,
    "last": last,
    "days_since_last": lambda rows, _column, now: days_since(rows[-1], now) if rows else NAN,
    "days_since_first": lambda rows, _column, now: days_since(rows[0], now) if rows else NAN,
    "active_days": lambda rows, _column, _now: float(len({r.occurred // DAY_US for r in rows})),
    "distinct": distinct,
    "current": current,
    "gap_mean_days": gap_mean,
    "gap_std_days": gap_std,
}
