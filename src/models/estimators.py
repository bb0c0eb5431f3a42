"""Classifiers whose log-odds are exact sums of one contribution per feature.

They are scikit-learn classifiers for two classes. Columns are those of `FeatureEncoder`: floats,
missing as NaN, categories as codes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from features.parallel import in_parallel
from models.encoding import LinearDesign, is_plain
from models.trees import CompiledTrees

Floats = npt.NDArray[np.float64]
_MANY_ROWS = 4096
_WORKERS = 2


class Additive(Protocol):
    """What a conversion model needs of an estimator."""

    def decision_function(self, X: Any) -> Floats:
        """Return log-odds, shape (rows,)."""
        ...

    def log_odds(self, X: Floats) -> Floats:
        """Do the same for rows that `FeatureEncoder` made, without checks."""
        ...

    def contributions(self, X: Any) -> Floats:
        """Return log-odds by feature with the base last, shape (rows, features + 1)."""
        ...

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict, as plain data, arrays and text."""
        ...


class Binary(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # sklearn is untyped
    """What the three classifiers share: checks, classes, probabilities."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to rows of encoded features and their two-valued outcome."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        if type_of_target(y, input_name="y", raise_unknown=True) != "binary":
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(y)}."
            )
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        self._fit(X, codes.astype(np.float64))
        return self

    def decision_function(self, X: Any) -> Floats:
        """Return the log-odds of the second class, shape (rows,)."""
        return self.log_odds(self._checked(X))

    def contributions(self, X: Any) -> Floats:
        """Return each feature's share of the log-odds, the base last; rows sum to the log-odds."""
        return self._contributions(self._checked(X))

    def predict_proba(self, X: Any) -> Floats:
        """Return the probabilities of both classes, shape (rows, 2)."""
        positive = expit(self.decision_function(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier class of each row."""
        chosen = (self.decision_function(X) > 0).astype(np.int64)
        return np.asarray(self.classes_[chosen])

    def _checked(self, X: Any) -> Floats:
        if is_plain(X, getattr(self, "n_features_in_", -1)) and hasattr(self, "classes_"):
            return np.ascontiguousarray(X)
        check_is_fitted(self, "classes_")
        return np.ascontiguousarray(
            validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        )

    def _restored(self, width: int) -> Self:
        self.classes_ = np.array([0.0, 1.0])
        self.n_features_in_ = width
        return self

    @abstractmethod
    def _fit(self, X: Floats, y: Floats) -> None:
        """Learn from codes 0 and 1."""

    @abstractmethod
    def log_odds(self, X: Floats) -> Floats:
        """Do as `decision_function` does for rows that `FeatureEncoder` made, without checks."""

    @abstractmethod
    def _contributions(self, X: Floats) -> Floats:
        """Return one column a feature and the base last, rows summing to the log-odds."""


def _in_pieces(work: Callable[[Floats], Floats], X: Floats) -> Floats:
    """Do many rows in parallel pieces; each row's result does not depend on its piece."""
    if len(X) < _MANY_ROWS:
        return work(X)
    return np.concatenate(in_parallel(work, np.array_split(X, 8), _WORKERS))


class LogisticModel(Binary):
    """Logistic regression with an L2 penalty on a `LinearDesign`: the best at small data.

    A feature's contribution is its coefficients times the distance from the training mean.

    Parameters
    ----------
    C : inverse strength of the penalty.
    categorical : positions of the columns that hold category codes.
    """

    def __init__(self, C: float = 0.01, categorical: Sequence[int] = ()) -> None:
        self.C = C
        self.categorical = categorical

    def _fit(self, X: Floats, y: Floats) -> None:
        self.design_ = LinearDesign(tuple(self.categorical)).fit(X)
        design = self.design_.design(X)
        solver = LogisticRegression(C=self.C, solver="newton-cholesky", max_iter=200)
        solver.fit(design, y)
        self.coef_ = solver.coef_.ravel().astype(np.float64)
        self.means_ = design.mean(axis=0)
        self.base_ = float(solver.intercept_[0] + self.means_ @ self.coef_)
        self.n_iter_ = solver.n_iter_

    def _contributions(self, X: Floats) -> Floats:
        effects = (self.design_.design(X) - self.means_) * self.coef_
        summed = np.add.reduceat(effects, self.design_.starts_, axis=1)
        return np.column_stack([summed, np.full(len(X), self.base_)])

    def log_odds(self, X: Floats) -> Floats:
        """Return the log-odds of the second class, shape (rows,), without checks."""
        return np.asarray(self._contributions(X).sum(axis=1))

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict."""
        design = self.design_
        names = ("indicator_", "codes_", "medians_", "centers_", "scales_", "category_", "starts_")
        return {
            "kind": "logistic",
            "parameters": {"C": self.C, "categorical": list(self.categorical)},
            "design": {name: getattr(design, name) for name in names},
            "coef": self.coef_,
            "means": self.means_,
            "base": self.base_,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LogisticModel:
        """Rebuild a fitted model from its `state`."""
        model = cls(**state["parameters"])
        model.design_ = LinearDesign(model.categorical)
        for name, value in state["design"].items():
            setattr(model.design_, name, value)
        model.coef_, model.means_, model.base_ = state["coef"], state["means"], state["base"]
        return model._restored(len(model.design_.starts_))


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
        self.seed = seed

    def _fit(self, X: Floats, y: Floats) -> None:
        trained = lgb.train(self.parameters(len(y)), self.dataset(X, y), self.rounds)
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

    def parameters(self, rows: int) -> dict[str, Any]:
        """Return LightGBM's own parameters for that many training rows."""
        constraints = {"monotone_constraints": list(self.monotone)} if any(self.monotone) else {}
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
            "max_cat_to_onehot": 64,
            "feature_pre_filter": False,
            "seed": self.seed,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbosity": -1,
            **constraints,
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


class LogitBlend(Binary):
    """The weighted mean of the log-odds of a logistic regression and a small boosting.

    Parameters
    ----------
    linear : the logistic part; its defaults where None.
    boosting : the boosted part; its defaults where None.
    weight : of the boosted part, between 0 and 1.
    """

    def __init__(
        self,
        linear: LogisticModel | None = None,
        boosting: SmallBoosting | None = None,
        weight: float = 0.5,
    ) -> None:
        self.linear = linear
        self.boosting = boosting
        self.weight = weight

    def _fit(self, X: Floats, y: Floats) -> None:
        linear = LogisticModel() if self.linear is None else self.linear
        boosting = SmallBoosting() if self.boosting is None else self.boosting
        self.linear_ = LogisticModel(**linear.get_params()).fit(X, y)
        self.boosting_ = SmallBoosting(**boosting.get_params()).fit(X, y)

    def log_odds(self, X: Floats) -> Floats:
        """Return the log-odds of the second class, shape (rows,), without checks."""
        linear, boosted = self.linear_.log_odds(X), self.boosting_.log_odds(X)
        return (1.0 - self.weight) * linear + self.weight * boosted

    def _contributions(self, X: Floats) -> Floats:
        linear, boosted = self.linear_._contributions(X), self.boosting_._contributions(X)
        return (1.0 - self.weight) * linear + self.weight * boosted

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict."""
        return {
            "kind": "blend",
            "weight": self.weight,
            "linear": self.linear_.state(),
            "boosting": self.boosting_.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LogitBlend:
        """Rebuild a fitted model from its `state`."""
        linear = LogisticModel.from_state(state["linear"])
        boosting = SmallBoosting.from_state(state["boosting"])
        model = cls(linear, boosting, state["weight"])
        model.linear_, model.boosting_ = linear, boosting
        return model._restored(linear.n_features_in_)
