"""Why a score is what it is, and what drives conversion at large: association, not cause."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from features.training_set import FeatureMatrix
from models.conversion import ConversionModel

Floats = npt.NDArray[np.float64]


def probability_effects(contributions: Floats) -> tuple[Floats, Floats]:
    """Turn additive log-odds into additive points of probability.

    Every effect of a row is scaled by the same factor, so that they sum to the probability minus
    the base probability.

    Parameters
    ----------
    contributions : shape (rows, features + 1), the base last.

    Returns
    -------
    effects : shape (rows, features).
    base : the probability of the base, shape (rows,).
    """
    base = contributions[:, -1]
    total = contributions.sum(axis=1)
    distance, start = total - base, expit(base)
    near = np.abs(distance) < 1e-9
    steep = np.divide(expit(total) - start, distance, out=start * (1 - start), where=~near)
    return contributions[:, :-1] * steep[:, None], start


def reasons(
    model: ConversionModel, matrix: FeatureMatrix, top: int = 3
) -> list[list[dict[str, Any]]]:
    """Return the strongest effects on each primary probability, strongest first.

    Each is a dict of ``feature``, ``label``, ``value`` (None where missing) and ``effect`` in
    points of probability. Features without effect are left out.
    """
    if not len(matrix):
        return []
    columns = [matrix.values[name].to_numpy(dtype=object) for name in model.names]
    return strongest(model, model.encode(matrix.values), columns, top)


def strongest(
    model: ConversionModel, X: Floats, columns: Sequence[npt.NDArray[Any]], top: int
) -> list[list[dict[str, Any]]]:
    """Do the same for rows already encoded.

    Parameters
    ----------
    model : a conversion model.
    X : the encoded rows.
    columns : the values that were encoded, one array a feature.
    top : how many effects to give.
    """
    effects, _ = probability_effects(model.primary.contributions(X))
    count = min(top, effects.shape[1])
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :count]
    return [
        [_reason(model, columns, row, column, effects[row, column]) for column in chosen]
        for row, chosen in enumerate(_nonzero(effects, order))
    ]


def _nonzero(effects: Floats, order: npt.NDArray[np.int64]) -> list[list[int]]:
    return [
        [column for column in chosen if effects[row, column] != 0.0]
        for row, chosen in enumerate(order.tolist())
    ]


def _reason(
    model: ConversionModel, columns: Sequence[Any], row: int, column: int, effect: float
) -> dict[str, Any]:
    feature = model.features[column]
    value = plain_value(columns[column][row])
    return {
        "feature": feature.name,
        "label": feature.label,
        "value": value,
        "effect": float(effect),
    }


def plain_value(value: Any) -> str | float | None:
    """Return a feature's value as JSON knows it: a string, a finite number, or None."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def effects_on(model: ConversionModel, matrix: FeatureMatrix) -> Floats:
    """Return the effect of each feature on each primary probability, in points of probability."""
    return probability_effects(model.primary.contributions(model.encode(matrix.values)))[0]


def importance(model: ConversionModel, matrix: FeatureMatrix) -> pd.DataFrame:
    """Return how much each feature moves the primary probability over these snapshots.

    Columns: ``feature``, ``label``, ``group``, ``share`` (of all movement, summing to one) and
    ``mean_abs_effect`` (points of probability), strongest first.
    """
    return importance_of(model, effects_on(model, matrix))


def importance_of(model: ConversionModel, effects: Floats) -> pd.DataFrame:
    """Return the same from effects that are known, as of `effects_on`."""
    strength = np.abs(effects).mean(axis=0) if len(effects) else np.zeros(len(model.features))
    frame = pd.DataFrame(
        {
            "feature": model.names,
            "label": [feature.label for feature in model.features],
            "group": [feature.group for feature in model.features],
            "share": strength / (strength.sum() or 1.0),
            "mean_abs_effect": strength,
        }
    )
    return frame.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)


def importance_by_group(model: ConversionModel, matrix: FeatureMatrix) -> pd.DataFrame:
    """Return the movement by business group: effects of one group are summed before they count.

    Columns: ``group``, ``share`` and ``mean_abs_effect``, strongest first.
    """
    return importance_by_group_of(model, effects_on(model, matrix))


def importance_by_group_of(model: ConversionModel, effects: Floats) -> pd.DataFrame:
    """Return the same from effects that are known, as of `effects_on`."""
    groups = pd.Series([str(feature.group) for feature in model.features])
    strength = {
        name: float(np.abs(effects[:, part.to_numpy()].sum(axis=1)).mean()) if len(effects) else 0.0
        for name, part in groups.groupby(groups).groups.items()
    }
    total = sum(strength.values()) or 1.0
    frame = pd.DataFrame(
        {
            "group": list(strength),
            "share": [value / total for value in strength.values()],
            "mean_abs_effect": list(strength.values()),
        }
    )
    return frame.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)
