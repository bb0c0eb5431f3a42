"""The last word of a search: its best parts, mixed by what they forecast of unseen snapshots.

The trials of a search look at a sample of the rows, since there are many of them. Where conversions
are rare the sample holds few, and the order of the trials is half chance. Linear models, stumps and
larger trees err differently, and the mean of their log-odds forecasts better than most of them
alone; all rows decide how much each shall count (docs/decisions/0007-mixtures.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.folds import (
    Fitting,
    Fold,
    FoldRows,
    Forecasts,
    directions,
    hazard_forecasts,
    make_folds,
)
from models.hazard import Contest, comparable, contest
from models.metrics import ERRORS, log_losses, standard_error
from models.recipe import Buildable, Mixture, Recipe
from models.splits import Mask
from models.weighing import Unseen, mixture_weights

Floats = npt.NDArray[np.float64]

_MOST_ROWS = 60_000
_FEWEST_TO_TELL = 50
LEAST_WEIGHT = 0.15
"""A boosted part that would count for less is left out: each costs its trees in every score."""
_LEAST_OF_LINEAR = 0.05


def play_off(
    training_set: TrainingSet,
    horizon: int,
    linear: Recipe,
    boosted: Sequence[Recipe],
    fitting: Fitting,
) -> Recipe | Mixture:
    """Weigh a search's best parts on what none of them had seen.

    Parameters
    ----------
    training_set : snapshots whose label for `horizon` is known.
    horizon : in days.
    linear : the best logistic regression.
    boosted : the best trees of each size.
    fitting : folds, seed and workers.

    Returns
    -------
    The mixture of those parts that count, or the part that counts alone.
    """
    ways = directions(training_set, fitting)
    parts = [linear, *boosted]

    def forecasts(fold: Fold) -> Unseen:
        models = (part.estimator(fold.categorical, ways, fitting.seed) for part in parts)
        raw = [model.fit(fold.X, fold.y).decision_function(fold.X_test) for model in models]
        return Unseen(np.array(raw), fold.y_test, fold.leads)

    folds = make_folds(training_set, horizon, fitting, _MOST_ROWS)
    weights = mixture_weights(in_parallel(forecasts, folds, fitting.workers))
    least = [_LEAST_OF_LINEAR, *[LEAST_WEIGHT] * len(boosted)]
    counting = [(parts[n], w) for n, w in enumerate(weights) if w >= least[n]]
    if len(counting) == 1:
        return counting[0][0]
    whole = sum(weight for _, weight in counting)
    shares = tuple(round(float(weight / whole), 3) for _, weight in counting)
    return Mixture(tuple(part for part, _ in counting), shares)


def has_signal(unseen: Forecasts) -> bool:
    """Tell whether leads that were forecast higher than others converted more often.

    The score test of a slope of nought, whole accounts taken together: forecast and outcome go
    together by more than two standard errors. What is asked is whether there is something to know,
    not whether the forecasts are good already: overconfident ones lose more than one rate for all
    would, and yet know who is likelier. The gate judges what they lose.

    Parameters
    ----------
    unseen : forward forecasts of what a search chose. With fewer than fifty conversions among
        them nothing can be said against it.
    """
    labels = unseen.labels
    if min(labels.sum(), len(labels) - labels.sum()) < _FEWEST_TO_TELL:
        return True
    together = (unseen.log_odds - unseen.log_odds.mean()) * (labels - labels.mean())
    return bool(together.sum() > ERRORS * standard_error(together, unseen.groups))


def challenge(
    training_set: TrainingSet,
    horizon: int,
    ours: Buildable,
    plugged: Sequence[Buildable],
    fitting: Fitting,
) -> Buildable:
    """Return the best of other people's classifiers where it beats ours by more than chance.

    Ours is explained exactly and fast, so that it is kept where the paired difference does not
    tell them apart.

    Parameters
    ----------
    training_set, horizon, fitting : as for `play_off`.
    ours : what the search chose.
    plugged : the classifiers that were asked for.
    """
    ways = directions(training_set, fitting)
    folds = make_folds(training_set, horizon, fitting, _MOST_ROWS)
    recipes: list[Buildable] = [ours, *plugged]

    def losses(number: int) -> Floats:
        """Return what each row of a fold loses by recipe."""
        fold = folds[number]
        models = (each.estimator(fold.categorical, ways, fitting.seed) for each in recipes)
        raw = (each.fit(fold.X, fold.y).decision_function(fold.X_test) for each in models)
        return np.array([log_losses(expit(each), fold.y_test) for each in raw])

    found = in_parallel(losses, range(len(folds)), fitting.workers)
    rows = np.concatenate([table / (len(folds) * table.shape[1]) for table in found], axis=1)
    groups = np.concatenate([fold.groups for fold in folds])
    best = int(np.argmin(rows.sum(axis=1)))
    gain = rows[0] - rows[best]
    return recipes[best] if gain.sum() > ERRORS * standard_error(gain, groups) else ours


def against_hazard(
    training_set: TrainingSet,
    recipe: Buildable,
    fitting: Fitting,
    usable: Mapping[int, Mask],
    rows: Mapping[int, Sequence[FoldRows]],
    direct: Mapping[int, Forecasts],
) -> tuple[tuple[Contest, ...], dict[int, Forecasts]]:
    """Compare each horizon's direct model with a hazard on the same unseen snapshots.

    Parameters
    ----------
    training_set : snapshots of every age.
    recipe, fitting : what to fit, and how.
    usable : for each horizon, the snapshots whose label may be used.
    rows : of each horizon's folds.
    direct : forward forecasts of each horizon by a model of its own.

    Returns
    -------
    The contests and the forecasts of whichever won. There are no contests where the horizons are
    not evenly spaced, where a hazard has nothing to learn from, or where the company moves: the
    log-odds of a period are no forecast without a map, and a map learned then is out of date.
    """
    told = [
        horizon
        for horizon, ours in direct.items()
        if min(ours.labels.sum(), len(ours.labels) - ours.labels.sum()) >= fitting.min_conversions
    ]
    if fitting.clock or not told or not comparable(training_set.horizons):
        return (), dict(direct)
    hazard = hazard_forecasts(training_set, rows, usable, recipe, fitting)
    if hazard is None:
        return (), dict(direct)
    contests = tuple(
        contest(h, direct[h].log_odds, hazard[h].log_odds, direct[h].labels, direct[h].groups)
        for h in told
    )
    won = {each.horizon: hazard[each.horizon] for each in contests if each.won}
    return contests, {**direct, **won}
