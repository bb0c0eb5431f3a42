"""Why a score moved: what the lead did, what time did, and what a new model sees otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.compute import compute_features
from history import History
from models.conversion import ConversionModel
from models.errors import ModelError
from models.explanation import plain_value, probability_effects

Floats = npt.NDArray[np.float64]
_LEAST = 0.0005


@dataclass(frozen=True)
class Movement:
    """The way of one probability from one moment to a later one.

    The three parts sum to the difference, `after` minus `before`.

    Parameters
    ----------
    before, after : probabilities of the last horizon.
    ageing : what would have happened had nothing been heard of the lead since.
    behaviour : what was recorded since then did the rest, by the model of then.
    model : how the model of now differs on the same facts.
    reasons : the features whose effect behaviour changed most, strongest first: ``feature``,
        ``label``, ``before`` and ``after`` (values), ``effect`` in points of probability.
    """

    before: float
    after: float
    ageing: float
    behaviour: float
    model: float
    reasons: tuple[dict[str, Any], ...]

    @property
    def message(self) -> str:
        """One sentence, the greatest part first."""
        change = self.after - self.before
        if abs(change) < _LEAST:
            return f"The probability stayed at {self.after:.1%}."
        parts = {
            "what the lead and the teams did": self.behaviour,
            "time passing": self.ageing,
            "a new model": self.model,
        }
        ranked = sorted(parts.items(), key=lambda pair: -abs(pair[1]))
        told = [f"{name} {100 * size:+.1f} points" for name, size in ranked if abs(size) >= _LEAST]
        way = "rose" if change > 0 else "fell"
        return f"The probability {way} from {self.before:.1%} to {self.after:.1%}: " + (
            ", ".join(told) + "."
        )


def movement(
    history: History,
    lead_id: str,
    *,
    then: pd.Timestamp,
    now: pd.Timestamp,
    model_then: ConversionModel,
    model_now: ConversionModel | None = None,
    top: int = 3,
) -> Movement:
    """Explain how a lead's probability went from one moment to another.

    Parameters
    ----------
    history : what happened, as known today.
    lead_id : the lead; it must be known at both moments.
    then, now : cutoffs, with a time zone, the earlier one first.
    model_then, model_now : the models that scored; the same where the second is None.
    top : how many changed features to name.

    Raises
    ------
    ModelError : `now` does not follow `then`, or the models forecast different things.
    """
    newer = model_then if model_now is None else model_now
    if now <= then:
        raise ModelError(f"{now.isoformat()} does not follow {then.isoformat()}")
    if (newer.target, newer.horizons[-1]) != (model_then.target, model_then.horizons[-1]):
        raise ModelError(
            f"one model forecasts {model_then.target} in {model_then.horizons[-1]} days, the other "
            f"{newer.target} in {newer.horizons[-1]}: their probabilities cannot be compared"
        )
    frozen = history.known_before(then)
    before = _values(frozen, lead_id, [then, now], model_then)
    first, aged = before[:1], before[1:]
    last = _values(history, lead_id, [now], model_then)
    seen = last if newer is model_then else _values(history, lead_id, [now], newer)
    p = [_probability(model_then, values) for values in (first, aged, last)]
    after = _probability(newer, seen)
    return Movement(
        before=p[0],
        after=after,
        ageing=p[1] - p[0],
        behaviour=p[2] - p[1],
        model=after - p[2],
        reasons=tuple(_changed(model_then, aged, last, top)),
    )


def _values(
    history: History, lead_id: str, instants: Sequence[pd.Timestamp], model: ConversionModel
) -> pd.DataFrame:
    snapshots = pd.DataFrame({"lead_id": [lead_id] * len(instants), "as_of": instants})
    return compute_features(history, snapshots, model.features).values


def _probability(model: ConversionModel, values: pd.DataFrame) -> float:
    return float(model.probabilities(values)[0, -1])


def _changed(
    model: ConversionModel, aged: pd.DataFrame, last: pd.DataFrame, top: int
) -> list[dict[str, Any]]:
    both = pd.concat([aged, last], ignore_index=True)
    effects, _ = probability_effects(model.primary.contributions(model.encode(both)))
    change: Floats = effects[1] - effects[0]
    strongest = np.argsort(-np.abs(change), kind="stable")[:top]
    return [
        {
            "feature": model.features[column].name,
            "label": model.features[column].label,
            "before": plain_value(aged[model.features[column].name].iloc[0]),
            "after": plain_value(last[model.features[column].name].iloc[0]),
            "effect": float(change[column]),
        }
        for column in strongest
        if change[column] != 0.0
    ]
