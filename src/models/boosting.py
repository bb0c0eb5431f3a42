"""Boosted trees, kept small."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.parallel import in_parallel
from models.additive import Binary
from models.tree_text import without_last
from models.trees import CompiledTrees

Floats = npt.NDArray[np.float64]
_MANY_ROWS = 4096
_WORKERS = 2
FEW_LEVELS, _MOST_LEVELS = 4, 64
"""One level is parted from the others in any case where a field has few, and no field has more."""
_SCOUT = {"num_leaves": 2, "learning_rate": 0.1}
_SCOUT_ROUNDS = 80
_LEAST_SHARE = 1e-3


class SmallBoosting(Binary):
    """LightGBM kept small: few leaves, strong L2, slow learning, repeatable to the last bit.

    Contributions are exact TreeSHAP values.

    Parameters
    ----------
    rounds : number of trees.
    learning_rate : weight of each tree.
    leaves : most leaves of a tree; 2 are stumps.
    min_rows : least rows of a leaf, at most a twentieth of the training rows.
    l2 : penalty on leaf values.
    feature_share : share of the features that each tree may use.
    row_share : share of the rows that each tree sees.
    monotone : -1, 0 or +1 for each column; empty for none.
    categorical : positions of the columns that hold category codes.
    focus : how much splits are preferred on what a first look found to tell more: gains are
        multiplied by the feature's share in the gain of stumps, to this power. With nought all
        features are alike; with one, those that tell nothing are hardly split on. The guided
        forest of Deng and Runger (2013, https://doi.org/10.1016/j.patcog.2013.05.018).
    grouped : whether a split may part the levels of a field into two groups; else it parts one
        level from the others.
    seed : of the sampling of rows and features.
    """

    def __init__(
        self,
        *,
        rounds: int = 200,
        learning_rate: float = 0.05,
        leaves: int = 7,
        min_rows: int = 50,
        l2: float = 20.0,
        feature_share: float = 0.5,
        row_share: float = 0.8,
        monotone: Sequence[int] = (),
        categorical: Sequence[int] = (),
        focus: float = 0,
        grouped: bool = False,
        seed: int = 7,
    ) -> None:
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_rows = min_rows
        self.l2 = l2
        self.feature_share = feature_share
        self.row_share = row_share
        self.monotone = monotone
        self.categorical = categorical
        self.focus = focus
        self.grouped = grouped
        self.seed = seed

    def _fit(self, X: Floats, y: Floats) -> None:
        rows = self.dataset(X, y)
        shares = self.gain_shares(rows, len(y)) if self.focus else None
        trained = lgb.train(self.parameters(len(y), shares), rows, self.rounds)
        self._compile(trained.model_to_string())

    def dataset(self, X: Floats, y: Floats, reference: lgb.Dataset | None = None) -> lgb.Dataset:
        """Return rows binned once, to be used for many fits."""
        return lgb.Dataset(
            X,
            y,
            reference=reference,
            categorical_feature=[int(position) for position in self.categorical],
            params={"feature_pre_filter": False, "verbosity": -1, "max_bin": 63},
            free_raw_data=False,
        )

    def gain_shares(self, rows: lgb.Dataset, count: int) -> Floats:
        """Return what each column gained in a first look by stumps, the most as one.

        Nothing but the seed and how rows and features are drawn matters to that look, so that
        models of many settings can share it.

        Parameters
        ----------
        rows : of `dataset`.
        count : how many they are.
        """
        scout = SmallBoosting(seed=self.seed).parameters(count) | _SCOUT
        gains = lgb.train(scout, rows, _SCOUT_ROUNDS).feature_importance("gain")
        return np.asarray(gains / (gains.max() or 1.0), dtype=np.float64)

    def parameters(self, rows: int, shares: Floats | None = None) -> dict[str, Any]:
        """Return LightGBM's own parameters.

        Parameters
        ----------
        rows : to train on.
        shares : of `gain_shares`, for a model with a focus.
        """
        asked: dict[str, Any] = {}
        if any(self.monotone):
            asked["monotone_constraints"] = list(self.monotone)
        if self.focus and shares is not None:
            preferred = np.maximum(shares, _LEAST_SHARE) ** self.focus
            asked["feature_contri"] = preferred.tolist()
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": max(1, min(self.min_rows, rows // 20)),
            "min_sum_hessian_in_leaf": 1e-3,
            "lambda_l2": self.l2,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "max_bin": 63,
            "max_cat_to_onehot": FEW_LEVELS if self.grouped else _MOST_LEVELS,
            "feature_pre_filter": False,
            "seed": self.seed,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbosity": -1,
            **asked,
        }

    def log_odds(self, X: Floats) -> Floats:
        """Return the log-odds of the second class, shape (rows,), without checks."""
        return _in_pieces(self.trees_.log_odds, X)

    def _contributions(self, X: Floats) -> Floats:
        return _in_pieces(self.trees_.contributions, X)

    def _compile(self, text: str) -> None:
        """Keep the trees as text, which is stored, and as arrays, which predict."""
        self.text_ = text
        self.trees_ = CompiledTrees(text)

    def held_at(self, value: float) -> SmallBoosting:
        """Return the fitted model as one of all columns but the last, which has this value."""
        last = self.trees_.columns - 1
        held = SmallBoosting(**self.get_params())
        held.monotone = tuple(self.monotone)[:last]
        held._compile(without_last(self.text_, value))
        return held._restored(last)

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict."""
        parameters = {
            name: list(value) if isinstance(value, tuple | list) else value
            for name, value in self.get_params().items()
        }
        return {
            "kind": "boosting",
            "parameters": parameters,
            "booster": self.text_,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SmallBoosting:
        """Rebuild a fitted model from its `state`."""
        model = cls(**state["parameters"])
        model._compile(state["booster"])
        return model._restored(model.trees_.columns)


def _in_pieces(work: Callable[[Floats], Floats], X: Floats) -> Floats:
    """Do many rows in parallel pieces; each row's result does not depend on its piece."""
    if len(X) < _MANY_ROWS:
        return work(X)
    return np.concatenate(in_parallel(work, np.array_split(X, 8), _WORKERS))
