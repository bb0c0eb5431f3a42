"""What a search may choose from."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.trial import FrozenTrial

from models.recipe import Kind

KINDS: tuple[Kind, ...] = ("logistic", "boosting")
"""What a trial may be of; how much each kind counts is weighed when the search is over."""

FIRST_TRIALS: tuple[dict[str, Any], ...] = (
    {"kind": "boosting", "learning_rate": 0.05, "leaves": 2, "min_rows": 50}
    | {"l2": 20.0, "feature_share": 0.5, "focus": 1.0, "grouped": False},
    {"kind": "logistic", "C": 0.003, "focus": 1.0},
    {"kind": "boosting", "learning_rate": 0.05, "leaves": 6, "min_rows": 50}
    | {"l2": 20.0, "feature_share": 0.5, "focus": 0.0, "grouped": False},
    {"kind": "logistic", "C": 0.05, "focus": 0.0},
    {"kind": "boosting", "learning_rate": 0.08, "leaves": 15, "min_rows": 20}
    | {"l2": 5.0, "feature_share": 0.5, "focus": 0.0, "grouped": True},
    {"kind": "logistic", "C": 0.7, "focus": 1.0},
    {"kind": "boosting", "learning_rate": 0.1, "leaves": 2, "min_rows": 50}
    | {"l2": 5.0, "feature_share": 0.5, "focus": 0.0, "grouped": True},
)
"""Tried before anything else, so that even four trials give a sound model."""

SIZES = ("stumps", "small", "larger")
"""Sorts of boosted trees by their leaves; the best of each take part in the end."""
_MOST_LEAVES = {"stumps": 2, "small": 8}


def sort_of(trial: FrozenTrial) -> str:
    """Return ``logistic`` for a trial of one, and the size of its trees for another."""
    if trial.params["kind"] == "logistic":
        return "logistic"
    fitting = (size for size, most in _MOST_LEAVES.items() if trial.params["leaves"] <= most)
    return next(fitting, "larger")


def suggest(
    trial: optuna.Trial, kinds: tuple[Kind, ...], *, bound: bool, grouping: bool
) -> dict[str, Any]:
    """Draw a recipe; the space reaches down to stumps and strong penalties.

    Parameters
    ----------
    trial : to draw for.
    kinds : what it may be of.
    bound : whether directions are declared that trees may be held to.
    grouping : whether there are fields whose levels trees may group.
    """
    kind = trial.suggest_categorical("kind", list(kinds))
    drawn: dict[str, Any] = {"kind": kind}
    drawn["focus"] = trial.suggest_float("focus", 0.0, 1.5, step=0.5)
    if kind == "logistic":
        drawn["C"] = trial.suggest_float("C", 1e-5, 3.0, log=True)
    else:
        drawn["learning_rate"] = trial.suggest_float("learning_rate", 0.05, 0.15, log=True)
        drawn["leaves"] = trial.suggest_int("leaves", 2, 48, log=True)
        drawn["min_rows"] = trial.suggest_int("min_rows", 5, 300, log=True)
        drawn["l2"] = trial.suggest_float("l2", 1.0, 200.0, log=True)
        drawn["feature_share"] = trial.suggest_float("feature_share", 0.2, 0.9)
        if grouping:
            drawn["grouped"] = trial.suggest_categorical("grouped", [False, True])
        if bound:
            drawn["monotone"] = trial.suggest_categorical("monotone", [False, True])
    return drawn
