"""What the search chooses: a kind of estimator and its settings, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, Self

from models.additive import Additive
from models.boosting import SmallBoosting
from models.logistic import LogisticModel
from models.mixture import LogitBlend, LogitMixture

Kind = Literal["logistic", "boosting", "blend"]


class Fittable(Additive, Protocol):
    """An estimator that is not fitted yet."""

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to encoded rows and their outcome, 0 or 1."""
        ...

    def held_at(self, value: float) -> Additive:
        """Return the fitted model as one of all columns but the last, which has this value."""
        ...


class Buildable(Protocol):
    """What fitting needs of a recipe, ours or somebody else's."""

    @property
    def kind(self) -> str:
        """Return its name."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        ...

    def estimator(
        self, categorical: Sequence[int], directions: Sequence[int], seed: int
    ) -> Fittable:
        """Return the estimator, not fitted.

        Parameters
        ----------
        categorical : which columns hold codes of categories.
        directions : declared direction of each column: 1, -1, or 0 for none.
        seed : equal seeds give equal models.
        """
        ...


@dataclass(frozen=True)
class Recipe:
    """How to build an estimator.

    Parameters
    ----------
    kind : ``logistic``, ``boosting`` or a ``blend`` of both.
    C : inverse strength of the logistic penalty.
    focus : of either part, as for `LogisticModel` and `SmallBoosting`.
    rounds, learning_rate, leaves, min_rows, l2, feature_share, grouped : as for `SmallBoosting`.
    monotone : whether declared directions bind the boosted part.
    weight : of the boosted part in a blend.
    """

    kind: Kind = "blend"
    C: float = 0.01
    focus: float = 0.0
    rounds: int = 200
    learning_rate: float = 0.05
    leaves: int = 7
    min_rows: int = 50
    l2: float = 20.0
    feature_share: float = 0.5
    grouped: bool = False
    monotone: bool = False
    weight: float = 0.5

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Recipe:
        """Build a recipe from a trial's parameters."""
        return cls(**parameters)

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, without what its kind does not use."""
        unused = {
            "logistic": set(asdict(self)) - {"kind", "C", "focus"},
            "boosting": {"C", "weight"},
            "blend": set(),
        }[self.kind]
        return {name: value for name, value in asdict(self).items() if name not in unused}

    def linear(self, categorical: Sequence[int]) -> LogisticModel:
        """Return the logistic part, not fitted."""
        return LogisticModel(self.C, tuple(categorical), self.focus)

    def boosting(
        self, categorical: Sequence[int], directions: Sequence[int], seed: int
    ) -> SmallBoosting:
        """Return the boosted part, not fitted."""
        return SmallBoosting(
            rounds=self.rounds,
            learning_rate=self.learning_rate,
            leaves=self.leaves,
            min_rows=self.min_rows,
            l2=self.l2,
            feature_share=self.feature_share,
            monotone=tuple(directions) if self.monotone else (),
            categorical=tuple(categorical),
            focus=self.focus,
            grouped=self.grouped,
            seed=seed,
        )

    def estimator(
        self, categorical: Sequence[int], directions: Sequence[int], seed: int
    ) -> LogisticModel | SmallBoosting | LogitBlend:
        """Return the estimator, not fitted."""
        if self.kind == "logistic":
            return self.linear(categorical)
        boosting = self.boosting(categorical, directions, seed)
        if self.kind == "boosting":
            return boosting
        return LogitBlend(self.linear(categorical), boosting, self.weight)


@dataclass(frozen=True)
class Mixture:
    """How to build the weighted mean of several recipes' log-odds.

    Parameters
    ----------
    parts : what is mixed; at most one is logistic, the others are boosted.
    weights : of each, summing to one.
    """

    parts: tuple[Recipe, ...]
    weights: tuple[float, ...]

    @property
    def kind(self) -> Kind:
        """What it folds into: a blend, or a boosting where no part is logistic."""
        return "blend" if any(part.kind == "logistic" for part in self.parts) else "boosting"

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        together = zip(self.parts, self.weights, strict=True)
        parts = [part.as_dict() | {"weight": weight} for part, weight in together]
        return {"kind": self.kind, "parts": parts}

    def estimator(
        self, categorical: Sequence[int], directions: Sequence[int], seed: int
    ) -> LogitMixture:
        """Return the estimator, not fitted."""
        parts = [
            part.linear(categorical)
            if part.kind == "logistic"
            else part.boosting(categorical, directions, seed)
            for part in self.parts
        ]
        return LogitMixture(parts, self.weights)
