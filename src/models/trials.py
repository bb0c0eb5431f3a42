"""The trials of a search: as a table, the best of a kind, and what mattered in them."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from models.recipe import Kind, Recipe

IMPORTANCE = ["parameter", "share"]
"""Columns of `parameter_importance`."""

_LEAST = 6
"""Fewer boosted trials say nothing of what mattered in them."""


def complete(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were neither pruned nor failed."""
    return [trial for trial in study.trials if trial.state == TrialState.COMPLETE]


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


def best_recipe(trials: Sequence[FrozenTrial], kind: Kind | None = None) -> Recipe | None:
    """Return the recipe of the trial with the least log loss, None where there is none.

    Parameters
    ----------
    trials : complete ones.
    kind : only trials of this kind.
    """
    able = [t for t in trials if kind in (None, t.params["kind"])]
    if not able:
        return None
    best = min(able, key=lambda t: (t.values, t.number))
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
