"""Fit a conversion model by a recipe: one estimator per horizon, calibrated forward in time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
import sklearn

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.additive import Additive
from models.calibration import (
    FITTERS,
    Calibrator,
    Choice,
    choose_calibration,
    fit_moving,
    fit_platt,
)
from models.conversion import ConversionModel, HorizonModel, Prior
from models.dating import PRESENT, dated
from models.folds import Fitting, Forecasts, directions, encoder_for, thinned
from models.hazard import Contest, person_periods
from models.recipe import Buildable
from models.splits import Mask, instants

Floats = npt.NDArray[np.float64]
_REFERENCE_POINTS = 2001
_FEWEST_TO_CALIBRATE = 10
_MOST_PERIODS = 60_000
"""A hazard has a row for each period of a snapshot, all alike but for what came of them."""


def converted_leads(training_set: TrainingSet, horizon: int, rows: Mask | None = None) -> int:
    """Return how many leads are known to have converted within the horizon."""
    won = (training_set.labels[horizon] == 1).to_numpy()
    won = won if rows is None else won & rows
    return int(training_set.snapshots["lead_id"][won].nunique())


def fit_model(
    training_set: TrainingSet,
    recipe: Buildable,
    forecasts: Mapping[int, Forecasts],
    fitting: Fitting,
    *,
    until: pd.Timestamp,
    rows: Mapping[int, Mask] | None = None,
    contests: Sequence[Contest] = (),
    signal: bool = True,
) -> ConversionModel:
    """Fit one estimator per horizon to every usable snapshot.

    Parameters
    ----------
    training_set : the snapshots; those without a known label form the reference of the score.
    recipe : what to fit.
    forecasts : per horizon, forward forecasts by this recipe, on which to calibrate.
    fitting : how.
    until : nothing that was learned after this instant is used; kept as ``trained_until``.
    rows : per horizon, which snapshots to train on; all with a known label where None.
    contests : of direct models against a hazard; horizons where it won share one hazard.
    signal : whether anything that was tried forecasts better than one rate for all; where nothing
        does, that rate is the model.
    """
    usable = rows or {
        horizon: training_set.labels[horizon].notna().to_numpy()
        for horizon in training_set.horizons
    }
    primary = training_set.horizons[-1]
    conversions = converted_leads(training_set, primary, usable[primary])
    encoder = encoder_for(training_set).fit(training_set.values[usable[primary]])
    X = encoder.transform(training_set.values)
    choices: list[Choice] = []
    if conversions < fitting.min_conversions or not signal:
        models = [_prior(training_set, h, usable[h], X.shape[1]) for h in training_set.horizons]
    else:
        codes = tuple(encoder.levels_)
        hazards = {each.horizon for each in contests if each.won}
        models = _fitted(
            training_set, X, recipe, usable, fitting, categorical=codes, hazards=hazards
        )
        calibrated = [
            _calibrated(
                model,
                forecasts.get(model.horizon, Forecasts()),
                X,
                training_set.labels[model.horizon].to_numpy(dtype=np.float64),
                usable[model.horizon],
                moving=fitting.clock,
                leave_alone=model.horizon not in hazards,
            )
            for model in models
        ]
        models, choices = [pair[0] for pair in calibrated], [pair[1] for pair in calibrated]
    model = ConversionModel(
        features=training_set.features,
        levels=encoder.levels_,
        models=tuple(models),
        target=training_set.target,
        reference=np.zeros(0),
        metadata=_metadata(training_set, recipe, fitting, usable[primary])
        | {
            "trained_until": until.isoformat(),
            "signal": signal or conversions < fitting.min_conversions,
            "calibration": [asdict(each) for each in choices],
            "hazard": [{**asdict(each), "won": each.won} for each in contests],
        },
    )
    return replace(model, reference=_reference(model, training_set, X))


def _fitted(
    training_set: TrainingSet,
    X: Floats,
    recipe: Buildable,
    usable: Mapping[int, Mask],
    fitting: Fitting,
    *,
    categorical: tuple[int, ...],
    hazards: Collection[int],
) -> list[HorizonModel]:
    """Fit each horizon, and one hazard for those that are forecast by it.

    A horizon with too few conversions of its own borrows from the last one.
    """
    last = training_set.horizons[-1]
    own = [
        horizon
        for horizon in training_set.horizons
        if horizon == last
        or converted_leads(training_set, horizon, usable[horizon]) >= fitting.min_conversions
    ]
    # The hazard has the most rows, so that it begins first.
    wanted: list[int | None] = [None] if hazards else []
    wanted += [each for each in own if each not in hazards]
    times, ways = instants(training_set), directions(training_set, fitting)

    def fit(horizon: int | None) -> Additive:
        if horizon is None:
            rows, y = person_periods(training_set.labels, usable)
            chosen = thinned(np.arange(len(y)), _MOST_PERIODS, np.random.default_rng(fitting.seed))
            rows, y = rows[chosen], y[chosen]
        else:
            rows = np.flatnonzero(usable[horizon])
            y = training_set.labels[horizon].to_numpy(dtype=np.float64)[rows]
        estimator = recipe.estimator(categorical, ways, fitting.seed)
        fitted = estimator.fit(dated(X[rows], times[rows], told=fitting.clock), y)
        return fitted.held_at(PRESENT) if fitting.clock else fitted

    fitted = dict(zip(wanted, in_parallel(fit, wanted, fitting.workers), strict=True))
    of_horizon = {each: fitted[None if each in hazards else each] for each in own}
    return [HorizonModel(h, of_horizon.get(h, of_horizon[last])) for h in training_set.horizons]


def _calibrated(
    model: HorizonModel,
    found: Forecasts,
    X: Floats,
    labels: Floats,
    known: Mask,
    *,
    moving: bool,
    leave_alone: bool,
) -> tuple[HorizonModel, Choice]:
    """Calibrate on unseen snapshots; where a horizon borrows its estimator, shift it alone.

    What a hazard gives are log-odds of one period, which are no forecast before they are mapped.
    """
    own = min(found.labels.sum(), len(found.labels) - found.labels.sum())
    calibrator: Calibrator
    if own < _FEWEST_TO_CALIBRATE:
        raw = model.estimator.decision_function(X[known])
        calibrator, choice = fit_platt(raw, labels[known], slope_sd=0.0), Choice("base rate", {})
    elif moving:
        calibrator, choice = fit_moving(found.log_odds, found.labels), Choice("moving", {})
    else:
        choice = choose_calibration(
            found.log_odds, found.labels, found.groups, leave_alone=leave_alone
        )
        calibrator = FITTERS[choice.name](found.log_odds, found.labels)
    return replace(model, calibrator=calibrator), choice


def _prior(training_set: TrainingSet, horizon: int, rows: Mask, columns: int) -> HorizonModel:
    """Count leads, not snapshots: several snapshots of one lead are one experience."""
    labels = training_set.labels[horizon].to_numpy(dtype=np.float64)[rows]
    leads = int(training_set.snapshots["lead_id"][rows].nunique())
    rate = float(labels.mean()) if len(labels) else 0.0
    return HorizonModel(horizon, Prior(rate * leads, (1 - rate) * leads, columns))


def _reference(model: ConversionModel, training_set: TrainingSet, X: Floats) -> Floats:
    """Primary probabilities of the newest snapshot of each lead that may still be open."""
    undecided = training_set.labels[model.horizons[-1]].isna().to_numpy()
    times = training_set.snapshots["as_of"]
    chosen = undecided if undecided.sum() >= 50 else np.ones(len(times), dtype=np.bool_)
    newest = training_set.snapshots[chosen].sort_values("as_of").groupby("lead_id").tail(1).index
    rising = np.sort(model.probabilities_of(X[newest.to_numpy()])[:, -1])
    if len(rising) <= _REFERENCE_POINTS:
        return rising
    return np.asarray(rising[np.linspace(0, len(rising) - 1, _REFERENCE_POINTS).astype(np.int64)])


def _metadata(
    training_set: TrainingSet, recipe: Buildable, fitting: Fitting, rows: Mask
) -> dict[str, Any]:
    return {
        "history_digest": training_set.history_digest,
        "definitions_digest": training_set.definitions_digest,
        "data_digest": training_set.digest,
        "observed_until": training_set.observed_until.isoformat(),
        "target": training_set.target,
        "horizons": list(training_set.horizons),
        "seed": fitting.seed,
        "clock": fitting.clock,
        "min_conversions": fitting.min_conversions,
        "min_boosting": fitting.min_boosting,
        "chosen": recipe.kind,
        "recipe": recipe.as_dict(),
        "snapshots": int(rows.sum()),
        "leads": int(training_set.snapshots["lead_id"][rows].nunique()),
        "conversions": converted_leads(training_set, training_set.horizons[-1], rows),
        "versions": {
            "lightgbm": lightgbm.__version__,
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
