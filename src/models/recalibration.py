"""A model set right again when only the base rate moved: ranks survive, probabilities do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from features.training_set import TrainingSet
from models.calibration import Shifted, fit_platt
from models.conversion import ConversionModel
from models.errors import ModelError

_FEWEST_WINS = 20


@dataclass(frozen=True, eq=False)
class Recalibration:
    """What a recalibration found.

    Parameters
    ----------
    model : the model, its log-odds shifted.
    table : one row a horizon: ``horizon``, ``n``, ``conversions``, mean ``promised`` before,
        ``observed``, the ``shift`` in log-odds and its standard ``error``.
    """

    model: ConversionModel
    table: pd.DataFrame

    @property
    def moved(self) -> bool:
        """Whether the shift of the last horizon is more than chance, at 95 %."""
        last = self.table.iloc[-1]
        return bool(abs(last["shift"]) > norm.ppf(0.975) * last["error"])


def recalibrate(model: ConversionModel, fresh: TrainingSet) -> Recalibration:
    """Shift the log-odds of a model to the base rate of newer snapshots.

    Parameters
    ----------
    model : a fitted model.
    fresh : snapshots with their features; only those that the model has not learned from, and
        whose label is known, are used.

    Raises
    ------
    ModelError : fewer than 20 new conversions within the last horizon, or other horizons.
    """
    if model.horizons != fresh.horizons:
        raise ModelError(f"the model has horizons {model.horizons}, the snapshots {fresh.horizons}")
    since = pd.Timestamp(model.metadata["trained_until"])
    part = fresh.take((fresh.snapshots["as_of"] >= since).to_numpy())
    X = model.encode(part.values)
    rows, shifted = [], []
    for each in model.models:
        labels = part.labels[each.horizon].to_numpy(dtype=np.float64)
        known = ~np.isnan(labels)
        wins = int(labels[known].sum())
        if wins < _FEWEST_WINS and each is model.models[-1]:
            raise ModelError(
                f"{wins} conversions within {each.horizon} days are known since "
                f"{since.isoformat()}; {_FEWEST_WINS} are needed to set the base rate right"
            )
        line = each.log_odds(X[known])
        shift = fit_platt(line, labels[known], slope_sd=0.0).intercept
        after = expit(line + shift)
        error = float(1 / np.sqrt(max((after * (1 - after)).sum(), 1e-12)))
        observed = float(labels[known].mean()) if known.any() else np.nan
        promised = float(expit(line).mean()) if known.any() else np.nan
        rows.append([each.horizon, int(known.sum()), wins, promised, observed, shift, error])
        shifted.append(replace(each, calibrator=Shifted(each.calibrator, shift)))
    columns = ["horizon", "n", "conversions", "promised", "observed", "shift", "error"]
    metadata = {**model.metadata, "recalibrated_until": fresh.observed_until.isoformat()}
    changed = replace(model, models=tuple(shifted), metadata=metadata)
    return Recalibration(changed, pd.DataFrame(rows, columns=columns))
