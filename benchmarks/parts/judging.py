"""How forecasts of a comparison are judged: on the same draws of accounts, beside the law's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from parts.model_sets import Problem

from features import TrainingSet
from models.metrics import figures, group_weights

Floats = npt.NDArray[np.float64]

MODEL, LAW = "smarketing", "the law"
TRIALS = 25
"""Of every search, ours and others'."""
CAPACITY = 0.1
"""Share of the leads in a week's queue that sales can work."""
_DRAWS, _SEED = 200, 7
_SETTLED = 0.001
"""What everybody forecasts for leads that are known to be lost."""


def labels_of(part: TrainingSet) -> Floats:
    """Return the labels of the last horizon."""
    return part.labels[part.horizons[-1]].to_numpy(dtype=np.float64)


def judged(problem: Problem, forecasts: Mapping[str, Floats]) -> dict[str, dict[str, Floats]]:
    """Return every figure of everybody for the sample and 200 draws of its accounts."""
    y = np.append(labels_of(problem.test), np.zeros(problem.settled))
    lost = [f"settled {number}" for number in range(problem.settled)]
    weights = group_weights(np.append(problem.test.groups, lost), _DRAWS, _SEED)
    return {
        name: figures(with_settled(problem, p), y, weights, CAPACITY)
        for name, p in forecasts.items()
    }


def with_settled(problem: Problem, forecast: Floats) -> Floats:
    """Return a forecast with that of the leads which are known to be lost behind it."""
    return np.append(forecast, np.full(problem.settled, _SETTLED))


def draws_of(problem: Problem) -> Floats:
    """Return the draws of the accounts of the leads that are asked about, shape (201, leads)."""
    return group_weights(problem.test.groups, _DRAWS, _SEED)


def attained(found: Mapping[str, Mapping[str, Floats]], name: str) -> list[float]:
    """Return what share of the ranking that the law allows was reached, on the same draws."""
    return interval((found[name]["auc"] - 0.5) / (found[LAW]["auc"] - 0.5))


def interval(draws: Floats) -> list[float]:
    """Return the sample's figure and the ends of the central 95 % of the draws."""
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return [round(float(each), 4) for each in (draws[0], low, high)]
