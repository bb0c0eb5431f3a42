"""Attributes of leads and accounts, with the value that was known at the cutoff."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.declaration import Feature
from features.logs import Index, build_log, codes_in, microseconds
from features.plan import compile_plan
from history import History


def attribute_values(
    history: History,
    index: Index,
    feature: Feature,
    lead: npt.NDArray[np.int64],
    account: npt.NDArray[np.int64],
    as_of: npt.NDArray[np.int64],
) -> npt.NDArray[Any]:
    """Return the attribute that a feature names, as of each cutoff.

    A lead or account with rows for the field in the attribute history has the last value that was
    valid and recorded before the cutoff, and none before its first: `History` keeps no other value
    of it. Without such rows the value was fixed at creation.

    Parameters
    ----------
    history, index : what happened, and the codes of its leads and accounts.
    feature : a declaration of source ``lead`` or ``account``.
    lead, account : codes of each snapshot, -1 for no account.
    as_of : cutoffs, UTC microseconds.

    Returns
    -------
    float64, or strings where the feature is categorical; NaN where unknown.

    Raises
    ------
    ValueError : no such field, or one that no feature may be made of.
    """
    field, entity = str(feature.column), feature.source
    where = field_of(feature)
    if where in history.personal:
        raise ValueError(
            f"feature {feature.name!r}: {where} is marked as personal: leave the feature out, or "
            f"say that it may be used here: history.unmarked([{where!r}])"
        )
    if where in history.current_only:
        raise ValueError(
            f"feature {feature.name!r}: {where} cannot be used: it is declared that only today's "
            "value is known, or that it is personal"
        )
    changes = history.attribute_history
    ours = changes[(changes["entity"] == entity) & (changes["field"] == field)]
    codes = lead if entity == "lead" else account
    values = _fixed(history, index, entity, field, codes, as_of)
    if len(ours):
        changed = _as_of(ours, index, entity, codes, as_of)
        values = np.where(pd.isna(changed), values, changed)
    return typed(values, feature)


def field_of(feature: Feature) -> str | None:
    """Return the attribute that a feature looks at, as ``table.column``; None where at none."""
    if feature.source not in ("lead", "account"):
        return None
    return f"{feature.source}s.{feature.column}"


def missing(feature: Feature, count: int) -> npt.NDArray[Any]:
    """Return values of a feature none of which is known."""
    return np.full(count, np.nan, dtype=object if feature.is_text else np.float64)


def typed(values: npt.NDArray[np.object_], feature: Feature) -> npt.NDArray[Any]:
    """Bring raw attribute values to floats, or to strings for a category."""
    series = pd.Series(values, dtype=object)
    if feature.categorical:
        return series.map(str, na_action="ignore").to_numpy(dtype=object, na_value=np.nan)
    return pd.to_numeric(series, errors="coerce").astype("float64").to_numpy()


def _fixed(
    history: History,
    index: Index,
    entity: str,
    field: str,
    codes: npt.NDArray[np.int64],
    as_of: npt.NDArray[np.int64],
) -> npt.NDArray[np.object_]:
    frame = history.leads if entity == "lead" else history.accounts
    if field not in frame.columns:
        return np.full(len(codes), np.nan, dtype=object)
    if entity == "lead":
        created = microseconds(frame["created_at"])
        rows = np.where(created[codes] < as_of, codes, -1)
    else:
        place = np.append(pd.Index(frame["account_id"]).get_indexer(index.accounts), -1)
        rows = place[codes]
        created = np.append(microseconds(frame["created_at"].fillna(pd.Timestamp(0, tz="UTC"))), 0)
        rows = np.where(created[rows] < as_of, rows, -1)
    values = np.append(frame[field].astype(object).to_numpy(dtype=object, na_value=np.nan), np.nan)
    return values[rows]


def _as_of(
    changes: pd.DataFrame,
    index: Index,
    entity: str,
    codes: npt.NDArray[np.int64],
    as_of: npt.NDArray[np.int64],
) -> npt.NDArray[np.object_]:
    """Read a field's history through the same kernel as everything else."""
    ids = index.leads if entity == "lead" else index.accounts
    group = codes_in(ids, changes["entity_id"])
    plan = compile_plan([Feature("value", "value", "stages", "current", column="value")])
    values, found = pd.factorize(changes["value"].astype(object))
    log = build_log(
        changes.assign(value=pd.Categorical.from_codes(values, pd.RangeIndex(len(found)))),
        group=group,
        groups=len(ids),
        occurred="valid_from",
        recorded="recorded_at",
        categories=plan.categories,
    )
    at = plan.run(log, group=codes, as_of=as_of)[0].astype(np.int64)
    positions = np.append(log.categories[0].astype(object), -1)[at].astype(np.int64)
    return np.append(np.asarray(found, dtype=object), np.nan)[positions]
