"""Forecasts of snapshots that the forecasting model had not seen, fold by fold forward in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.encoding import FeatureEncoder
from models.errors import ModelError
from models.hazard import person_periods
from models.recipe import Buildable
from models.splits import ForwardSplit, Mask, group_holdout

Floats = npt.NDArray[np.float64]
_MOST_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold, encoded once: training and test rows with their labels.

    Parameters
    ----------
    X, y : training rows. The encoder saw these alone.
    X_test, y_test : the rows to forecast.
    categorical : positions of the columns that hold category codes.
    groups : account or lead of the rows to forecast.
    leads : whose rows they are.
    """

    X: Floats
    y: Floats
    X_test: Floats
    y_test: Floats
    categorical: tuple[int, ...]
    groups: npt.NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))
    leads: npt.NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Raw log-odds of snapshots that the forecasting model had not seen, labels and groups."""

    log_odds: Floats = field(default_factory=lambda: np.zeros(0))
    labels: Floats = field(default_factory=lambda: np.zeros(0))
    groups: npt.NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))

    def joined(self, other: Forecasts) -> Forecasts:
        """Return both together."""
        return Forecasts(
            np.concatenate([self.log_odds, other.log_odds]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.groups, other.groups]),
        )


@dataclass(frozen=True)
class Fitting:
    """How models are fitted, whatever the recipe.

    Parameters
    ----------
    folds : forward folds for search and calibration.
    seed : of every draw.
    min_conversions : below this many converted leads the model is a prior.
    min_boosting : below this many it is a logistic regression; from here on trees are tried.
    workers : fits at a time; the result does not depend on it.
    """

    folds: int = 3
    seed: int = 7
    min_conversions: int = 30
    min_boosting: int = 100
    workers: int = 2


def make_folds(
    training_set: TrainingSet, horizon: int, fitting: Fitting, most_rows: int = _MOST_ROWS
) -> list[Fold]:
    """Return encoded forward folds of snapshots with known labels.

    Where time is too short for forward folds, accounts are split instead.

    Parameters
    ----------
    training_set : snapshots whose label for `horizon` is known.
    most_rows : training rows of a fold are thinned at random to this many, test rows to half.
    """
    y = training_set.labels[horizon].to_numpy(dtype=np.float64)
    return [
        _fold(training_set, y, train, test)
        for train, test in _fold_rows(training_set, y, horizon, fitting, most_rows)
    ]


def _fold_rows(
    training_set: TrainingSet, y: Floats, horizon: int, fitting: Fitting, most_rows: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return training and test rows of each fold that has something to learn and to judge."""
    rng = np.random.default_rng(fitting.seed)
    folds = []
    for before, after in _positions(training_set, horizon, fitting):
        train, test = _thinned(before, most_rows, rng), _thinned(after, most_rows // 2, rng)
        if 0 < y[train].sum() < len(train) and len(test):
            folds.append((train, test))
    return folds


def _positions(
    training_set: TrainingSet, horizon: int, fitting: Fitting
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    try:
        return list(ForwardSplit(fitting.folds, horizon).split(training_set))
    except ModelError:
        masks = [
            group_holdout(training_set.groups, 1 / fitting.folds, fitting.seed + number)
            for number in range(fitting.folds)
        ]
        return [(np.flatnonzero(~mask), np.flatnonzero(mask)) for mask in masks]


def _thinned(
    rows: npt.NDArray[np.int64], most: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _fold(
    training_set: TrainingSet,
    y: Floats,
    train: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
) -> Fold:
    encoder = encoder_for(training_set).fit(training_set.values.iloc[train])
    X = encoder.transform(training_set.values.iloc[train])
    X_test = encoder.transform(training_set.values.iloc[test])
    groups = np.asarray(training_set.groups, dtype=object)[test]
    leads = training_set.snapshots["lead_id"].to_numpy(dtype=object)[test]
    return Fold(X, y[train], X_test, y[test], tuple(encoder.levels_), groups, leads)


def encoder_for(training_set: TrainingSet) -> FeatureEncoder:
    """Return an encoder for the declared features, not fitted."""
    named = [feature.name for feature in training_set.features if feature.categorical]
    return FeatureEncoder(categorical=named)


def directions(training_set: TrainingSet) -> tuple[int, ...]:
    """Return the declared direction of each column."""
    return tuple(feature.monotone for feature in training_set.features)


def forecast_folds(
    training_set: TrainingSet, horizon: int, recipe: Buildable, fitting: Fitting
) -> Forecasts:
    """Return what the recipe forecasts for the test rows of each fold."""

    def forecast(fold: Fold) -> Forecasts:
        estimator = recipe.estimator(fold.categorical, directions(training_set), fitting.seed)
        log_odds = estimator.fit(fold.X, fold.y).decision_function(fold.X_test)
        return Forecasts(log_odds, fold.y_test, fold.groups)

    folds = make_folds(training_set, horizon, fitting)
    found = in_parallel(forecast, folds, fitting.workers)
    return reduce(Forecasts.joined, found, Forecasts())


def hazard_forecasts(
    training_set: TrainingSet,
    horizon: int,
    usable: Mapping[int, Mask],
    recipe: Buildable,
    fitting: Fitting,
) -> Forecasts | None:
    """Return what the recipe, fitted as a hazard, forecasts for the rows of `forecast_folds`.

    Each fold learns from the periods that were over when its test part begins, from as many rows
    at most as a direct model does: a contest of equals, and fits that cost no more. None where a
    fold has nothing to learn from: a history too narrow for forward folds is split by accounts,
    and then no period was over before the test part.

    Parameters
    ----------
    training_set : snapshots of every age.
    horizon : in days, of the labels to forecast.
    usable : for each horizon, the snapshots whose label may be used.
    recipe, fitting : what to fit, and how.
    """
    mature = training_set.take(usable[horizon])
    y = mature.labels[horizon].to_numpy(dtype=np.float64)
    times = training_set.snapshots["as_of"]
    rng = np.random.default_rng(fitting.seed)
    asked = []
    for _, test in _fold_rows(mature, y, horizon, fitting, _MOST_ROWS):
        start = mature.snapshots["as_of"].iloc[test].min()
        over = {
            each: usable[each] & (times + pd.Timedelta(days=each) <= start).to_numpy()
            for each in training_set.horizons
        }
        rows, events = person_periods(training_set.labels, over)
        chosen = _thinned(np.arange(len(rows)), _MOST_ROWS, rng)
        if not 0 < events[chosen].sum() < len(chosen):
            return None
        asked.append((rows[chosen], events[chosen], test))

    def forecast(
        fold: tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.int64]],
    ) -> Forecasts:
        rows, events, test = fold
        values = training_set.values.iloc[rows]
        encoder = encoder_for(training_set).fit(values)
        estimator = recipe.estimator(
            tuple(encoder.levels_), directions(training_set), fitting.seed
        ).fit(encoder.transform(values), events)
        log_odds = estimator.decision_function(encoder.transform(mature.values.iloc[test]))
        groups = np.asarray(mature.groups, dtype=object)[test]
        return Forecasts(log_odds, y[test], groups)

    return reduce(Forecasts.joined, in_parallel(forecast, asked, fitting.workers), Forecasts())
