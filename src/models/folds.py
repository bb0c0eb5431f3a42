"""Forecasts of snapshots that the forecasting model had not seen, fold by fold forward in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.dating import at_present, dated
from models.encoding import FeatureEncoder
from models.errors import ModelError
from models.hazard import person_periods
from models.recipe import Buildable
from models.splits import (
    ForwardSplit,
    Mask,
    Positions,
    forward_parts,
    group_holdout,
    instants,
)

Floats = npt.NDArray[np.float64]
_MOST_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold, encoded once: training and test rows with their labels.

    Parameters
    ----------
    X, y : training rows. The encoder saw these alone.
    X_test, y_test : the rows to forecast. With a clock both have the time as their last column.
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

    @property
    def most_levels(self) -> int:
        """Return how many levels the category with the most of them has, nought without any."""
        codes = self.X[:, list(self.categorical)]
        return int(np.nanmax(codes, initial=-1)) + 1


class FoldRows(NamedTuple):
    """A fold's number, the positions of the rows it learns from, and of those it forecasts.

    The latter are in the order of time, which a calibration goes by.
    """

    number: int
    train: Positions
    test: Positions


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Raw log-odds of snapshots that the forecasting model had not seen, labels and groups.

    Where folds go forward in time the oldest come first.
    """

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
    clock : whether a fit is told when its rows were seen, as `models.dating` says.
    """

    folds: int = 3
    seed: int = 7
    min_conversions: int = 30
    min_boosting: int = 100
    workers: int = 2
    clock: bool = False


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
    known = np.ones(len(training_set), dtype=np.bool_)
    starts = _starts(training_set, horizon, fitting)
    return [
        _fold(training_set, horizon, rows, fitting)
        for rows in _fold_rows(training_set, horizon, known, starts, fitting, most_rows)
    ]


def goes_forward(training_set: TrainingSet, horizon: int, fitting: Fitting) -> bool:
    """Tell whether time suffices for forward folds, as for `make_folds`."""
    return _starts(training_set, horizon, fitting) is not None


def forecast_rows(
    training_set: TrainingSet, usable: Mapping[int, Mask], fitting: Fitting
) -> dict[int, list[FoldRows]]:
    """Return the folds of every horizon; all of them begin at the same instants.

    Those instants suit the last horizon. A shorter one has more to learn from at each of them, and
    one hazard fitted at such an instant forecasts every horizon.

    Parameters
    ----------
    training_set : snapshots of every age.
    usable : for each horizon, the snapshots whose label may be used.
    """
    last = training_set.horizons[-1]
    starts = _starts(training_set.take(usable[last]), last, fitting)
    return {
        horizon: _fold_rows(training_set, horizon, usable[horizon], starts, fitting, _MOST_ROWS)
        for horizon in training_set.horizons
    }


def _starts(training_set: TrainingSet, horizon: int, fitting: Fitting) -> list[int] | None:
    """Return when forward folds begin, or None where time is too short for them."""
    try:
        return ForwardSplit(fitting.folds, horizon).starts(training_set)
    except ModelError:
        return None


def _fold_rows(
    training_set: TrainingSet,
    horizon: int,
    usable: Mask,
    starts: Sequence[int] | None,
    fitting: Fitting,
    most_rows: int,
) -> list[FoldRows]:
    """Return the rows of each fold that has something to learn and to judge."""
    rng, times = np.random.default_rng(fitting.seed), instants(training_set)
    y = training_set.labels[horizon].to_numpy(dtype=np.float64)
    places = np.flatnonzero(usable)
    folds = []
    parts = _positions(training_set, places, horizon, starts, fitting)
    for number, (before, after) in enumerate(parts):
        train = thinned(places[before], most_rows, rng)
        test = thinned(places[after], most_rows // 2, rng)
        test = test[np.argsort(times[test], kind="stable")]
        if 0 < y[train].sum() < len(train) and len(test):
            folds.append(FoldRows(number, train, test))
    return folds


def _positions(
    training_set: TrainingSet,
    places: Positions,
    horizon: int,
    starts: Sequence[int] | None,
    fitting: Fitting,
) -> list[tuple[Positions, Positions]]:
    """Return training and test rows among `places`, by time or else by account."""
    if starts is not None:
        return list(forward_parts(instants(training_set)[places], starts, horizon))
    groups = np.asarray(training_set.groups)[places]
    masks = [
        group_holdout(groups, 1 / fitting.folds, fitting.seed + number)
        for number in range(fitting.folds)
    ]
    return [(np.flatnonzero(~mask), np.flatnonzero(mask)) for mask in masks]


def thinned(rows: Positions, most: int, rng: np.random.Generator) -> Positions:
    """Return so many of the rows at most, drawn at random, in their order."""
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _fold(training_set: TrainingSet, horizon: int, rows: FoldRows, fitting: Fitting) -> Fold:
    y = training_set.labels[horizon].to_numpy(dtype=np.float64)
    encoder = encoder_for(training_set).fit(training_set.values.iloc[rows.train])
    times = instants(training_set)[rows.train]
    X = dated(encoder.transform(training_set.values.iloc[rows.train]), times, told=fitting.clock)
    X_test = at_present(encoder.transform(training_set.values.iloc[rows.test]), told=fitting.clock)
    groups = np.asarray(training_set.groups, dtype=object)[rows.test]
    leads = training_set.snapshots["lead_id"].to_numpy(dtype=object)[rows.test]
    return Fold(X, y[rows.train], X_test, y[rows.test], tuple(encoder.levels_), groups, leads)


def encoder_for(training_set: TrainingSet) -> FeatureEncoder:
    """Return an encoder for the declared features, not fitted."""
    named = [feature.name for feature in training_set.features if feature.categorical]
    return FeatureEncoder(categorical=named)


def directions(training_set: TrainingSet, fitting: Fitting) -> tuple[int, ...]:
    """Return the declared direction of each column that a fit learns from."""
    declared = tuple(feature.monotone for feature in training_set.features)
    return (*declared, 0) if fitting.clock else declared


def forecast_folds(
    training_set: TrainingSet,
    rows: Mapping[int, Sequence[FoldRows]],
    recipe: Buildable,
    fitting: Fitting,
) -> dict[int, Forecasts]:
    """Return for each horizon what the recipe forecasts for the test rows of its folds.

    Parameters
    ----------
    training_set : snapshots of every age.
    rows : of each horizon's folds, from `forecast_rows`.
    recipe, fitting : what to fit, and how.
    """
    asked = [(horizon, fold) for horizon in rows for fold in rows[horizon]]

    def forecast(one: tuple[int, FoldRows]) -> Forecasts:
        fold = _fold(training_set, *one, fitting)
        ways = directions(training_set, fitting)
        estimator = recipe.estimator(fold.categorical, ways, fitting.seed)
        log_odds = estimator.fit(fold.X, fold.y).decision_function(fold.X_test)
        return Forecasts(log_odds, fold.y_test, fold.groups)

    found = in_parallel(forecast, asked, fitting.workers)
    return {
        horizon: _joined([each for (h, _), each in zip(asked, found, strict=True) if h == horizon])
        for horizon in rows
    }


def hazard_forecasts(
    training_set: TrainingSet,
    rows: Mapping[int, Sequence[FoldRows]],
    usable: Mapping[int, Mask],
    recipe: Buildable,
    fitting: Fitting,
) -> dict[int, Forecasts] | None:
    """Return what the recipe, fitted as a hazard, forecasts for the rows of `forecast_folds`.

    Each fold learns from the periods that were over when its test part begins, from as many rows
    at most as a direct model does: a contest of equals, and fits that cost no more. None where a
    fold has nothing to learn from: a history too narrow for forward folds is split by accounts,
    and then no period was over before the test part.

    Parameters
    ----------
    training_set : snapshots of every age.
    rows : of each horizon's folds, from `forecast_rows`; those of one number begin at one instant.
    usable : for each horizon, the snapshots whose label may be used.
    recipe, fitting : what to fit, and how; without a clock.
    """
    times, rng = training_set.snapshots["as_of"], np.random.default_rng(fitting.seed)
    asked = []
    for number in sorted({fold.number for folds in rows.values() for fold in folds}):
        tests = {h: fold.test for h in rows for fold in rows[h] if fold.number == number}
        start = min(times.iloc[test].min() for test in tests.values())
        over = {
            each: usable[each] & (times + pd.Timedelta(days=each) <= start).to_numpy()
            for each in training_set.horizons
        }
        places, events = person_periods(training_set.labels, over)
        chosen = thinned(np.arange(len(places)), _MOST_ROWS, rng)
        if not 0 < events[chosen].sum() < len(chosen):
            return None
        asked.append((places[chosen], events[chosen], tests))

    def forecast(one: tuple[Positions, Floats, dict[int, Positions]]) -> dict[int, Forecasts]:
        places, events, tests = one
        values = training_set.values.iloc[places]
        encoder = encoder_for(training_set).fit(values)
        X, codes = encoder.transform(values), tuple(encoder.levels_)
        hazard = recipe.estimator(codes, directions(training_set, fitting), fitting.seed)
        hazard.fit(X, events)
        found = {}
        for horizon, test in tests.items():
            log_odds = hazard.decision_function(encoder.transform(training_set.values.iloc[test]))
            labels = training_set.labels[horizon].to_numpy(dtype=np.float64)[test]
            groups = np.asarray(training_set.groups, dtype=object)[test]
            found[horizon] = Forecasts(log_odds, labels, groups)
        return found

    found = in_parallel(forecast, asked, fitting.workers)
    return {h: _joined(each[h] for each in found if h in each) for h in rows}


def _joined(found: Iterable[Forecasts]) -> Forecasts:
    return reduce(Forecasts.joined, found, Forecasts())
