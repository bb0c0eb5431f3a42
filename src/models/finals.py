"""The last word of a search: its best linear and its best boosted part, weighed on more rows.

The trials of a search look at a sample of the rows, since there are many of them. Where conversions
are rare the sample holds few, and the order of the trials is half chance. Between the two kinds
of model, which err differently, all rows decide.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.fitting import Fitting, directions, make_folds
from models.metrics import log_losses
from models.recipe import Recipe

Floats = npt.NDArray[np.float64]
WEIGHTS = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
_MOST_ROWS = 60_000


def play_off(
    training_set: TrainingSet, horizon: int, linear: Recipe, boosted: Recipe, fitting: Fitting
) -> Recipe:
    """Return the mixture of two recipes with the least log loss on the forward folds.

    Parameters
    ----------
    training_set : snapshots whose label for `horizon` is known.
    horizon : in days.
    linear : its C is used.
    boosted : its trees are used.
    fitting : folds, seed and workers.

    Returns
    -------
    A logistic regression, a boosting, or a blend of the two with its weight.
    """
    ways = directions(training_set)

    def losses(number: int) -> Floats:
        fold = folds[number]
        parts = (
            linear.linear(fold.categorical),
            boosted.boosting(fold.categorical, ways, fitting.seed),
        )
        raw = [part.fit(fold.X, fold.y).decision_function(fold.X_test) for part in parts]
        mixed = [(1 - weight) * raw[0] + weight * raw[1] for weight in WEIGHTS]
        return np.array([log_losses(expit(each), fold.y_test).mean() for each in mixed])

    folds = make_folds(training_set, horizon, fitting, _MOST_ROWS)
    table = np.mean(in_parallel(losses, range(len(folds)), fitting.workers), axis=0)
    weight = WEIGHTS[int(np.argmin(table))]
    if weight == 0.0:
        return Recipe("logistic", C=linear.C)
    if weight == 1.0:
        return replace(boosted, kind="boosting")
    return replace(boosted, kind="blend", C=linear.C, weight=weight)
