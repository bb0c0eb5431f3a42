"""Whether probabilities mean what they say in every part of the leads, not only on the whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.training_set import TrainingSet
from models.metrics import group_weights

Floats = npt.NDArray[np.float64]
COLUMNS = ["by", "value", "n", "conversions", "promised", "observed", "low", "high", "kept"]
_FEWEST, _MOST_VALUES, _DRAWS = 100, 12, 200
_AGES = (7.0, 30.0, 90.0)


def breakdown(
    probabilities: Floats, labels: Floats, judged: TrainingSet, *, seed: int = 7
) -> pd.DataFrame:
    """Return promised and observed shares by age and by every category of the leads.

    Parameters
    ----------
    probabilities, labels : of the snapshots, labels 0 or 1.
    judged : the snapshots themselves.
    seed : of the bootstrap draws of whole accounts.

    Returns
    -------
    One row a part with a hundred snapshots or more: ``by`` (in words), ``value``, ``n``,
    ``conversions``, mean ``promised``, share ``observed`` with its 95 % interval (``low``,
    ``high``), and whether the promise was ``kept``: lies in the interval.
    """
    weights = group_weights(np.asarray(judged.groups), _DRAWS, seed)
    rows = []
    for by, value, chosen in _parts(judged):
        if chosen.sum() < _FEWEST:
            continue
        part = weights[:, chosen]
        totals = part.sum(axis=1)
        shares = (part @ labels[chosen])[totals > 0] / totals[totals > 0]
        low, high = np.quantile(shares[1:], [0.025, 0.975])
        promised = float(probabilities[chosen].mean())
        kept = bool(low <= promised <= high)
        counts = (int(chosen.sum()), int(labels[chosen].sum()))
        rows.append([by, value, *counts, promised, float(shares[0]), low, high, kept])
    return pd.DataFrame(rows, columns=COLUMNS)


def _parts(judged: TrainingSet) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    edges = np.searchsorted(_AGES, judged.snapshots["age_days"].to_numpy(), side="right")
    names = ["up to 7 days", "7 to 30 days", "30 to 90 days", "90 days and more"]
    for place, name in enumerate(names):
        yield "age of the lead", name, edges == place
    for feature in judged.features:
        if not feature.categorical:
            continue
        values = judged.values[feature.name].astype(object)
        common = values.value_counts().index[:_MOST_VALUES]
        for value in common:
            yield feature.label, str(value), (values == value).to_numpy()
        yield feature.label, "(missing)", values.isna().to_numpy()
