"""Logistic regression: the best at small data, and a part of most models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.additive import Binary
from models.encoding import LinearDesign

Floats = npt.NDArray[np.float64]


class LogisticModel(Binary):
    """Logistic regression with an L2 penalty on a `LinearDesign`.

    A feature's contribution is its coefficients times the distance from the training mean.

    Parameters
    ----------
    C : inverse strength of the penalty.
    categorical : positions of the columns that hold category codes.
    focus : how much lighter the penalty is where a first fit found more: columns are multiplied by
        the size of their first coefficient to this power, and fitted again. With nought all are
        alike; with one, columns that tell nothing nearly vanish. A smooth relative of the adaptive
        lasso (Zou, 2006, https://doi.org/10.1198/016214506000000735).
    """

    def __init__(self, C: float = 0.01, categorical: Sequence[int] = (), focus: float = 0) -> None:
        self.C = C
        self.categorical = categorical
        self.focus = focus

    def _fit(self, X: Floats, y: Floats) -> None:
        self.design_ = LinearDesign(tuple(self.categorical)).fit(X)
        design = self.design_.design(X)
        solver = LogisticRegression(C=self.C, solver="newton-cholesky", max_iter=200)
        solver.fit(design, y)
        self.coef_ = solver.coef_.ravel().astype(np.float64)
        if self.focus:
            scale = np.abs(self.coef_) ** self.focus
            scale /= np.sqrt(np.mean(scale**2)) or 1.0
            solver.fit(design * scale, y)
            self.coef_ = solver.coef_.ravel() * scale
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

    def held_at(self, value: float) -> LogisticModel:
        """Return the fitted model as one of all columns but the last, which has this value."""
        row = np.zeros((1, self.n_features_in_))
        row[0, -1] = value
        held, kept = LogisticModel(**self.get_params()), int(self.design_.starts_[-1])
        held.design_ = self.design_.without_last()
        held.coef_, held.means_ = self.coef_[:kept], self.means_[:kept]
        held.base_ = self.base_ + float(self._contributions(row)[0, -2])
        return held._restored(len(held.design_.starts_))

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict."""
        design = self.design_
        return {
            "kind": "logistic",
            "parameters": self.get_params() | {"categorical": list(self.categorical)},
            "design": {name: getattr(design, name) for name in design.FITTED},
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
