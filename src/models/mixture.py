"""The mean of several models' log-odds, folded into one linear part and one set of trees.

Log-odds of trees add up: a weighted mean of several boosted models is one model with all their
trees, the values of the leaves multiplied by the weights. What is served and explained is therefore
no more than a `LogitBlend` or a `SmallBoosting`, however many parts were mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from models.additive import Binary
from models.boosting import SmallBoosting
from models.logistic import LogisticModel
from models.tree_text import merged

Floats = npt.NDArray[np.float64]
Part = LogisticModel | SmallBoosting


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

    def held_at(self, value: float) -> LogitBlend:
        """Return the fitted model as one of all columns but the last, which has this value."""
        linear, boosting = self.linear_.held_at(value), self.boosting_.held_at(value)
        held = LogitBlend(self.linear, self.boosting, self.weight)
        held.linear_, held.boosting_ = linear, boosting
        return held._restored(linear.n_features_in_)

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


class LogitMixture(Binary):
    """The weighted mean of the log-odds of at most one logistic regression and some boosted models.

    Parameters
    ----------
    parts : the models, not fitted; one logistic regression and one boosting where None.
    weights : of each, above nought; they are divided by their sum. Equal where None.
    """

    def __init__(
        self, parts: Sequence[Part] | None = None, weights: Sequence[float] | None = None
    ) -> None:
        self.parts = parts
        self.weights = weights

    def _fit(self, X: Floats, y: Floats) -> None:
        parts = (LogisticModel(), SmallBoosting()) if self.parts is None else self.parts
        weights = np.ones(len(parts)) if self.weights is None else np.asarray(self.weights)
        fitted = [clone(part).fit(X, y) for part in parts]
        self.folded_ = folded(fitted, (weights / weights.sum()).tolist())

    def log_odds(self, X: Floats) -> Floats:
        """Return the log-odds of the second class, shape (rows,), without checks."""
        return self.folded_.log_odds(X)

    def _contributions(self, X: Floats) -> Floats:
        return self.folded_.contributions(X)

    def held_at(self, value: float) -> Part | LogitBlend:
        """Return the fitted model as one of all columns but the last, which has this value."""
        return self.folded_.held_at(value)

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict: that of the folded model."""
        return self.folded_.state()


def folded(fitted: Sequence[Part], weights: Sequence[float]) -> Part | LogitBlend:
    """Return one model whose log-odds are the weighted sum of those of fitted ones.

    Parameters
    ----------
    fitted : models of the same columns, at most one of them linear.
    weights : of each, summing to one.

    Raises
    ------
    ValueError : more than one part is linear.
    """
    linear = [(part, w) for part, w in zip(fitted, weights, strict=True) if _is_linear(part)]
    boosted = [(part, w) for part, w in zip(fitted, weights, strict=True) if not _is_linear(part)]
    if len(linear) > 1:
        raise ValueError("a mixture has at most one linear part")
    if not boosted:
        return linear[0][0]
    share = sum(weight for _, weight in boosted)
    together = _together([(part, weight / share) for part, weight in boosted])
    if not linear:
        return together
    state = {"weight": share, "linear": linear[0][0].state(), "boosting": together.state()}
    return LogitBlend.from_state(state)


def _is_linear(part: Part) -> bool:
    return isinstance(part, LogisticModel)


def _together(boosted: Sequence[tuple[SmallBoosting, float]]) -> SmallBoosting:
    """Return one boosted model; what it says of its making is what its heaviest part says."""
    if len(boosted) == 1:
        return boosted[0][0]
    heaviest = max(boosted, key=lambda pair: pair[1])[0]
    text = merged([part.text_ for part, _ in boosted], [weight for _, weight in boosted])
    return SmallBoosting.from_state({**heaviest.state(), "booster": text})
