"""What a search may choose from."""

from __future__ import annotations

from typing import Any

import optuna

from models.recipe import Kind

KINDS: tuple[Kind, ...] = ("logistic", "boosting")
"""What a trial may be of; how much each kind counts is weighed when the search is over."""

FIRST_TRIALS: tuple[dict[str, Any], ...] = (
    {"kind": "boosting", "learning_rate": 0.05, "leaves": 6, "min_rows": 50}
    | {"l2": 20.0, "feature_share": 0.5},
    {"kind": "logistic", "C": 0.003},
    {"kind": "boosting", "learning_rate": 0.1, "leaves": 2, "min_rows": 50}
    | {"l2": 5.0, "feature_share": 0.5},
    {"kind": "logistic", "C": 0.05},
    {"kind": "boosting", "learning_rate": 0.08, "leaves": 15, "min_rows": 20}
    | {"l2": 5.0, "feature_share": 0.5},
    {"kind": "logistic", "C": 0.7},
)
"""Tried before anything else, so that even four trials give a sound model."""

SIZES = (range(2, 3), range(3, 9), range(9, 49))
"""Leaves of trees that are stumps, small, and larger; the best of each take part in the end."""


def suggest(trial: optuna.Trial, kinds: tuple[Kind, ...], *, bound: bool) -> dict[str, Any]:
    """Draw a recipe; the space reaches down to stumps and strong penalties."""
    kind = trial.suggest_categorical("kind", list(kinds))
    drawn: dict[str, Any] = {"kind": kind}
    if kind == "logistic":
        drawn["C"] = trial.suggest_float("C", 1e-5, 1.0, log=True)
    else:
        drawn["learning_rate"] = trial.suggest_float("learning_rate", 0.05, 0.15, log=True)
        drawn["leaves"] = trial.suggest_int("leaves", 2, 48, log=True)
        drawn["min_rows"] = trial.suggest_int("min_rows", 5, 300, log=True)
        drawn["l2"] = trial.suggest_float("l2", 1.0, 200.0, log=True)
        drawn["feature_share"] = trial.suggest_float("feature_share", 0.2, 0.9)
        if bound:
            drawn["monotone"] = trial.suggest_categorical("monotone", [False, True])
    return drawn
