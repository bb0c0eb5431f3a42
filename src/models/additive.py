"""Classifiers whose log-odds are exact sums of one contribution per feature.

They are scikit-learn classifiers for two classes. Columns are those of `FeatureEncoder`: floats,
missing as NaN, categories as codes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from models.encoding import is_plain

Floats = npt.NDArray[np.float64]


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
    """What our classifiers share: checks, classes, probabilities."""

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
    def held_at(self, value: float) -> Additive:
        """Return the fitted model as one of all columns but the last, which has this value.

        Its log-odds are those of this model for rows that have the value there. The last column
        is a number.
        """

    @abstractmethod
    def _fit(self, X: Floats, y: Floats) -> None:
        """Learn from codes 0 and 1."""

    @abstractmethod
    def log_odds(self, X: Floats) -> Floats:
        """Do as `decision_function` does for rows that `FeatureEncoder` made, without checks."""

    @abstractmethod
    def _contributions(self, X: Floats) -> Floats:
        """Return one column a feature and the base last, rows summing to the log-odds."""
