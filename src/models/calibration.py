"""From log-odds to probabilities that mean what they say.

A calibrator is fitted on forecasts of snapshots that the forecasting model had not seen, made
forward in time; never on the model's own training rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

Floats = npt.NDArray[np.float64]


class Calibrator(Protocol):
    """A non-decreasing map from raw to calibrated log-odds."""

    def calibrate(self, log_odds: Floats) -> Floats:
        """Return calibrated log-odds."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what `calibrator_from_state` needs."""
        ...


@dataclass(frozen=True)
class Platt:
    """A straight line through the log-odds, always rising; the identity by default.

    It keeps ranks, and contributions stay exactly additive: each is multiplied by the slope.

    Parameters
    ----------
    slope : above 1 sharpens forecasts, below 1 pulls them together.
    intercept : shifts the base rate, in log-odds.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def calibrate(self, log_odds: Floats) -> Floats:
        """Return calibrated log-odds."""
        return self.slope * log_odds + self.intercept

    def state(self) -> dict[str, Any]:
        """Return slope and intercept."""
        return {"kind": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, eq=False)
class Isotonic:
    """A rising staircase, for data sets with thousands of conversions.

    Parameters
    ----------
    knots : raw log-odds, rising.
    levels : calibrated log-odds at the knots, non-decreasing, joined by straight lines.
    """

    knots: Floats
    levels: Floats

    def calibrate(self, log_odds: Floats) -> Floats:
        """Return calibrated log-odds."""
        return np.interp(log_odds, self.knots, self.levels)

    def state(self) -> dict[str, Any]:
        """Return the knots and their levels."""
        return {"kind": "isotonic", "knots": self.knots, "levels": self.levels}


def fit_platt(log_odds: Floats, labels: Floats, *, slope_sd: float = 0.5) -> Platt:
    """Fit a Platt map by maximum likelihood.

    Parameters
    ----------
    log_odds : raw forecasts of snapshots unseen in training.
    labels : 0 or 1, same length.
    slope_sd : how far the logarithm of the slope is expected to lie from zero: a mild prior
        that only few conversions feel. Zero holds the slope at one and moves the base rate alone.
    """
    wins = float(labels.sum())
    if wins == 0 or wins == len(labels):
        return Platt()

    def loss(parameters: Floats) -> float:
        line = np.exp(parameters[1]) * log_odds + parameters[0]
        misfit = float(np.sum(np.logaddexp(0.0, line) - labels * line))
        prior = 0.5 * (parameters[1] / slope_sd) ** 2 if slope_sd else 0.0
        return (misfit + prior) / len(labels)

    def intercept_only(parameters: Floats) -> float:
        return loss(np.array([parameters[0], 0.0]))

    target = loss if slope_sd else intercept_only
    bounds = [(-15.0, 15.0), (-4.0, 4.0)][: 2 if slope_sd else 1]
    found = minimize(target, np.zeros(len(bounds)), method="L-BFGS-B", bounds=bounds).x
    return Platt(float(np.exp(found[1])) if slope_sd else 1.0, float(found[0]))


def fit_isotonic(log_odds: Floats, labels: Floats) -> Isotonic:
    """Fit a staircase; its ends stay half a conversion away from certainty."""
    margin = 0.5 / len(labels)
    stairs = IsotonicRegression(y_min=margin, y_max=1 - margin).fit(expit(log_odds), labels)
    knots = np.clip(stairs.X_thresholds_, 1e-12, 1 - 1e-12)
    return Isotonic(logit(knots), logit(stairs.y_thresholds_))


def calibrator_from_state(state: Mapping[str, Any]) -> Calibrator:
    """Rebuild a calibrator from its `state`."""
    if state["kind"] == "platt":
        return Platt(state["slope"], state["intercept"])
    return Isotonic(np.asarray(state["knots"]), np.asarray(state["levels"]))
