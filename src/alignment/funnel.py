"""The funnel: how many leads reach each stage, how fast, by whom, and in which month they came."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.logs import codes_in, microseconds
from history import History

RISING = ("mql", "sal", "sql", "opportunity", "won")
_DAY = pd.Timedelta(days=1)
_DAY_S = 86_400.0
UNKNOWN = "(unknown)"
_NEVER = np.iinfo(np.int64).max


def progress(history: History) -> pd.DataFrame:
    """Return when each lead first reached each stage.

    A lead that was seen in a later stage has passed the earlier ones: they take the time of the
    first later stage where nobody wrote them down.

    Returns
    -------
    One row per lead, in the order of `History.leads`: ``lead_id``, ``created_at``, a time for
    each rising stage, ``lost`` and ``disqualified``, NaT where not reached.
    """
    found = history.leads[["lead_id", "created_at"]].reset_index(drop=True)
    times = _first_times(history, (*RISING, "lost", "disqualified"))
    later = np.minimum.accumulate([times[stage] for stage in RISING[::-1]], axis=0)[::-1]
    for stage, passed in zip(RISING, later, strict=True):
        times[stage] = np.where(times[stage] == _NEVER, passed, times[stage])
    for stage, at in times.items():
        known = pd.Series(pd.to_datetime(np.where(at == _NEVER, 0, at), unit="us", utc=True))
        found[stage] = known.dt.as_unit("us").where(at != _NEVER)
    return found


def _first_times(history: History, stages: Sequence[str]) -> dict[str, npt.NDArray[np.int64]]:
    """Return when each lead first reached each stage, in UTC microseconds."""
    outcomes, count = history.outcomes, len(history.leads)
    lead = codes_in(pd.Index(history.leads["lead_id"]), outcomes["lead_id"])
    at = microseconds(outcomes["occurred_at"])
    found = {stage: np.full(count, _NEVER) for stage in stages}
    for stage, times in found.items():
        rows = (outcomes["stage"] == stage).to_numpy() & (lead >= 0)
        np.minimum.at(times, lead[rows], at[rows])
    return found


def describe_leads(history: History) -> pd.DataFrame:
    """Return the dimensions that a funnel is cut by, one row per lead.

    ``source`` is the lead's attribute of that name, ``segment`` its account's industry, ``owner``
    the last one who worked it, ``channel`` and ``campaign`` those of the first engagement that
    names one; ``(unknown)`` where nobody said.
    """
    leads = history.leads
    ids = leads["lead_id"]
    index = pd.Index(ids)
    found = pd.DataFrame({"lead_id": ids.to_numpy()})
    found["source"] = _text(leads.get("source"), len(ids))
    accounts = history.accounts.set_index("account_id")
    industry = accounts.get("industry")
    found["segment"] = _text(
        None if industry is None else leads["account_id"].map(industry), len(ids)
    )
    found["owner"] = _told(index, history.outcomes, "owner", "last")
    for name in ("channel", "campaign"):
        found[name] = _told(index, history.engagements, name, "first")
    return found


def _told(
    index: pd.Index, events: pd.DataFrame, name: str, keep: Literal["first", "last"]
) -> npt.NDArray[np.object_]:
    """Return what the first or last event of each lead that names something names."""
    named = events[name].notna().to_numpy()
    lead = codes_in(index, events.loc[named, "lead_id"])
    values = events.loc[named, name].to_numpy(dtype=object)
    chosen = np.flatnonzero(~pd.Series(lead).duplicated(keep=keep).to_numpy() & (lead >= 0))
    found = np.full(len(index), UNKNOWN, dtype=object)
    found[lead[chosen]] = [str(each) for each in values[chosen]]
    return found


def stages(steps: pd.DataFrame, since: pd.Timestamp | None = None) -> pd.DataFrame:
    """Return what became of the leads created since an instant.

    Parameters
    ----------
    steps : from `progress`, or a part of its rows.
    since : the earliest creation; all where None.

    Returns
    -------
    One row per stage from ``created`` on: ``leads``, ``share`` of those of the stage before,
    ``of_all``, and the median ``days`` from the stage before.
    """
    chosen = steps if since is None else steps[steps["created_at"] >= since]
    names = ["created_at", *RISING]
    rows = []
    for before, stage in zip([None, *names[:-1]], names, strict=True):
        reached = chosen[stage].notna()
        took = chosen[stage] - chosen[before] if before else pd.Series(dtype="timedelta64[us]")
        base = int(chosen[before].notna().sum()) if before else len(chosen)
        rows.append(
            {
                "stage": "created" if before is None else stage,
                "leads": int(reached.sum()),
                "share": _ratio(int(reached.sum()), base),
                "of_all": _ratio(int(reached.sum()), len(chosen)),
                "days": float((took.dropna().dt.total_seconds() / _DAY_S).median())
                if took.notna().any()
                else np.nan,
            }
        )
    return pd.DataFrame(rows)


def by_dimension(steps: pd.DataFrame, described: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return conversion between stages by source, campaign, segment, owner or channel.

    Returns
    -------
    One row per value, the largest first: ``value``, ``leads``, the number that reached each
    stage, the share from each stage to the next as ``mql_to_sal`` and so on, ``won_share`` of
    all, and the median ``days_to_won``.
    """
    keyed = steps.assign(value=described[name].to_numpy())
    rows = []
    for value, part in keyed.groupby("value", sort=False, observed=True):
        counts = {stage: int(part[stage].notna().sum()) for stage in RISING}
        pairs = pairwise(RISING)
        shares = {f"{a}_to_{b}": _ratio(counts[b], counts[a]) for a, b in pairs}
        took = ((part["won"] - part["created_at"]).dt.total_seconds() / _DAY_S).median()
        rows.append(
            {
                "value": str(value),
                "leads": len(part),
                **counts,
                **shares,
                "won_share": _ratio(counts["won"], len(part)),
                "days_to_won": float(took),
            }
        )
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    return frame.sort_values(["leads", "value"], ascending=[False, True], ignore_index=True)


