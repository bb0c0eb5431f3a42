"""How much each of several models shall count, told by forecasts of what none of them had seen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.metrics import log_losses

Floats = npt.NDArray[np.float64]

STEPS = 10
"""Mixtures are compared whose weights are whole tenths."""


class Unseen(NamedTuple):
    """Forecasts of rows that no model had seen.

    Parameters
    ----------
    log_odds : of each model, shape (models, rows).
    labels : what came of the rows, 0 or 1.
    leads : whose rows they are.
    """

    log_odds: Floats
    labels: Floats
    leads: npt.NDArray[np.object_]


def mixture_weights(folds: Sequence[Unseen]) -> Floats:
    """Return the expected weights of the mixture that makes the unseen outcomes likeliest.

    Before anything is seen every mixture is as likely as any other; outcomes make each as likely
    as its forecasts of them were good, and the mean of the mixtures is taken. Few conversions leave
    the weights near equal, and many bring them to the best, with no threshold between. A lead that
    was looked at more than once is one experience, of which each row is a part.

    Parameters
    ----------
    folds : of the same models.

    Returns
    -------
    One weight a model, not negative, summing to one.
    """
    mixtures = _simplex(len(folds[0].log_odds))
    loss = np.sum([_total_losses(fold, mixtures) for fold in folds], axis=0)
    rows = sum(len(fold.labels) for fold in folds)
    experiences = len(np.unique(np.concatenate([fold.leads for fold in folds]).astype(str)))
    likelihood = np.exp(-(loss - loss.min()) * experiences / rows)
    return np.asarray(likelihood @ mixtures / likelihood.sum())


def _total_losses(fold: Unseen, mixtures: Floats) -> Floats:
    """Return what each mixture loses on all rows of a fold."""
    return np.array(
        [log_losses(expit(each @ fold.log_odds), fold.labels).sum() for each in mixtures]
    )


@cache
def _simplex(models: int) -> Floats:
    """Return all ways to share `STEPS` parts among so many models, each summing to one."""
    bars = combinations(range(STEPS + models - 1), models - 1)
    ways = [np.diff([-1, *each, STEPS + models - 1]) - 1 for each in bars]
    return np.array(ways, dtype=np.float64) / STEPS
