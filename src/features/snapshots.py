"""Which (lead, as_of) pairs there are, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.declaration import Feature
from features.layout import DAY_US
from features.logs import Log, build_log, codes_in, microseconds
from features.plan import Plan, compile_plan
from history import History
from history.history import UTC_MICROSECONDS, micros
from history.tables import CLOSING_STAGES

_NEVER = np.iinfo(np.int64).max
STAGE_FEATURE = Feature("stage", "stage", "stages", "current", column="stage")
"""The last stage recorded before a cutoff, which says whether a lead is open."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What came of snapshots.

    Parameters
    ----------
    converted : frame with one column per horizon: 1.0, 0.0, or NaN where the horizon reaches
        beyond what was observed.
    days_to_conversion : days from the cutoff to the next conversion, NaN where none was observed.
    days_observed : days from the cutoff to the conversion, the closing of the lead or the end of
        the observation, whichever came first.
    """

    converted: pd.DataFrame
    days_to_conversion: npt.NDArray[np.float64]
    days_observed: npt.NDArray[np.float64]


def open_leads(history: History, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the leads open at an instant: the ones that a score is for.

    A lead is open when it was created before `as_of` and the last stage recorded before `as_of`
    does not close it. A lead that moved again after `lost` is open.

    Parameters
    ----------
    history : what happened.
    as_of : the cutoff, with a time zone.

    Returns
    -------
    Frame with ``lead_id`` and ``as_of``, by lead.

    Raises
    ------
    ValueError : `as_of` is naive, or lies before the first lead.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of {as_of} carries no time zone: write it as {as_of.isoformat()}Z")
    leads = history.leads
    if not len(leads):
        raise ValueError("the history holds no leads yet: ingest some first")
    created = leads["created_at"]
    if created.min() >= as_of:
        raise ValueError(
            f"as_of {as_of.isoformat()} lies before the first lead, which was created "
            f"{created.min().isoformat()}"
        )
    snapshots = _snapshots(leads.loc[(created < as_of).to_numpy(), "lead_id"], as_of)
    return snapshots[is_open(history, snapshots)].reset_index(drop=True)


def snapshots_at_ages(
    history: History, ages: Sequence[int], *, target: str, until: pd.Timestamp
) -> pd.DataFrame:
    """Return every lead at several ages, as long as it was open and had not converted.

    Parameters
    ----------
    history : what happened.
    ages : days after creation.
    target : the stage that counts as a conversion. A snapshot after it is left out even if it
        was recorded later: nobody is to learn from a conversion that had already happened.
    until : no snapshot lies after this instant.

    Returns
    -------
    Frame with ``lead_id`` and ``as_of``, sorted by both.
    """
    created = history.leads["created_at"]
    at_age = [
        _snapshots(history.leads["lead_id"], created + pd.Timedelta(days=age)) for age in ages
    ]
    snapshots = pd.concat(at_age, ignore_index=True)
    snapshots = snapshots[(snapshots["as_of"] <= until).to_numpy()]
    before = first_stage_before(history, snapshots, target)
    snapshots = snapshots[is_open(history, snapshots) & ~before]
    return snapshots.sort_values(["lead_id", "as_of"], ignore_index=True)


def is_open(history: History, snapshots: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell for each snapshot whether the last stage recorded before it leaves the lead open."""
    plan = compile_plan([STAGE_FEATURE])
    leads = pd.Index(history.leads["lead_id"])
    member = codes_in(leads, history.outcomes["lead_id"])
    log = build_log(
        history.outcomes,
        group=member,
        groups=len(leads),
        occurred="occurred_at",
        recorded="recorded_at",
        categories=plan.categories,
    )
    lead = codes_in(leads, snapshots["lead_id"]).astype(np.int64)
    return open_by_stage(plan, log, lead, microseconds(snapshots["as_of"]))


