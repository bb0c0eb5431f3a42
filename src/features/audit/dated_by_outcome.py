"""L106: dates and numbers that move with the day of the outcome."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata

from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Field, Subject
from features.logs import microseconds

CODE, TITLE = "L106", "A field moves with the day of the outcome"
SUSPICIOUS = 0.3
_FEWEST = 50
_ADVICE = (
    "it is probably written or counted until the lead is closed; leave it out, or give its history"
)


def check(subject: Subject) -> Iterator[Finding]:
    """Correlate what fields say of closed leads with the day on which these were closed.

    What was fixed at creation cannot know how long a lead will take, or but little. Ranks of the
    field (a number, or the instant that a date names) are correlated with ranks of the outcome's
    time, the time of creation held constant; a correlation of which 0.3 is left after an allowance
    for chance and for the number of fields tried is a leak.

    Raises
    ------
    NotApplicable : outcomes have no times, or no field is a number or a date.
    """
    if subject.closed_at is None:
        raise NotApplicable("the table does not say when leads were closed")
    closed = np.isfinite(subject.closed_at)
    numbers = {field: _numbers(field.values) for field in subject.fields}
    chosen = {
        field: values
        for field, values in numbers.items()
        if values is not None and (np.isfinite(values) & closed).sum() >= _FEWEST
    }
    if not chosen:
        raise NotApplicable("no field of closed leads is a number or a date")
    for field, values in chosen.items():
        rows = closed & np.isfinite(values)
        found = partial_correlation(values[rows], subject.closed_at[rows], subject.order[rows])
        margin = float(norm.ppf(1 - 0.0005 / len(chosen))) / np.sqrt(rows.sum())
        if abs(found) - margin >= SUSPICIOUS:
            yield _finding(field, found, rows, values, subject)


def partial_correlation(
    values: npt.NDArray[np.float64], other: npt.NDArray[np.float64], given: npt.NDArray[np.int64]
) -> float:
    """Return the rank correlation of two readings with a third held constant; 0 of a constant."""
    ranks = np.column_stack([rankdata(each) for each in (values, other, given)])
    spread = ranks.std(axis=0)
    if (spread[:2] == 0).any():
        return 0.0
    one, two = (_without(ranks[:, column], ranks[:, 2]) for column in (0, 1))
    length = float(np.linalg.norm(one) * np.linalg.norm(two))
    # What creation explains wholly leaves rounding errors behind, and these correlate by chance.
    worth = 1e-6 * len(values) * float(spread[0] * spread[1])
    return float(one @ two) / length if length > worth else 0.0


def _without(
    ranks: npt.NDArray[np.float64], given: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return what a straight line through another reading does not explain."""
    centred, line = ranks - ranks.mean(), given - given.mean()
    size = float(line @ line)
    return centred - (float(centred @ line) / size * line if size else 0.0)


def _numbers(values: pd.Series) -> npt.NDArray[np.float64] | None:
    """Return numbers, or the instants of dates, with NaN for missing; None of anything else."""
    present = values[values.notna()]
    if present.empty:
        return None
    as_numbers = pd.to_numeric(present, errors="coerce")
    if as_numbers.notna().all():
        return pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64")
    instants = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
    if instants[values.notna()].isna().any():
        return None
    micros = microseconds(instants.dt.as_unit("us")).astype("float64")
    return np.where(instants.isna(), np.nan, micros)


def _finding(
    field: Field,
    found: float,
    rows: npt.NDArray[np.bool_],
    values: npt.NDArray[np.float64],
    subject: Subject,
) -> Finding:
    closed_at = subject.closed_at
    assert closed_at is not None  # noqa: S101  the check left before
    days = pd.Series((closed_at[rows] - closed_at[rows].min()) / 86_400_000_000)
    quarter = pd.qcut(days.rank(method="first"), 4, labels=["first", "second", "third", "last"])
    table = (
        pd.DataFrame({"value": quarter.astype(str) + " quarter of outcomes", "rank": 0.0})
        .assign(rank=rankdata(values[rows]) / rows.sum())
        .groupby("value", sort=False)["rank"]
        .agg(["size", "mean"])
        .set_axis(["leads", "rate"], axis=1)
        .reset_index()
    )
    words = (
        f"with the time of creation held constant, it goes with the day of the outcome "
        f"(rank correlation {found:+.2f} over {int(rows.sum()):,} closed leads)"
    )
    evidence = {"correlation": found, "closed_leads": float(rows.sum())}
    return Finding(CODE, "high", field.where, words, _ADVICE, evidence, table, field.used)
