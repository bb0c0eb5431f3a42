"""A model set right again when only the base rate moved: ranks survive, probabilities do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from features.training_set import TrainingSet
from history.history import micros
from models.calibration import Shifted, fit_platt
from models.conversion import ConversionModel
from models.errors import ModelError
from models.promotion import learned_until
from models.splits import Holdout, instants

Floats = npt.NDArray[np.float64]
_FEWEST_WINS = 20
_CERTAIN = float(norm.ppf(0.975))


@dataclass(frozen=True, eq=False)
class Recalibration:
    """What a recalibration found.

    Parameters
    ----------
    model : the model, its log-odds shifted.
    table : one row a horizon: ``horizon``, ``n``, ``conversions``, mean ``promised`` before,
        ``observed``, the ``shift`` in log-odds and its standard ``error``, and the ``slope`` that
        outcomes have on the shifted log-odds, with its ``slope_error``. Snapshots of one lead
        share its outcome: errors are those of as many leads, not of as many snapshots.
    """

    model: ConversionModel
    table: pd.DataFrame

    @property
    def moved(self) -> bool:
        """Whether the shift of the last horizon is more than chance, at 95 %."""
        last = self.table.iloc[-1]
        return bool(abs(last["shift"]) > _CERTAIN * last["error"])

    @property
    def alone(self) -> bool:
        """Whether the base rate moved and nothing shows that ranks or distances did, at 95 %."""
        last = self.table.iloc[-1]
        return self.moved and bool(abs(last["slope"] - 1.0) <= _CERTAIN * last["slope_error"])


def recalibrate(model: ConversionModel, fresh: TrainingSet) -> Recalibration:
    """Shift the log-odds of a model to the base rate of newer outcomes.

    Parameters
    ----------
    model : a fitted model.
    fresh : snapshots with their features. Used are those whose label is known now and was not
        when the model was made: their horizon ended after all that it has learned from.

    Raises
    ------
    ModelError : fewer than 20 new conversions within the last horizon, or other horizons.
    """
    if model.horizons != fresh.horizons:
        raise ModelError(f"the model has horizons {model.horizons}, the snapshots {fresh.horizons}")
    since = learned_until(model)
    rows, shifted = [], []
    for each in model.models:
        ended = fresh.snapshots["as_of"] + pd.Timedelta(days=each.horizon)
        part = fresh.take((fresh.labels[each.horizon].notna() & (ended > since)).to_numpy())
        labels = part.labels[each.horizon].to_numpy(dtype=np.float64)
        wins = int(labels.sum())
        if wins < _FEWEST_WINS and each is model.models[-1]:
            raise ModelError(
                f"{wins} conversions within {each.horizon} days are known since "
                f"{since.isoformat()}; {_FEWEST_WINS} are needed to set the base rate right"
            )
        line = each.log_odds(model.encode(part.values))
        leads = int(part.snapshots["lead_id"].nunique())
        found = _fitted(line, labels, leads)
        rows.append([each.horizon, len(labels), wins, *found])
        shifted.append(replace(each, calibrator=Shifted(each.calibrator, found[2])))
    columns = [
        "horizon", "n", "conversions", "promised", "observed", "shift", "error", "slope",
        "slope_error",
    ]  # fmt: skip
    metadata = {**model.metadata, "recalibrated_until": fresh.observed_until.isoformat()}
    changed = replace(model, models=tuple(shifted), metadata=metadata)
    return Recalibration(changed, pd.DataFrame(rows, columns=columns))


def known_at(training_set: TrainingSet, cut: pd.Timestamp) -> TrainingSet:
    """Return the snapshots with the labels that were known at an instant alone."""
    held = Holdout(micros(cut), instants(training_set))
    labels = training_set.labels
    known = {h: labels[h].where(held.past(labels, h)) for h in training_set.horizons}
    return replace(training_set, labels=pd.DataFrame(known), observed_until=cut)


def _fitted(line: Floats, labels: Floats, leads: int) -> list[float]:
    """Return promised, observed, shift, its error, slope, its error; no shift where no label."""
    if not len(labels):
        return [np.nan, np.nan, 0.0, np.inf, 1.0, np.inf]
    shift = fit_platt(line, labels, slope_sd=0.0).intercept
    slope = fit_platt(line + shift, labels, slope_sd=10.0).slope
    after = expit(line + shift)
    weight = after * (1 - after)
    centred = line - np.average(line, weights=weight)
    repeated = np.sqrt(len(labels) / leads)
    errors = [
        float(repeated / np.sqrt(max(information, 1e-12)))
        for information in (weight.sum(), (weight * centred**2).sum())
    ]
    promised, observed = float(expit(line).mean()), float(labels.mean())
    return [promised, observed, shift, errors[0], slope, errors[1]]
