"""From a history to a training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.compute import compute_features
from features.declaration import Feature, definitions_digest
from features.definitions import default_features
from features.snapshots import label, snapshots_at_ages
from features.training_set import TrainingSet
from history import History

AGES = (1, 3, 7, 14, 30, 60, 90, 180)
HORIZONS = (30, 60, 90)


def build_training_set(
    history: History,
    features: Sequence[Feature] | None = None,
    *,
    target: str = "won",
    horizons: Sequence[int] = HORIZONS,
    ages: Sequence[int] = AGES,
    until: pd.Timestamp | None = None,
) -> TrainingSet:
    """Build a training set that knows, of each snapshot, only what was known at the time.

    Parameters
    ----------
    history : what happened.
    features : declarations; `default_features` of the history where missing.
    target : the stage that counts as a conversion.
    horizons : days after the cutoff within which a conversion counts.
    ages : days after creation at which every lead is seen, as long as it is open.
    until : pretend that today is this day: what was recorded later is unknown, for features and
        labels alike. The history's `observed_until` where missing.

    Returns
    -------
    One row per snapshot. Labels whose horizon reaches beyond `until` are NaN.

    Raises
    ------
    ValueError : no leads, no snapshots, or `until` is naive or before the first lead.
    """
    history = history if until is None else _as_known(history, until)
    if not len(history.leads):
        raise ValueError("the history holds no leads yet: ingest some first")
    declared = tuple(default_features(history) if features is None else features)
    end = history.observed_until
    snapshots = snapshots_at_ages(history, ages, target=target, until=end)
    if not len(snapshots):
        raise ValueError(
            f"no lead was open {min(ages)} or more days after its creation and before "
            f"{end.isoformat()}: there is nothing to learn from yet"
        )
    matrix = compute_features(history, snapshots, declared)
    labels = label(history, snapshots, target=target, horizons=horizons)
    return TrainingSet(
        snapshots=matrix.snapshots,
        values=matrix.values,
        features=matrix.features,
        history_digest=history.digest(),
        labels=labels.converted,
        days_to_conversion=labels.days_to_conversion,
        days_observed=labels.days_observed,
        groups=_groups(matrix.snapshots),
        target=target,
        observed_until=end,
        definitions_digest=definitions_digest(declared),
    )


def _as_known(history: History, until: pd.Timestamp) -> History:
    if until.tzinfo is None:
        raise ValueError(f"until {until} carries no time zone: write it as {until.isoformat()}Z")
    return history.known_before(until)


def _groups(snapshots: pd.DataFrame) -> np.ndarray:
    """Return the account of each snapshot, or the lead itself where it has none."""
    account = "account:" + snapshots["account_id"].astype("str")
    groups = account.fillna("lead:" + snapshots["lead_id"])
    return groups.to_numpy(dtype=object)
