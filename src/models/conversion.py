"""The model of conversion: one calibrated probability per horizon, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import beta

from features.declaration import Feature
from models.additive import Additive
from models.boosting import SmallBoosting
from models.calibration import Calibrator, Platt, calibrator_from_state
from models.encoding import encode, encode_lines
from models.errors import ModelError
from models.logistic import LogisticModel
from models.mixture import LogitBlend
from models.plugged import PluggedModel
from models.storage import read_state, write_state

Floats = npt.NDArray[np.float64]
Kind = Literal["fitted", "prior"]

_ESTIMATORS: Mapping[str, Any] = {
    "logistic": LogisticModel,
    "boosting": SmallBoosting,
    "blend": LogitBlend,
    "plugged": PluggedModel,
}
_KINDS = {
    "logistic": "A logistic regression",
    "boosting": "Boosted trees",
    "blend": "A blend of logistic regression and boosted trees",
}


@dataclass(frozen=True)
class Prior:
    """What can be said with too few conversions: the base rate, and how uncertain it is.

    A stand-in for an estimator: every lead gets the mean of a Beta distribution.

    Parameters
    ----------
    wins : leads seen to convert within the horizon.
    losses : leads seen not to.
    columns : number of features.
    before : Beta parameters assumed before any lead was seen; by default one win in twenty,
        worth twenty leads, which a few dozen outcomes overrule.
    """

    wins: float
    losses: float
    columns: int
    before: tuple[float, float] = (1.0, 19.0)

    @property
    def mean(self) -> float:
        """The expected rate of conversion."""
        wins, losses = self.wins + self.before[0], self.losses + self.before[1]
        return wins / (wins + losses)

    def interval(self, coverage: float = 0.95) -> tuple[float, float]:
        """Return the central interval of the rate."""
        ends = [(1 - coverage) / 2, (1 + coverage) / 2]
        low, high = beta.ppf(ends, self.wins + self.before[0], self.losses + self.before[1])
        return float(low), float(high)

    def decision_function(self, X: Any) -> Floats:
        """Return the same log-odds for every row."""
        return np.full(len(X), logit(self.mean))

    def log_odds(self, X: Floats) -> Floats:
        """Do the same."""
        return self.decision_function(X)

    def contributions(self, X: Any) -> Floats:
        """Return nothing for every feature and the log-odds as base."""
        shares = np.zeros((len(X), self.columns + 1))
        shares[:, -1] = logit(self.mean)
        return shares

    def state(self) -> dict[str, Any]:
        """Return the counts."""
        counts = {"wins": self.wins, "losses": self.losses, "columns": self.columns}
        return {"kind": "prior", **counts, "before": list(self.before)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Prior:
        """Rebuild from `state`."""
        before = (float(state["before"][0]), float(state["before"][1]))
        return cls(state["wins"], state["losses"], state["columns"], before)


@dataclass(frozen=True, eq=False)
class HorizonModel:
    """Conversion within one horizon.

    Parameters
    ----------
    horizon : in days.
    estimator : gives log-odds as sums of contributions.
    calibrator : makes them mean what they say.
    """

    horizon: int
    estimator: Additive
    calibrator: Calibrator = field(default_factory=Platt)

    def log_odds(self, X: Floats) -> Floats:
        """Return calibrated log-odds of encoded rows."""
        if not len(X):
            return np.zeros(0)
        return self.calibrator.calibrate(self.estimator.log_odds(X))

    def contributions(self, X: Floats) -> Floats:
        """Return calibrated log-odds by feature, base last; rows sum to `log_odds`."""
        if not len(X):
            return np.zeros((0, X.shape[1] + 1))
        raw = self.estimator.contributions(X)
        total, base = raw.sum(axis=1), raw[:, -1]
        moved, rested = self.calibrator.calibrate(total), self.calibrator.calibrate(base)
        distance = total - base
        slope = np.divide(moved - rested, distance, out=np.zeros_like(total), where=distance != 0)
        if isinstance(self.calibrator, Platt):
            slope = np.full_like(total, self.calibrator.slope)
        return np.column_stack([raw[:, :-1] * slope[:, None], rested])

    def state(self) -> dict[str, Any]:
        """Return everything needed to predict."""
        calibrator, estimator = self.calibrator.state(), self.estimator.state()
        return {"horizon": self.horizon, "calibrator": calibrator, "estimator": estimator}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> HorizonModel:
        """Rebuild from `state`."""
        kinds = {**_ESTIMATORS, "prior": Prior}
        estimator = kinds[state["estimator"]["kind"]].from_state(state["estimator"])
        return cls(state["horizon"], estimator, calibrator_from_state(state["calibrator"]))


@dataclass(frozen=True, eq=False)
class ConversionModel:
    """Calibrated probability of conversion within each horizon, never falling with the horizon.

    The last horizon is the primary one: scores, reasons and the search are about it. Shorter
    horizons are held below it.

    Parameters
    ----------
    features : the declarations, in the order of the columns.
    levels : for each categorical column by position, the levels with a code of their own.
    models : one per horizon, rising.
    target : the stage that counts as a conversion.
    reference : primary probabilities of the leads open at the end of training, rising; the
        scale of the score.
    metadata : digests, counts, seed, versions and times, as plain data.
    """

    features: tuple[Feature, ...]
    levels: Mapping[int, tuple[str, ...]]
    models: tuple[HorizonModel, ...]
    target: str
    reference: Floats
    metadata: Mapping[str, Any]

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons in days, rising."""
        return tuple(model.horizon for model in self.models)

    @property
    def primary(self) -> HorizonModel:
        """The model of the last horizon."""
        return self.models[-1]

    @property
    def kind(self) -> Kind:
        """``prior`` when there were too few conversions to fit anything, else ``fitted``."""
        return "prior" if isinstance(self.primary.estimator, Prior) else "fitted"

    @property
    def is_quick(self) -> bool:
        """Whether a row takes microseconds; a classifier that was plugged in may take any time."""
        return not any(isinstance(each.estimator, PluggedModel) for each in self.models)

    @property
    def names(self) -> list[str]:
        """Names of the features, in the order of the columns."""
        return [feature.name for feature in self.features]

    @property
    def message(self) -> str:
        """One sentence on what the model is."""
        prior = self.primary.estimator
        if not isinstance(prior, Prior):
            chosen = str(self.metadata.get("chosen", "model"))
            kind = _KINDS.get(chosen, f"A {chosen}")
            wins = int(self.metadata.get("conversions", 0))
            missing = int(self.metadata.get("min_boosting", 0)) - wins
            more = f" {missing} more and boosted trees are tried too." if missing > 0 else ""
            return f"{kind}, fitted to {wins:,} converted leads.{more}"
        low, high = prior.interval()
        rate = (
            f"every lead gets {prior.mean:.1%} within {self.primary.horizon} days "
            f"(95 % interval {low:.1%} to {high:.1%})"
        )
        if not self.metadata.get("signal", True):
            return (
                "Nothing that is known of the leads tells who will convert: no model forecast "
                f"later leads better than one rate for all, so {rate}."
            )
        missing = max(1, int(self.metadata.get("min_conversions", 0)) - int(prior.wins))
        return (
            f"Too few conversions to learn from: {rate}; {missing} more converted leads are needed."
        )

    def encode(self, values: pd.DataFrame) -> Floats:
        """Return feature values as the matrix that the estimators take.

        Raises
        ------
        ModelError : a feature is missing from `values`, or a number is not one.
        """
        try:
            return encode(values[self.names], dict(self.levels))
        except KeyError as error:
            missing = [name for name in self.names if name not in values.columns]
            raise ModelError(
                f"the values lack {len(missing)} of the model's features, first {missing[0]!r}; "
                "compute the features that the model declares"
            ) from error
        except (ValueError, TypeError) as error:
            raise ModelError(f"a feature holds something that is not a number: {error}") from error

    def encode_columns(self, columns: Sequence[npt.NDArray[Any]]) -> Floats:
        """Do the same for few rows in plain arrays, one for each declared feature."""
        numbers = np.zeros((len(columns), len(columns[0]) if columns else 0))
        for position, values in enumerate(columns):
            if position not in self._codes:
                numbers[position] = values
        return self.encode_lines(numbers, {position: columns[position] for position in self._codes})

    def encode_lines(self, numbers: Floats, texts: Mapping[int, Iterable[Any]]) -> Floats:
        """Do the same for few rows, numbers and texts apart: see `models.encoding`."""
        return encode_lines(numbers, texts, self._codes)

    @cached_property
    def _codes(self) -> Mapping[int, Mapping[str, int]]:
        return {
            position: {level: code for code, level in enumerate(known)}
            for position, known in self.levels.items()
        }

    def probabilities(self, values: pd.DataFrame) -> Floats:
        """Return the probabilities, shape (rows, horizons), never falling along a row."""
        return self.probabilities_of(self.encode(values))

    def probabilities_of(self, X: Floats) -> Floats:
        """Do the same for rows already encoded."""
        chances = expit(np.array([model.log_odds(X) for model in self.models]))
        held = np.minimum.accumulate(chances[::-1], axis=0)[::-1]
        return np.ascontiguousarray(held.T)

    def contributions(self, values: pd.DataFrame) -> pd.DataFrame:
        """Return each feature's share of the primary log-odds, and the column ``base``.

        Rows sum to the log-odds of the primary probability.
        """
        shares = self.primary.contributions(self.encode(values))
        return pd.DataFrame(shares, columns=[*self.names, "base"], index=values.index)

    def with_reference(self, values: pd.DataFrame) -> ConversionModel:
        """Return the model with these leads as the scale of its score.

        Raises
        ------
        ModelError : there are no leads.
        """
        if not len(values):
            raise ModelError("a score needs at least one open lead to compare with")
        return replace(self, reference=np.sort(self.probabilities(values)[:, -1]))

    def save(self, folder: Path | str) -> None:
        """Write the model into a folder, as JSON, arrays and text."""
        state = {
            "features": [feature.as_dict() for feature in self.features],
            "levels": {str(position): list(known) for position, known in self.levels.items()},
            "models": [model.state() for model in self.models],
            "target": self.target,
            "reference": self.reference,
            "metadata": dict(self.metadata),
        }
        write_state(Path(folder), state)

    @classmethod
    def load(cls, folder: Path | str) -> ConversionModel:
        """Read a model that predicts what the saved one did, to the last bit.

        Raises
        ------
        ModelError : the folder holds no model, or a damaged one.
        """
        state = read_state(Path(folder))
        try:
            return cls(
                features=tuple(Feature.from_dict(data) for data in state["features"]),
                levels={int(key): tuple(known) for key, known in state["levels"].items()},
                models=tuple(HorizonModel.from_state(data) for data in state["models"]),
                target=state["target"],
                reference=state["reference"],
                metadata=state["metadata"],
            )
        except (KeyError, TypeError) as error:
            raise ModelError(f"{folder}: not a model of this version ({error!r})") from error
