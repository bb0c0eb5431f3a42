"""Search for the recipe that forecasts best, judge it on the newest past, fit it to everything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.training_set import TrainingSet
from models.clock import Clock, choose_clock
from models.conversion import ConversionModel
from models.errors import ModelError
from models.evaluation import Evaluation, evaluate
from models.finals import against_hazard, challenge, has_signal, play_off
from models.fitting import converted_leads, fit_model
from models.folds import (
    Fitting,
    Forecasts,
    directions,
    forecast_folds,
    forecast_rows,
    make_folds,
)
from models.hazard import notes as hazard_notes
from models.learning import learning_curve
from models.plugged import PluggedRecipe
from models.recipe import Buildable, Recipe
from models.space import KINDS
from models.splits import Holdout, Mask, forward_holdout, instants
from models.study import OnTrial, Progress, Search
from models.trials import (
    IMPORTANCE,
    best_recipe,
    complete,
    parameter_importance,
    trial_frame,
)

Floats = npt.NDArray[np.float64]

_SEARCH_ROWS = 12_000


@dataclass(frozen=True, eq=False)
class TunedModel:
    """What a search leaves behind.

    Parameters
    ----------
    model : fitted to everything that is known.
    judged : the same recipe fitted to the past alone, which `evaluation` is about; compare
        this one with a champion, since `model` has seen the newest outcomes.
    evaluation : figures of `judged` and the baselines on the newest mature snapshots.
    trials : one row per trial: ``number``, ``state``, ``value`` (mean log loss of the folds),
        ``best`` so far, and a column per parameter.
    parameters : how much each ``parameter`` of the trees mattered in the trials, as ``share``.
    holdout_start : where the judged part begins; None when the history was too short for one.
    """

    model: ConversionModel
    judged: ConversionModel
    evaluation: Evaluation
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    parameters: pd.DataFrame = field(default_factory=pd.DataFrame)
    holdout_start: pd.Timestamp | None = None


def tune(
    training_set: TrainingSet,
    *,
    trials: int = 30,
    timeout_s: float | None = None,
    folds: int = 3,
    seed: int = 7,
    min_conversions: int = 30,
    min_boosting: int = 100,
    holdout: float = 0.25,
    capacity: float = 0.1,
    workers: int = 2,
    storage: str | None = None,
    progress: Progress | None = None,
    on_trial: OnTrial | None = None,
    candidates: Mapping[str, Any] | None = None,
) -> TunedModel:
    """Find the best recipe, judge it on the newest mature snapshots, and fit it to everything.

    Parameters
    ----------
    training_set : snapshots; those not yet mature only set the scale of the score.
    trials : recipes to try in all; those already in `storage` count.
    timeout_s : the whole search is over after so many seconds: what judging and fitting the winner
        will take is put aside, by the longest trial so far. One trial runs in any case.
    folds : forward folds with a gap of one horizon.
    seed : equal seeds give equal models.
    min_conversions : below so many converted leads the model is a prior, and nothing is tried.
    min_boosting : below so many it is a logistic regression: trees need more.
    holdout : share of the mature snapshots, the newest, kept for the evaluation.
    capacity : share of the snapshots that could be worked, for lift and wins.
    workers : fits at a time; the result does not depend on it.
    storage : Optuna storage URL to keep trials in and to resume from.
    progress : called after each trial with the number of trials done and the best value.
    on_trial : called after each trial with its number, parameters, value and state.
    candidates : scikit-learn classifiers by the names that they shall bear. The best of them is
        taken where it beats the search's own choice on the forward folds by more than chance;
        `models.plugged` says how it is kept and explained. Its rows are encoded: numbers as they
        are with NaN for missing ones, categories as codes.

    Raises
    ------
    ModelError : the training set is empty, or a candidate is no classifier.
    """
    if not len(training_set):
        raise ModelError("the training set has no snapshots; ingest leads or choose a later until")
    started = time.monotonic()
    fitting = Fitting(folds, seed, min_conversions, min_boosting, workers)
    held = _holdout(training_set, holdout)
    primary = training_set.horizons[-1]
    past = training_set.take(_past_rows(training_set, held)[primary])
    wins = converted_leads(past, primary)
    clock = choose_clock(past, primary, fitting)
    fitting = replace(fitting, clock=clock.told)
    found = make_folds(past, primary, fitting, _SEARCH_ROWS) if wins >= min_conversions else []
    recipe: Buildable = Recipe("logistic" if wins < min_boosting else "blend")
    plugged = [PluggedRecipe(name, each) for name, each in (candidates or {}).items()]
    for each in plugged:
        each.estimator((), (), seed)
    table, parameters = trial_frame([]), pd.DataFrame(columns=IMPORTANCE)
    if found:
        kinds = KINDS[:1] if wins < min_boosting else KINDS
        search = Search(found, directions(training_set, fitting), fitting, kinds)
        study = search.run(
            name=f"{training_set.digest}-{training_set.target}-{primary}-{seed}"
            + ("-clock" if clock.told else ""),
            trials=trials,
            timeout_s=None if timeout_s is None else timeout_s - (time.monotonic() - started),
            storage=storage,
            progress=progress,
            on_trial=on_trial,
        )
        ours: Buildable = best_recipe(complete(study)) or Recipe(kinds[-1])
        table, parameters = trial_frame(study.trials), parameter_importance(study, seed)
        finalists = search.finalists(study)
        if finalists is not None:
            ours = play_off(past, primary, *finalists, fitting)
        recipe = challenge(past, primary, ours, plugged, fitting) if plugged else ours
    tuned = _finish(training_set, recipe, fitting, held=held, capacity=capacity, clock=clock)
    return replace(tuned, trials=table, parameters=parameters)


def _finish(
    training_set: TrainingSet,
    recipe: Buildable,
    fitting: Fitting,
    *,
    held: Holdout | None,
    capacity: float,
    clock: Clock,
) -> TunedModel:
    """Calibrate and judge on the past, then fit to everything with all forward forecasts."""
    rows = _past_rows(training_set, held)
    parts = forecast_rows(training_set, rows, fitting)
    forecasts = forecast_folds(training_set, parts, recipe, fitting)
    until = training_set.observed_until
    signal = has_signal(forecasts[training_set.horizons[-1]])
    contests, forecasts = against_hazard(training_set, recipe, fitting, rows, parts, forecasts)
    if held is None:
        model = fit_model(
            training_set, recipe, forecasts, fitting, until=until, contests=contests, signal=signal
        )
        note = "The history is too short to hold out a future part: nothing was judged."
        return TunedModel(model, model, _nothing(capacity, note))
    judged = fit_model(
        training_set,
        recipe,
        forecasts,
        fitting,
        until=held.when,
        rows=rows,
        contests=contests,
        signal=signal,
    )
    known = training_set.labels.notna().any(axis=1).to_numpy()
    test = training_set.take(held.future() & known)
    told = (clock.note,) if clock.note else ()
    notes = (judged.message,) if judged.kind == "prior" else (*told, *hazard_notes(contests))
    evaluation = evaluate(
        judged, test, past=training_set, capacity=capacity, seed=fitting.seed, notes=notes
    )
    past = training_set.take(rows[training_set.horizons[-1]])
    learning = learning_curve(past, test, recipe, fitting)
    evaluation = replace(evaluation, learning=learning)
    fresh = _fresh_forecasts(judged, test)
    joined = {horizon: forecasts[horizon].joined(fresh[horizon]) for horizon in forecasts}
    signal = has_signal(joined[training_set.horizons[-1]])
    model = fit_model(
        training_set, recipe, joined, fitting, until=until, contests=contests, signal=signal
    )
    if model.kind == "prior" and judged.kind != "prior":
        evaluation = replace(evaluation, notes=(model.message, *evaluation.notes))
    return TunedModel(model, judged, evaluation, holdout_start=held.when)


def _fresh_forecasts(judged: ConversionModel, test: TrainingSet) -> dict[int, Forecasts]:
    test = test.take(np.argsort(instants(test), kind="stable"))
    X = judged.encode(test.values)
    found = {}
    for part in judged.models:
        labels = test.labels[part.horizon].to_numpy(dtype=np.float64)
        known = ~np.isnan(labels)
        log_odds = part.estimator.decision_function(X[known])
        groups = np.asarray(test.groups, dtype=object)[known]
        found[part.horizon] = Forecasts(log_odds, labels[known], groups)
    return found


def _holdout(training_set: TrainingSet, share: float) -> Holdout | None:
    try:
        return forward_holdout(training_set, share)
    except ModelError:
        return None


def _past_rows(training_set: TrainingSet, held: Holdout | None) -> dict[int, Mask]:
    labels = training_set.labels
    if held is None:
        return {horizon: labels[horizon].notna().to_numpy() for horizon in training_set.horizons}
    return {horizon: held.past(labels, horizon) for horizon in training_set.horizons}


def _nothing(capacity: float, note: str) -> Evaluation:
    counts = pd.DataFrame(columns=["segment", "horizon", "n", "conversions", "leads"])
    figures = pd.DataFrame(columns=["segment", "horizon", "predictor", "metric", "value"])
    empty = pd.DataFrame(columns=["horizon"])
    return Evaluation(figures, counts, empty, empty, capacity, (note,))