def flow(steps: pd.DataFrame) -> pd.DataFrame:
    """Return how many leads reached each stage in each month, by the month's first day."""
    columns = {}
    for stage in ("created_at", *RISING, "lost"):
        month = steps[stage].dropna().dt.tz_localize(None).dt.to_period("M")
        columns["created" if stage == "created_at" else stage] = month.value_counts()
    frame = pd.DataFrame(columns).fillna(0).astype(int).sort_index()
    if len(frame):
        frame = frame.reindex(pd.period_range(frame.index[0], frame.index[-1], freq="M"))
    return frame.fillna(0).astype(int).rename_axis("month")


def cohorts(
    steps: pd.DataFrame,
    until: pd.Timestamp,
    days: Sequence[int] = (30, 60, 90, 180, 365),
    target: str = "won",
) -> pd.DataFrame:
    """Return the share of each month's new leads that converted within so many days.

    Parameters
    ----------
    steps : from `progress`.
    until : end of the observation: a cell is missing unless its whole cohort has had the time.
    days : after creation.
    target : the stage that counts.

    Returns
    -------
    One row per month of creation: ``month`` (text), ``leads`` and one column per number of days.
    """
    month = steps["created_at"].dt.tz_localize(None).dt.to_period("M")
    took = (steps[target] - steps["created_at"]).dt.total_seconds() / _DAY_S
    rows: list[dict[str | int, object]] = []
    for name, places in steps.groupby(month).groups.items():
        end = pd.Period(str(name), "M").end_time.tz_localize("UTC")
        mine = took.loc[places]
        cells: dict[str | int, object] = {
            each: float((mine <= each).mean()) if end + each * _DAY <= until else np.nan
            for each in days
        }
        rows.append({"month": str(name), "leads": len(mine), **cells})
    return pd.DataFrame(rows, columns=["month", "leads", *days])


def _text(values: pd.Series | None, count: int) -> np.ndarray:
    if values is None:
        return np.full(count, UNKNOWN, dtype=object)
    plain = values.astype(object)
    return plain.where(plain.notna(), UNKNOWN).astype(str).to_numpy(dtype=object)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
