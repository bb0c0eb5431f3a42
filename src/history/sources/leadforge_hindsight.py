"""What a leadforge bundle wrote down after the fact.

It becomes outcomes at an honest time, and columns of which only the last value is known.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from history.sources.tabular import read_columns

_ON_LEADS = ("current_stage", "is_sql", "conversion_timestamp")
_ON_DEALS = ("stage", "close_outcome", "closed_at")
_ON_LABELS = ("total_touches_all",)
_LOST = "closed_lost"


def hindsight(
    leads: pd.DataFrame, deals: pd.DataFrame, labels: pd.DataFrame, folder: Path
) -> pd.DataFrame:
    """Return columns that were written after the fact, one row a lead, by lead_id.

    Parameters
    ----------
    leads, deals, labels : the tables ``leads`` and ``opportunities``, and the task's splits.
    folder : the bundle; ``customers`` and ``subscriptions`` are read where it has them.

    Raises
    ------
    SourceError : a table lacks the column that joins it.
    """
    parts = [
        _of_leads(leads, _ON_LEADS, ""),
        _of_leads(deals, _ON_DEALS, "opportunity_"),
        _of_leads(labels, _ON_LABELS, ""),
        *_customers(deals, folder),
    ]
    columns = pd.concat(parts, axis=1)
    return columns.astype(object).where(columns.notna(), None)


def _of_leads(frame: pd.DataFrame, names: tuple[str, ...], prefix: str) -> pd.DataFrame:
    there = [name for name in names if name in frame]
    last = frame.drop_duplicates("lead_id", keep="last").set_index("lead_id")
    return last[there].add_prefix(prefix)


def _customers(deals: pd.DataFrame, folder: Path) -> list[pd.DataFrame]:
    """Return what is known of leads that became customers, which tells that they did."""
    if not (folder / "tables" / "customers.parquet").is_file():
        return []
    keys = ("customer_id", "opportunity_id")
    known = read_columns(folder, "tables/customers.parquet", keys)
    known = known.drop(columns="account_id", errors="ignore")
    if (folder / "tables" / "subscriptions.parquet").is_file():
        plans = read_columns(folder, "tables/subscriptions.parquet", ("customer_id",))
        known = known.merge(plans, on="customer_id", how="left")
    owner = deals.set_index("opportunity_id")["lead_id"]
    known = known.assign(lead_id=known["opportunity_id"].map(owner)).dropna(subset="lead_id")
    names = known.columns.difference(["opportunity_id", "lead_id"], sort=False)
    return [_of_leads(known, tuple(names.astype(str)), "")]


def closings(
    leads: pd.DataFrame, deals: pd.DataFrame, labels: pd.DataFrame, label: int, followed: int
) -> pd.DataFrame:
    """Return wins and losses as outcomes.

    Where the bundle has a date it counts. Where it only says that a lead was won or lost in the
    end, the outcome stands at the last instant at which it can have happened: only then is it
    sure to be known. Ids order what happened to a lead on the same day.

    Parameters
    ----------
    leads, deals, labels : as in `hindsight`.
    label : days from the creation of a lead within which a conversion counts for the label.
    followed : days for which each lead was followed.

    Returns
    -------
    Rows of the table ``outcomes`` as read, with dates or naive instants as text.
    """
    created = leads.set_index("lead_id")["lead_created_at"]
    if "conversion_timestamp" in leads:
        won = leads.loc[leads["conversion_timestamp"].notna()]
        wins = _outcomes(won["lead_id"], won["conversion_timestamp"], "won")
    else:
        ids = labels.loc[labels["converted"], "lead_id"]
        wins = _at_the_end(ids, created, "won", min(label + 1, followed))
    dated = deals.loc[_is(deals, "close_outcome", _LOST)] if "closed_at" in deals else deals[:0]
    losses = _outcomes(dated["lead_id"], dated.get("closed_at", dated["created_at"]), "lost")
    lost = {*leads.loc[_is(leads, "current_stage", _LOST), "lead_id"]}
    lost |= {*deals.loc[_is(deals, "stage", _LOST), "lead_id"]}
    rest = pd.Series(sorted(lost - {*losses["lead_id"]}), dtype="str")
    return pd.concat(
        [wins, losses, _at_the_end(rest, created, "lost", followed)], ignore_index=True
    )


def _is(frame: pd.DataFrame, column: str, value: str) -> pd.Series:
    if column not in frame:
        return pd.Series(False, index=frame.index)
    return frame[column].eq(value).fillna(False).astype(bool)


def _outcomes(lead_ids: pd.Series, times: pd.Series, stage: str) -> pd.DataFrame:
    ids = lead_ids.astype("str") + f"-2-{stage}"
    return pd.DataFrame(
        {"outcome_id": ids, "lead_id": lead_ids, "occurred_at": times, "stage": stage}
    )


def _at_the_end(lead_ids: pd.Series, created: pd.Series, stage: str, days: int) -> pd.DataFrame:
    start = pd.to_datetime(lead_ids.map(created), errors="coerce").astype("datetime64[us]")
    last = start + pd.Timedelta(days=days) - pd.Timedelta(microseconds=1)
    outcomes = _outcomes(lead_ids, last.map(pd.Timestamp.isoformat, na_action="ignore"), stage)
    return outcomes.assign(reason=f"at an unknown time within {days} days")
