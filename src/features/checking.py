"""Declarations that cannot be meant are refused, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from features.declaration import Feature, Group
from features.logs import NUMBER_SCALES
from history.tables import TABLES, Table

TABLE_OF = {
    "engagements": "engagements",
    "colleagues": "engagements",
    "stages": "outcomes",
    "colleague_stages": "outcomes",
    "dispositions": "dispositions",
    "members": "leads",
}
"""The table that each source of rows reads."""

COLLEAGUE_SOURCES = frozenset({"colleagues", "colleague_stages", "members"})
OF_NUMBERS = frozenset({"sum", "mean", "max", "last"})
OF_CATEGORIES = frozenset({"distinct", "current"})
CLOCKS = ("age_days", "created_weekday", "created_hour", "as_of_weekday", "as_of_month")
_SNAPSHOT = ("lead_id", "as_of", "account_id")
"""What names a snapshot stands in the frame of a training set already."""
_OF_ROWS = OF_NUMBERS | OF_CATEGORIES | {
    "count", "any", "days_since_last", "days_since_first", "active_days", "gap_mean_days",
    "gap_std_days",
}  # fmt: skip
_OF_COLLEAGUES = {"count", "sum", "mean", "any", "days_since_last", "days_since_first"}


def check(features: Sequence[Feature]) -> None:
    """Refuse declarations that contradict themselves, each other or the contracts.

    Raises
    ------
    ValueError : names the feature, what is wrong with it and what there is instead.
    """
    names = [feature.name for feature in features]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"feature {min(twice)!r} is declared twice")
    for feature in features:
        problem = _problem(feature, set(names))
        if problem:
            raise ValueError(f"feature {feature.name!r}: {problem}")


def _problem(feature: Feature, names: set[str]) -> str:
    return _problem_of_words(feature) or _problem_of_source(feature, names)


def _problem_of_words(feature: Feature) -> str:
    if feature.name in _SNAPSHOT:
        return f"{', '.join(_SNAPSHOT)} name a snapshot: call it otherwise"
    if feature.group not in get_args(Group):
        return f"{feature.group!r} is no group; the groups are {', '.join(get_args(Group))}"
    given: Mapping[str, object] = feature.where  # a notebook is seldom type-checked
    for name, values in given.items():
        if isinstance(values, str):
            return f"where {name!r} takes a tuple of values: write ({values!r},)"
        if not values:
            return f"where {name!r} has no values: no row could pass"
    return ""


def _problem_of_source(feature: Feature, names: set[str]) -> str:
    if feature.source == "ratio":
        if feature.of is None:
            return f"{feature.name!r} is a ratio of nothing; name two features in `of`"
        missing = set(feature.of) - names
        return f"it is a ratio of {min(missing)!r}: declare it too" if missing else ""
    if feature.source == "timing":
        return (
            ""
            if feature.column in CLOCKS
            else f"the clocks are {', '.join(CLOCKS)}, not {feature.column!r}"
        )
    if feature.source in ("lead", "account"):
        return "" if feature.column else "an attribute needs a column: the name of the field"
    if feature.source not in TABLE_OF:
        known = ", ".join([*TABLE_OF, "lead", "account", "timing", "ratio"])
        return f"{feature.source!r} is no source; the sources are {known}"
    return _problem_of_rows(feature)


def _problem_of_rows(feature: Feature) -> str:
    table = TABLES[TABLE_OF[feature.source]]
    if feature.aggregate not in _OF_ROWS:
        return f"{feature.aggregate!r} is no aggregate of {feature.source}"
    window = feature.window_days
    if window is not None and not (isinstance(window, int) and window > 0):
        return f"a window is a whole number of days, at least one, not {window!r}; None is ever"
    for name in feature.where:
        if name not in table.names or table.column(name).kind != "category":
            return f"{name!r} is no category column of {table.name}"
    return _problem_of_column(feature, table) or _problem_of_colleagues(feature)


def _problem_of_column(feature: Feature, table: Table) -> str:
    if feature.aggregate in OF_NUMBERS and feature.column not in NUMBER_SCALES:
        return (
            f"{feature.aggregate} needs a number column, one of {', '.join(NUMBER_SCALES)}, "
            f"not {feature.column!r}"
        )
    if feature.aggregate in OF_CATEGORIES and not feature.column:
        return f"{feature.aggregate} needs a column"
    if feature.aggregate in OF_NUMBERS | OF_CATEGORIES and feature.column not in table.names:
        return f"{table.name} have no column {feature.column!r}"
    return ""


def _problem_of_colleagues(feature: Feature) -> str:
    of_leads = feature.aggregate == "distinct" and feature.column == "lead_id"
    if feature.source in COLLEAGUE_SOURCES and not (
        feature.aggregate in _OF_COLLEAGUES or of_leads
    ):
        return f"of colleagues there are {', '.join(sorted(_OF_COLLEAGUES))} and distinct lead_id"
    return ""
