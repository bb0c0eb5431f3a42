"""What arrives, week by week: volume, freshness, fields, sources, the verdicts of sales."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2

from history import TABLES, History
from monitoring.signals import LEAST_REFERENCE, LOOKS, Signal

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEEK = pd.Timedelta(days=7)
_DAY = pd.Timedelta(days=1)
_MOST_LEVELS = 20
_TOLD_APART_BY = ("lead_id", "occurred_at", "kind", "channel", "campaign", "direction")
_HOURS = 24
_BUSY = 0.8
_MOST_BUSY = 20
"""Hours that are nearly the whole day tell nothing of a clock."""
_LEAST_HOURS_KNOWN = 200
"""Reference rows without which nobody knows a channel's hours."""
_INNER = np.linspace(0, 1, 11)[1:-1]
"""Edges between ten bins of the reference."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """The weeks that end at an instant.

    Parameters
    ----------
    as_of : end of the newest week, exclusive.
    weeks : how many.
    """

    as_of: pd.Timestamp
    weeks: int

    def week_of(self, instants: pd.Series) -> Ints:
        """Return the week of each instant, the newest ``weeks - 1``; -1 outside."""
        age = (self.as_of - instants).dt.total_seconds().to_numpy() / WEEK.total_seconds()
        inside = (age > 0) & (age <= self.weeks)
        back = np.ceil(np.where(inside, age, 1.0)).astype(np.int64)
        return np.where(inside, self.weeks - back, -1)

    def count(self, week: Ints, among: npt.NDArray[np.bool_] | None = None) -> Floats:
        """Return how many rows each week has."""
        kept = week >= 0 if among is None else (week >= 0) & among
        return np.bincount(week[kept], minlength=self.weeks).astype(np.float64)


def arrivals(history: History, calendar: Calendar) -> Iterator[Signal]:
    """Yield shares of channels, kinds and hours, of sources of leads, and of what is missing."""
    engagements = history.engagements
    week = calendar.week_of(engagements["recorded_at"])
    yield from _levels("channel", engagements["channel"], week, calendar, 0.6, 1.5)
    yield from _within_channels(engagements, week, calendar)
    yield from _missing("engagements", engagements, week, calendar)
    leads = history.leads
    created = calendar.week_of(leads["created_at"])
    for name in _fields("leads", leads, history.current_only):
        if name in ("source", "campaign"):
            yield from _levels(name, leads[name], created, calendar, 0.7, 0.75)
    yield from _missing("leads", leads, created, calendar, history.current_only)
    accounts = calendar.week_of(history.accounts["created_at"])
    yield from _missing("accounts", history.accounts, accounts, calendar, history.current_only)


def verdicts(history: History, calendar: Calendar) -> Iterator[Signal]:
    """Yield the share of wins among closed opportunities, and of leads that sales accepts."""
    rows = history.outcomes.sort_values(["lead_id", "occurred_at"], kind="stable")
    stage = rows["stage"].astype("str").to_numpy()
    lead = rows["lead_id"].to_numpy()
    before = np.append([""], np.where(lead[1:] == lead[:-1], stage[:-1], ""))
    week = calendar.week_of(rows["recorded_at"])
    won = (stage == "won") & (before == "opportunity")
    closed = won | ((stage == "lost") & (before == "opportunity"))
    counts = calendar.count(week, won), calendar.count(week, closed)
    yield Signal("win_rate", "closed opportunities", *counts, 0.2, 0.35)
    action = history.dispositions["action"].astype("str").to_numpy()
    week = calendar.week_of(history.dispositions["recorded_at"])
    counts = calendar.count(week, action == "accept"), calendar.count(week)
    yield Signal("acceptance", "leads handed to sales", *counts, 0.3, 0.5)


def volumes(history: History, calendar: Calendar) -> dict[str, Floats]:
    """Return the rows that each table got in each week, by when they were recorded."""
    counted = {}
    for name, frame in history.frames().items():
        column = "recorded_at" if "recorded_at" in frame.columns else "created_at"
        counted[name] = calendar.count(calendar.week_of(frame[column]))
    return counted


def silence(history: History, calendar: Calendar) -> dict[str, tuple[float, float]]:
    """Return for each table of events the days since its last row, and its longest gap before.

    Only tables with at least one row a day on average are given: others are silent by nature.
    """
    told = {}
    for name in ("leads", "engagements", "outcomes"):
        frame = history.frames()[name]
        times = frame["created_at" if name == "leads" else "recorded_at"]
        times = times[(times < calendar.as_of) & (times >= calendar.as_of - calendar.weeks * WEEK)]
        if len(times) < 7 * calendar.weeks:
            continue
        gaps = np.diff(np.sort(times.astype("int64").to_numpy())) / (_DAY.value / 1000)
        told[name] = float((calendar.as_of - times.max()) / _DAY), float(gaps.max(initial=0.0))
    return told


def twins(history: History, calendar: Calendar) -> tuple[int, float, float]:
    """Return the engagements of the newest week, and which share of them is there twice.

    A twin has another id, and is equal in lead, instant, kind, channel, campaign and direction.
    Where times are days, some rows have twins by chance: the last figure is their share in the
    eight weeks before.
    """
    rows = history.engagements
    week = calendar.week_of(rows["recorded_at"])
    newest = calendar.weeks - 1
    rows, week = rows[week >= newest - LEAST_REFERENCE], week[week >= newest - LEAST_REFERENCE]
    again = rows.duplicated([*_TOLD_APART_BY], keep=False).to_numpy()
    last, before = again[week == newest], again[week < newest]
    return len(last), _share(last), _share(before)


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def feature_drift(
    reference: pd.DataFrame, current: pd.DataFrame, *, probability: float = 0.001
) -> pd.DataFrame:
    """Compare the features of today with those of the training window.

    Compare like with like: snapshots of the same ages on both sides, or every lead looks older.

    Parameters
    ----------
    reference, current : a column per feature, numbers or categories.
    probability : of a false alarm in all features together; divided by their number.

    Returns
    -------
    One row per feature that both have, the most moved first: ``feature``, ``index`` (population
    stability index over ten bins of the reference, missing values a bin of their own), ``noise``
    (what the index may reach by chance) and ``moved`` (beyond the noise and beyond 0.2).
    """
    names = [name for name in reference.columns if name in current.columns]
    rows = []
    for name in names:
        old, new = _binned(reference[name], current[name])
        index = _stability(old, new)
        pairs = 1.0 / max(old.sum(), 1) + 1.0 / max(new.sum(), 1)
        noise = float(chi2.isf(probability / len(names), max(1, len(old) - 1))) * pairs
        rows.append((name, index, noise, index > max(0.2, noise)))
    frame = pd.DataFrame(rows, columns=["feature", "index", "noise", "moved"])
    return frame.sort_values("index", ascending=False, ignore_index=True)


def _stability(old: Floats, new: Floats) -> float:
    p = (old + 0.5) / (old.sum() + 0.5 * len(old))
    q = (new + 0.5) / (new.sum() + 0.5 * len(new))
    return float(((q - p) * np.log(q / p)).sum())


def _binned(old: pd.Series, new: pd.Series) -> tuple[Floats, Floats]:
    """Return how many values of each side fall into each bin of the reference."""
    if pd.api.types.is_numeric_dtype(old) and pd.api.types.is_numeric_dtype(new):
        known = old.dropna().to_numpy(dtype=np.float64)
        edges = np.unique(np.quantile(known, _INNER)) if len(known) else np.empty(0)
        place = [
            np.where(side.isna(), len(edges) + 1, np.searchsorted(edges, side, side="right"))
            for side in (old, new)
        ]
        counts = [np.bincount(each, minlength=len(edges) + 2).astype(float) for each in place]
    else:
        texts = [
            side.astype("object").where(side.notna(), "(missing)").astype("str")
            for side in (old, new)
        ]
        common = texts[0].value_counts().index[:_MOST_LEVELS]
        place = [
            np.where((code := common.get_indexer(pd.Index(each))) < 0, len(common), code)
            for each in texts
        ]
        counts = [np.bincount(each, minlength=len(common) + 1).astype(float) for each in place]
    used = (counts[0] + counts[1]) > 0
    return counts[0][used], counts[1][used]


def _within_channels(rows: pd.DataFrame, week: Ints, calendar: Calendar) -> Iterator[Signal]:
    """Yield each kind's share of its channel, and each channel's share of its own hours of day.

    A kind is held against its channel alone: where the channel stops, that is told once.
    """
    rows, week = rows[week >= 0], week[week >= 0]
    code, names = _coded(rows["channel"])
    hour = rows["occurred_at"].dt.hour.to_numpy()
    for place in np.argsort(-np.bincount(code + 1), kind="stable")[:_MOST_LEVELS] - 1:
        mine, name = code == place, names[place] if place >= 0 else ""
        kinds = rows["kind"][mine]
        if kinds.nunique() > 1:
            yield from _levels("kind", kinds, week[mine], calendar, 0.6, 1.5, whole=name)
        yield from _hours(name, hour[mine], week[mine], calendar)


def _hours(subject: str, hour: Ints, week: Ints, calendar: Calendar) -> Iterator[Signal]:
    """Yield the share of rows in the hours that were busy before, in UTC.

    Busy are the fewest hours that held four fifths of the reference, and one hour on either side:
    summer time moves work by an hour and is no news.
    """
    known = (week >= 0) & (week < calendar.weeks - max(LOOKS))
    counts = np.bincount(hour[known], minlength=_HOURS)
    if counts.sum() < _LEAST_HOURS_KNOWN:
        return
    order = np.argsort(-counts, kind="stable")
    few = int(np.searchsorted(np.cumsum(counts[order]), _BUSY * counts.sum())) + 1
    busy = np.isin(np.arange(_HOURS), order[:few])
    busy |= np.roll(busy, 1) | np.roll(busy, -1)
    if busy.sum() <= _MOST_BUSY:
        hits = calendar.count(week, busy[hour])
        yield Signal("hours", subject, hits, calendar.count(week), 0.25, np.inf)


def _levels(
    kind: str,
    values: pd.Series,
    week: Ints,
    calendar: Calendar,
    fall: float,
    rise: float,
    whole: str = "",
) -> Iterator[Signal]:
    """Yield the odds of each common value against all others, so that each is judged alone."""
    code, names = _coded(values)
    counts = np.bincount(code[(week >= 0) & (code >= 0)], minlength=len(names))
    total = calendar.count(week, code >= 0)
    for place in np.argsort(-counts, kind="stable")[:_MOST_LEVELS]:
        if counts[place]:
            hits = calendar.count(week, code == place)
            yield Signal(kind, names[place], hits, total, fall, rise, whole)


def _coded(values: pd.Series) -> tuple[Ints, list[str]]:
    """Return a number for each value, -1 for those missing or empty, and what the numbers mean."""
    code, found = pd.factorize(values)
    names = [str(each) for each in found]
    if "" in names:
        code = np.where(code == names.index(""), -1, code)
    return code.astype(np.int64), names


def _missing(
    table: str,
    frame: pd.DataFrame,
    week: Ints,
    calendar: Calendar,
    unwatched: frozenset[str] = frozenset(),
) -> Iterator[Signal]:
    """Yield the share of rows without each field that ever had a value in these weeks."""
    total = calendar.count(week)
    for name in _fields(table, frame, unwatched):
        present = calendar.count(week, frame[name].notna().to_numpy())
        if present.sum():
            yield Signal("present", f"{table}.{name}", present, total, 0.4, np.inf)


def _fields(table: str, frame: pd.DataFrame, unwatched: frozenset[str]) -> list[str]:
    keys = {"lead_id", "created_at", "occurred_at", "recorded_at", TABLES[table].key}
    return [
        name for name in frame.columns if name not in keys and f"{table}.{name}" not in unwatched
    ]
