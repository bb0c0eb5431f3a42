"""What a search may choose from."""

from __future__ import annotations

from typing import Any

import optuna

from models.recipe import Kind

KINDS: tuple[Kind, ...] = ("logistic", "boosting", "blend")

FIRST_TRIALS: tuple[dict[str, Any], ...] = (
    {"kind": "blend", "C": 0.003, "learning_rate": 0.05, "leaves": 7, "min_rows": 50}
    | {"l2": 20.0, "feature_share": 0.5},
    {"kind": "logistic", "C": 0.001},
    {"kind": "boosting", "learning_rate": 0.05, "leaves": 2, "min_rows": 50}
    | {"l2": 5.0, "feature_share": 0.5},
    {"kind": "logistic", "C": 0.03},
    {"kind": "boosting", "learning_rate": 0.08, "leaves": 15, "min_rows": 20}
    | {"l2": 5.0, "feature_share": 0.5},
)
"""Tried before anything else, so that even four trials give a sound model."""

SIZES = (2, 8, 48)
"""Leaves of the largest trees that count as simple, as small, and at all."""


def suggest(trial: optuna.Trial, kinds: tuple[Kind, ...], *, bound: bool) -> dict[str, Any]:
    """Draw a recipe; the space reaches down to stumps and strong penalties."""
    kind = trial.suggest_categorical("kind", list(kinds))
    drawn: dict[str, Any] = {"kind": kind}
    if kind != "boosting":
        drawn["C"] = trial.suggest_float("C", 1e-5, 1.0, log=True)
    if kind != "logistic":
        drawn["learning_rate"] = trial.suggest_float("learning_rate", 0.03, 0.12, log=True)
        drawn["leaves"] = trial.suggest_int("leaves", 2, SIZES[-1], log=True)
        drawn["min_rows"] = trial.suggest_int("min_rows", 5, 300, log=True)
        drawn["l2"] = trial.suggest_float("l2", 1.0, 200.0, log=True)
        drawn["feature_share"] = trial.suggest_float("feature_share", 0.2, 0.9)
    if kind != "logistic" and bound:
        drawn["monotone"] = trial.suggest_categorical("monotone", [False, True])
    return drawn
