"""From log-odds to probabilities that mean what they say.

A calibrator is fitted on forecasts of snapshots that the forecasting model had not seen, made
forward in time; never on the model's own training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from models.metrics import ERRORS, standard_error

Floats = npt.NDArray[np.float64]
_VENN_ABERS_KNOTS = 101
_FEWEST_TO_CHOOSE = 100
_FEWEST_FOR_STAIRS = 1000
_FOR_FEW = ("none", "platt")
_STAIRS = ("isotonic", "venn-abers")


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


@dataclass(frozen=True)
class Beta:
    """The beta calibration of Kull, Silva Filho and Flach (2017), always rising.

    Log-odds become ``a * ln p - b * ln(1 - p) + c``: both ends of the scale get a slope of their
    own, which a Platt map cannot give. https://proceedings.mlr.press/v54/kull17a.html

    Parameters
    ----------
    a, b : slopes towards certainty of a loss and of a win, not negative.
    c : shifts the base rate, in log-odds.
    """

    a: float
    b: float
    c: float

    def calibrate(self, log_odds: Floats) -> Floats:
        """Return calibrated log-odds."""
        won, lost = -np.logaddexp(0.0, -log_odds), -np.logaddexp(0.0, log_odds)
        return np.asarray(self.a * won - self.b * lost + self.c)

    def state(self) -> dict[str, Any]:
        """Return the three parameters."""
        return {"kind": "beta", "a": self.a, "b": self.b, "c": self.c}


@dataclass(frozen=True, eq=False)
class Isotonic:
    """A rising staircase, for data sets with thousands of conversions.

    The maps of isotonic regression and of Venn-Abers predictors are both kept this way.

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


@dataclass(frozen=True, eq=False)
class Shifted:
    """Another calibration, its log-odds moved by a constant: the base rate changed since.

    Parameters
    ----------
    base : the calibration.
    shift : in log-odds.
    """

    base: Calibrator
    shift: float

    def calibrate(self, log_odds: Floats) -> Floats:
        """Return calibrated log-odds."""
        return self.base.calibrate(log_odds) + self.shift

    def state(self) -> dict[str, Any]:
        """Return the calibration and the shift."""
        return {"kind": "shifted", "base": self.base.state(), "shift": self.shift}


