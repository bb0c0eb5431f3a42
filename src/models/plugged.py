"""Any scikit-learn classifier as a candidate, kept without a pickle and explained like ours.

    tune(training_set, candidates={"forest": RandomForestClassifier(min_samples_leaf=20)})

It is kept by skops (https://skops.readthedocs.io), which builds nothing but types that are known
beforehand: those of scikit-learn and NumPy. Its contributions are differences: features are
replaced one after the other, from a typical lead's value to the lead's own, and the changes of
the log-odds add up to the whole. Two opposite orders are averaged, since with interactions the
order matters; this is exact in the sum and an approximation of Shapley values in the parts
(Strumbelj and Kononenko, 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from models.errors import ModelError

Floats = npt.NDArray[np.float64]

_TRUSTED = ("sklearn.", "numpy.dtype")
_CERTAIN = 1e-6
_CELLS = 4_000_000


@dataclass(frozen=True)
class PluggedRecipe:
    """How to build a classifier that somebody else wrote.

    Parameters
    ----------
    kind : the name that it was given.
    classifier : not fitted, with its parameters; one that is random needs a ``random_state``.
    """

    kind: str
    classifier: Any

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        return {"kind": self.kind, "classifier": repr(self.classifier)}

    def estimator(
        self,
        categorical: Sequence[int],
        directions: Sequence[int],  # noqa: ARG002  a recipe of ours binds them
        seed: int,  # noqa: ARG002  the classifier has its own
    ) -> PluggedModel:
        """Return the estimator, not fitted."""
        return PluggedModel(self.classifier, categorical)


class PluggedModel:
    """A scikit-learn classifier as a conversion model needs it.

    Parameters
    ----------
    classifier : not fitted. Where it takes no missing values, numbers are imputed by their
        median (with an indicator) and scaled, and categories are made columns of their own;
        otherwise it gets categories as codes. A pipeline gets the rows as they are: every
        column in the order of the features, NaN where unknown, and last, where the company moves,
        the time (`models.dating`).
    categorical : which columns hold codes of categories.

    Raises
    ------
    ModelError : it is no classifier with ``predict_proba``.
    """

    def __init__(self, classifier: Any, categorical: Sequence[int] = ()) -> None:
        if not (hasattr(classifier, "predict_proba") and is_classifier(classifier)):
            raise ModelError(
                f"{classifier!r} gives no probabilities: a candidate is a scikit-learn classifier "
                "with predict_proba (or put it into CalibratedClassifierCV)"
            )
        self.classifier = classifier
        self.categorical = tuple(categorical)
        self.last_: float | None = None

    def fit(self, X: Floats, y: Floats) -> PluggedModel:
        """Fit a copy of the classifier to encoded rows and their outcome, 0 or 1."""
        self.fitted_ = _prepared(clone(self.classifier), self.categorical, X)
        self.fitted_.fit(X, np.asarray(y).astype(np.int64))
        self.typical_ = _typical(X, self.categorical)
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return log-odds, shape (rows,)."""
        if self.last_ is not None:
            X = np.column_stack([X, np.full(len(X), self.last_)])
        shares = self.fitted_.predict_proba(X)[:, 1]
        return np.asarray(logit(np.clip(shares, _CERTAIN, 1 - _CERTAIN)))

    def log_odds(self, X: Floats) -> Floats:
        """Do the same: scikit-learn checks rows itself."""
        return self.decision_function(X)

    def contributions(self, X: Floats) -> Floats:
        """Return log-odds by feature with the base last; rows sum to `decision_function`."""
        columns = X.shape[1]
        at_once = max(1, _CELLS // (columns * columns))
        parts = [
            (self._steps(part, np.arange(columns)) + self._steps(part, np.arange(columns)[::-1]))
            / 2
            for part in (X[start : start + at_once] for start in range(0, len(X), at_once))
        ]
        return np.concatenate(parts) if parts else np.zeros((0, columns + 1))

    def _steps(self, X: Floats, order: npt.NDArray[np.int64]) -> Floats:
        """Replace one feature after the other; a row of changes for each lead, the base last."""
        rows, columns = X.shape
        place = np.empty(columns, dtype=np.int64)
        place[order] = np.arange(columns)
        taken = place[None, :] < np.arange(columns + 1)[:, None]
        between = np.where(taken[None], X[:, None, :], self.typical_[None, None, :])
        steps = self.decision_function(between.reshape(-1, columns)).reshape(rows, columns + 1)
        shares = np.empty((rows, columns + 1))
        shares[:, order] = np.diff(steps, axis=1)
        shares[:, -1] = steps[:, 0]
        return shares

    def held_at(self, value: float) -> PluggedModel:
        """Return the fitted model as one of all columns but the last, which has this value."""
        held = PluggedModel(self.classifier, self.categorical)
        held.fitted_, held.typical_, held.last_ = self.fitted_, self.typical_[:-1], value
        return held

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict.

        Raises
        ------
        ModelError : the classifier is made of something that is not scikit-learn's own.
        """
        data = _skops().dumps(self.fitted_)
        foreign = _foreign(data)
        if foreign:
            raise ModelError(
                f"{self.classifier!r} cannot be kept: it is made of {', '.join(foreign)}, and "
                "only scikit-learn's own classifiers and pipelines are loaded again"
            )
        return {
            "kind": "plugged",
            "categorical": list(self.categorical),
            "typical": self.typical_,
            "last": self.last_,
            "skops": np.frombuffer(data, dtype=np.uint8),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> PluggedModel:
        """Rebuild from `state`.

        Raises
        ------
        ModelError : it names types that are not scikit-learn's own.
        """
        data = np.asarray(state["skops"], dtype=np.uint8).tobytes()
        foreign = _foreign(data)
        if foreign:
            raise ModelError(f"a model made of {', '.join(foreign)} is not loaded")
        fitted = _skops().loads(data, trusted=_skops().get_untrusted_types(data=data))
        model = cls(fitted, state["categorical"])
        model.fitted_, model.typical_ = fitted, np.asarray(state["typical"])
        model.last_ = state.get("last")
        return model


def _skops() -> Any:
    """Load skops where a classifier is kept: it takes a second, which few commands need to wait."""
    return import_module("skops.io")


def _foreign(data: bytes) -> list[str]:
    named = _skops().get_untrusted_types(data=data)
    return [each for each in named if not each.startswith(_TRUSTED)]


def _prepared(classifier: Any, categorical: Sequence[int], X: Floats) -> Any:
    """Return the classifier behind what it needs; a column that was never known is left out.

    A pipeline knows itself what it needs, and where each column is.
    """
    if isinstance(classifier, Pipeline):
        return classifier
    known = np.flatnonzero(~np.isnan(X).all(axis=0)).tolist()
    if get_tags(classifier).input_tags.allow_nan:
        return make_pipeline(ColumnTransformer([("known", "passthrough", known)]), classifier)
    codes = [column for column in known if column in categorical]
    numbers = [column for column in known if column not in categorical]
    filled = SimpleImputer(strategy="median", add_indicator=True)
    parts = [
        ("categories", OneHotEncoder(handle_unknown="ignore"), codes),
        ("numbers", make_pipeline(filled, StandardScaler()), numbers),
    ]
    return make_pipeline(ColumnTransformer(parts), classifier)


def _typical(X: Floats, categorical: Sequence[int]) -> Floats:
    """Return the row that contributions are counted from: medians, and the commonest category."""
    typical = np.full(X.shape[1], np.nan)
    for column in range(X.shape[1]):
        known = X[~np.isnan(X[:, column]), column]
        if 2 * len(known) <= len(X):
            continue  # missing is what is typical
        if column in categorical:
            values, counts = np.unique(known, return_counts=True)
            typical[column] = values[np.argmax(counts)]
        else:
            typical[column] = np.median(known)
    return typical
