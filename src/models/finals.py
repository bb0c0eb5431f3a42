"""The last word of a search: its best parts, weighed on more rows, and the simplest that will do.

The trials of a search look at a sample of the rows, since there are many of them. Where conversions
are rare the sample holds few, and the order of the trials is half chance. Between linear and
boosted models, which err differently, all rows decide; and between models of which none is
better by more than chance, the simplest wins, since the best of many is in part the luckiest
(after the rule of one standard error: Breiman, Friedman, Olshen and Stone, Classification and
Regression Trees, 1984, section 3.4.3; two of them here, as the gate asks for).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.folds import Fitting, Forecasts, directions, hazard_forecasts, make_folds
from models.hazard import Contest, comparable, contest
from models.metrics import ERRORS, log_losses, standard_error
from models.recipe import Buildable, Recipe
from models.splits import Mask

Floats = npt.NDArray[np.float64]

WEIGHTS = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
"""Of the boosted part in what is compared; 0 is the linear part alone."""

_MOST_ROWS = 60_000


def play_off(
    training_set: TrainingSet,
    horizon: int,
    linear: Recipe,
    boosted: Sequence[Recipe],
    fitting: Fitting,
) -> Recipe:
    """Return the simplest mixture that chance does not tell from the best.

    Parameters
    ----------
    training_set : snapshots whose label for `horizon` is known.
    horizon : in days.
    linear : its C is used.
    boosted : their trees are used; the simplest first.
    fitting : folds, seed and workers.

    Returns
    -------
    A logistic regression, a boosting, or a blend of the two with its weight.
    """
    ways = directions(training_set)
    folds = make_folds(training_set, horizon, fitting, _MOST_ROWS)

    def losses(number: int) -> Floats:
        """Return what each row of a fold loses, shape (boosted, weights, rows)."""
        fold = folds[number]
        parts = [linear.linear(fold.categorical)]
        parts += [each.boosting(fold.categorical, ways, fitting.seed) for each in boosted]
        base, *raw = (part.fit(fold.X, fold.y).decision_function(fold.X_test) for part in parts)
        mixed = [[(1 - w) * base + w * each for w in WEIGHTS] for each in raw]
        return np.array([[log_losses(expit(p), fold.y_test) for p in row] for row in mixed])

    found = in_parallel(losses, range(len(folds)), fitting.workers)
    rows = np.concatenate([table / (len(folds) * table.shape[2]) for table in found], axis=2)
    groups = np.concatenate([fold.groups for fold in folds])
    number, place = _simplest(rows, groups)
    weight, trees = WEIGHTS[place], boosted[number]
    if weight == 0.0:
        return Recipe("logistic", C=linear.C)
    if weight == 1.0:
        return replace(trees, kind="boosting")
    return replace(trees, kind="blend", C=linear.C, weight=weight)


def challenge(
    training_set: TrainingSet,
    horizon: int,
    ours: Recipe,
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
    ways = directions(training_set)
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
    direct: Mapping[int, Forecasts],
) -> tuple[tuple[Contest, ...], dict[int, Forecasts]]:
    """Compare each horizon's direct model with a hazard on the same unseen snapshots.

    Parameters
    ----------
    training_set : snapshots of every age.
    recipe, fitting : what to fit, and how.
    usable : for each horizon, the snapshots whose label may be used.
    direct : forward forecasts of each horizon by a model of its own.

    Returns
    -------
    The contests, none where the horizons are not evenly spaced, and the forecasts of whichever won.
    """
    contests: list[Contest] = []
    forecasts = dict(direct)
    for horizon, ours in direct.items() if comparable(training_set.horizons) else ():
        wins = ours.labels.sum()
        if min(wins, len(ours.labels) - wins) < fitting.min_conversions:
            continue
        hazard = hazard_forecasts(training_set, horizon, usable, recipe, fitting)
        verdict = contest(horizon, ours.log_odds, hazard.log_odds, ours.labels, ours.groups)
        contests.append(verdict)
        forecasts[horizon] = hazard if verdict.won else ours
    return tuple(contests), forecasts


def _simplest(rows: Floats, groups: npt.NDArray[np.object_]) -> tuple[int, int]:
    """Return the place of the mixture to take.

    Trees alone count as simpler than the same trees with a linear part, which goes on rising
    where a feature leaves the range that it was fitted to.

    Parameters
    ----------
    rows : each row's part of the mean loss, shape (boosted, weights, rows).
    groups : whose row it is; rows of one account are one experience.
    """
    total = rows.sum(axis=2)
    best = np.unravel_index(int(np.argmin(total)), total.shape)
    for number, means in enumerate(total):
        for place in (len(WEIGHTS) - 1, int(np.argmin(means))):
            worse = rows[number, place] - rows[best]
            if worse.sum() <= ERRORS * standard_error(worse, groups):
                return number, place
    raise AssertionError("the best is within its own error")
