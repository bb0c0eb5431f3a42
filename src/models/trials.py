"""The trials of a search: as a table, the best of a kind, and what mattered in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from models.recipe import Recipe
from models.space import sort_of

IMPORTANCE = ["parameter", "share"]
"""Columns of `parameter_importance`."""

_LEAST_ALIKE = 3
_LEAST = 6
"""Fewer boosted trials say nothing of what mattered in them."""


def complete(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were neither pruned nor failed."""
    return [trial for trial in study.trials if trial.state == TrialState.COMPLETE]


class MedianOfItsSort(optuna.pruners.BasePruner):
    """Stops a trial that is worse than half of its sort were on as many folds.

    Linear models, stumps and larger trees all take part in the end. Compared with each other, the
    sort that does worse alone would hardly be tried at all.
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Tell whether to stop a trial."""
        step = trial.last_step
        alike = [t for t in complete(study) if sort_of(t) == sort_of(trial)]
        if step is None or len(alike) < _LEAST_ALIKE:
            return False
        usual = np.median([t.intermediate_values[step] for t in alike])
        return bool(trial.intermediate_values[step] > usual)


def trial_frame(trials: Sequence[FrozenTrial]) -> pd.DataFrame:
    """Return one row per finished trial, as `TunedModel.trials` has them."""
    rows = [
        {"number": t.number, "state": t.state.name.lower(), "value": t.value}
        | t.params
        | t.user_attrs
        for t in trials
        if t.state.is_finished()
    ]
    frame = pd.DataFrame(rows, columns=None if rows else ["number", "state", "value"])
    finished = frame["value"].where(frame["state"] == "complete").astype("float64")
    return frame.assign(best=finished.cummin().ffill())


def best_recipe(trials: Sequence[FrozenTrial]) -> Recipe | None:
    """Return the recipe of the trial with the least log loss, None where there is none.

    Parameters
    ----------
    trials : complete ones.
    """
    if not trials:
        return None
    best = min(trials, key=lambda t: (t.values, t.number))
    return Recipe.from_parameters({**best.params, **best.user_attrs})


def parameter_importance(study: optuna.Study, seed: int) -> pd.DataFrame:
    """Return how much of the spread of log loss each parameter of the trees accounts for.

    Functional analysis of variance over the trials with a boosted part (Hutter, Hoos and
    Leyton-Brown, 2014), as Optuna computes it.

    Returns
    -------
    Columns ``parameter`` and ``share``, strongest first, the shares summing to one; empty where
    fewer than six boosted trials were completed, or all came out the same.
    """
    boosted = [t for t in complete(study) if "leaves" in t.params]
    if len(boosted) < _LEAST or len({t.value for t in boosted}) == 1:
        return pd.DataFrame(columns=IMPORTANCE)
    names = set.intersection(*(set(t.params) for t in boosted)) - {"kind"}
    shares = optuna.importance.get_param_importances(
        study,
        evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed),
        params=sorted(names),
    )
    return pd.DataFrame(list(shares.items()), columns=IMPORTANCE)