def fit_platt(log_odds: Floats, labels: Floats, *, slope_sd: float = 0.5) -> Platt:
    """Fit a Platt map by maximum likelihood.

    Parameters
    ----------
    log_odds : raw forecasts of snapshots unseen in training.
    labels : 0 or 1, or a share between, same length.
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


def fit_moving(log_odds: Floats, labels: Floats, *, believed: float = 0.25) -> Platt:
    """Fit a Platt map whose slope believes what came, and whose level mostly what was forecast.

    For a model that follows a company as it moves (`models.dating`). That forecasts lie too close
    together holds at any time. How much too high they were does not: forward folds knew less of
    how the company moves than the model that is fitted to everything, and each tells of one season
    only (docs/decisions/0012-clock.md).

    Parameters
    ----------
    log_odds, labels : as for `fit_platt`.
    believed : what is promised in all goes so far from what was forecast towards what came.
    """
    slope = fit_platt(log_odds, labels).slope
    promised = expit(log_odds) + believed * (labels - expit(log_odds))
    return Platt(slope, fit_platt(slope * log_odds, promised, slope_sd=0.0).intercept)


def fit_isotonic(log_odds: Floats, labels: Floats) -> Isotonic:
    """Fit a staircase; its ends stay half a conversion away from certainty."""
    margin = 0.5 / len(labels)
    stairs = IsotonicRegression(y_min=margin, y_max=1 - margin).fit(_apart(log_odds), labels)
    return Isotonic(stairs.X_thresholds_, logit(stairs.y_thresholds_))


def _apart(log_odds: Floats) -> Floats:
    """Bring together what differs by nothing: a line between two such knots has no slope."""
    return np.round(log_odds, 9)


def fit_beta(log_odds: Floats, labels: Floats) -> Beta:
    """Fit a beta calibration by maximum likelihood, its slopes held at nought or above."""
    wins = float(labels.sum())
    if wins == 0 or wins == len(labels):
        return Beta(1.0, 1.0, 0.0)
    parts = np.column_stack(
        [-np.logaddexp(0.0, -log_odds), np.logaddexp(0.0, log_odds), np.ones(len(labels))]
    )

    def loss(parameters: Floats) -> tuple[float, Floats]:
        line = parts @ parameters
        misfit = np.logaddexp(0.0, line) - labels * line
        return float(misfit.mean()), parts.T @ (expit(line) - labels) / len(labels)

    bounds = [(0.0, 50.0), (0.0, 50.0), (-30.0, 30.0)]
    found = minimize(loss, np.array([1.0, 1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
    return Beta(*map(float, found.x))


def fit_venn_abers(log_odds: Floats, labels: Floats) -> Isotonic:
    """Fit an inductive Venn-Abers predictor (Vovk, Petej and Fedorova, 2015).

    A new forecast is added to the known ones once as a loss and once as a win; isotonic regression
    of each gives it p0 and p1, and p1 / (1 - p0 + p1) is the probability that minimises the worst
    regret. Computed at a hundred quantiles of the known forecasts and joined by straight lines.
    https://proceedings.neurips.cc/paper/2015/hash/a9a1d5317a33ae8cef33961c34144f84-Abstract.html
    """
    log_odds = _apart(log_odds)
    knots = np.unique(_apart(np.quantile(log_odds, np.linspace(0, 1, _VENN_ABERS_KNOTS))))
    found = np.empty(len(knots))
    for place, knot in enumerate(knots):
        known = np.append(log_odds, knot)
        p0, p1 = (
            float(IsotonicRegression().fit(known, np.append(labels, outcome)).predict([knot])[0])
            for outcome in (0.0, 1.0)
        )
        found[place] = p1 / (1 - p0 + p1)
    # p0 is below 1 and p1 above 0, since each holds the added outcome: the odds are finite.
    return Isotonic(knots, logit(np.maximum.accumulate(found)))


FITTERS: Mapping[str, Callable[[Floats, Floats], Calibrator]] = {
    "none": lambda log_odds, labels: Platt(),  # noqa: ARG005  one signature for all
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
    "venn-abers": fit_venn_abers,
}
"""Every way to calibrate by its name, the simplest first."""


@dataclass(frozen=True)
class Choice:
    """Which calibration was chosen, and on what grounds.

    Parameters
    ----------
    name : of the calibration in `FITTERS`; "moving" or "base rate" where there was no choice.
    losses : held-out log loss of each that was tried.
    """

    name: str
    losses: Mapping[str, float]


def choose_calibration(
    log_odds: Floats,
    labels: Floats,
    groups: npt.NDArray[Any],
    *,
    blocks: int = 4,
    leave_alone: bool = True,
) -> Choice:
    """Choose the calibration that later forecasts call for, judged as it will be used: forward.

    The rows are cut into blocks of time; each calibration is fitted to all blocks before one and
    judged on it. A map takes the place of a simpler one only where it is better by two standard
    errors, whole groups taken together: what older models got wrong of older outcomes is partly
    theirs alone, and a map learned from it does harm where the new model errs otherwise.

    Parameters
    ----------
    log_odds : raw forecasts of snapshots unseen in training, the oldest first.
    labels : 0 or 1.
    groups : account or lead of each.
    blocks : in how many parts the rows are cut.
    leave_alone : whether the forecasts may be taken as they are.
    """
    names = _names(min(labels.sum(), len(labels) - labels.sum()))[0 if leave_alone else 1 :]
    edges = np.linspace(0, len(labels), blocks + 1).round().astype(np.int64)
    losses = {name: np.zeros(len(labels) - edges[1]) for name in names}
    for start, end in pairwise(edges[1:]):
        for name in names:
            fitted = FITTERS[name](log_odds[:start], labels[:start])
            line = fitted.calibrate(log_odds[start:end])
            found = np.logaddexp(0.0, line) - labels[start:end] * line
            losses[name][start - edges[1] : end - edges[1]] = found
    judged, chosen = groups[edges[1] :], names[0]
    for name in names[1:]:
        gain = losses[chosen] - losses[name]
        if gain.sum() > ERRORS * standard_error(gain, judged):
            chosen = name
    return Choice(chosen, {name: float(loss.mean()) for name, loss in losses.items()})


def _names(rarer: float) -> tuple[str, ...]:
    """Return what may be tried, by how many rows there are of the rarer outcome.

    Stairs bend wherever chance bends the few outcomes of a tread: with some hundred conversions
    they have won by two standard errors and were worse than nothing on the leads that followed.
    """
    if rarer < _FEWEST_TO_CHOOSE:
        return _FOR_FEW
    stairs = rarer >= _FEWEST_FOR_STAIRS
    return tuple(name for name in FITTERS if stairs or name not in _STAIRS)


def calibrator_from_state(state: Mapping[str, Any]) -> Calibrator:
    """Rebuild a calibrator from its `state`."""
    if state["kind"] == "platt":
        return Platt(state["slope"], state["intercept"])
    if state["kind"] == "shifted":
        return Shifted(calibrator_from_state(state["base"]), state["shift"])
    if state["kind"] == "beta":
        return Beta(state["a"], state["b"], state["c"])
    return Isotonic(np.asarray(state["knots"]), np.asarray(state["levels"]))