def open_by_stage(
    plan: Plan, log: Log, lead: npt.NDArray[np.int64], as_of: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Tell the same of leads by code.

    Parameters
    ----------
    plan : of `STAGE_FEATURE`.
    log : of the outcomes, encoded for it.
    lead, as_of : codes of the leads, and cutoffs in UTC microseconds.
    """
    last = plan.run(log, group=lead, as_of=as_of)[0]
    closing = np.array([*(str(name) in CLOSING_STAGES for name in log.categories[0]), False])
    return ~closing[last.astype(np.int64)]


def first_stage_before(
    history: History, snapshots: pd.DataFrame, stage: str
) -> npt.NDArray[np.bool_]:
    """Tell for each snapshot whether the lead had reached a stage, recorded by then or not."""
    reached = history.outcomes[history.outcomes["stage"] == stage]
    first = reached.groupby("lead_id", observed=True)["occurred_at"].min()
    at = pd.DatetimeIndex(first.reindex(snapshots["lead_id"]).to_numpy(), tz="UTC")
    return np.asarray(at < pd.DatetimeIndex(snapshots["as_of"]))


def label(
    history: History,
    snapshots: pd.DataFrame,
    *,
    target: str,
    horizons: Sequence[int],
    observed_until: pd.Timestamp | None = None,
) -> Labels:
    """Tell what came of each snapshot, where it can be known.

    A conversion counts within [as_of, as_of + horizon). A label is known only when the whole
    horizon lies before the end of the observation, for conversions too: counting early ones
    alone would make recent snapshots look better than they are.

    Parameters
    ----------
    history : what happened.
    snapshots : frame with ``lead_id`` and ``as_of``.
    target : the stage that counts as a conversion.
    horizons : days.
    observed_until : end of the observation; the history's own where missing.
    """
    end = history.observed_until if observed_until is None else observed_until
    until = micros(end)
    as_of = microseconds(snapshots["as_of"])
    conversion = _next(history, snapshots, frozenset({target}))
    conversion = np.where(conversion < until, conversion, _NEVER)
    closing = np.minimum(_next(history, snapshots, CLOSING_STAGES - {target}), until)
    happened = conversion != _NEVER
    days = np.where(happened, (np.where(happened, conversion, as_of) - as_of) / DAY_US, np.nan)
    observed = (np.minimum(conversion, closing) - as_of) / DAY_US
    columns = {
        horizon: np.where(
            as_of + horizon * DAY_US <= until,
            (happened & (conversion < as_of + horizon * DAY_US)).astype(float),
            np.nan,
        )
        for horizon in horizons
    }
    return Labels(pd.DataFrame(columns), days, np.maximum(observed, 0.0))


def _next(
    history: History, snapshots: pd.DataFrame, stages: frozenset[str]
) -> npt.NDArray[np.int64]:
    """When each lead next reaches one of these stages at or after its cutoff, else never."""
    rows = history.outcomes[history.outcomes["stage"].isin(stages)]
    leads = pd.Index(history.leads["lead_id"])
    lead, at = codes_in(leads, rows["lead_id"]), microseconds(rows["occurred_at"])
    order = np.lexsort((at, lead))
    lead, at = lead[order].astype(np.int64), at[order]
    wanted, as_of = codes_in(leads, snapshots["lead_id"]), microseconds(snapshots["as_of"])
    # One sorted key per (lead, time): ranks of the times keep it within 63 bits.
    times = np.unique(np.concatenate([at, as_of]))
    key = lead * len(times) + np.searchsorted(times, at)
    sought = wanted * len(times) + np.searchsorted(times, as_of)
    place = np.searchsorted(key, sought)
    found = place < len(key)
    place = np.where(found, place, 0)
    if not len(key):
        return np.full(len(as_of), _NEVER)
    return np.where(found & (lead[place] == wanted), at[place], _NEVER)


def _snapshots(lead_ids: pd.Series, as_of: pd.Timestamp | pd.Series) -> pd.DataFrame:
    instants = as_of.array if isinstance(as_of, pd.Series) else as_of.tz_convert("UTC")
    frame = pd.DataFrame({"lead_id": lead_ids.array, "as_of": instants})
    return frame.astype({"as_of": UTC_MICROSECONDS})
