"""What a model has to beat: what teams do today, and what anyone could fit in a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from features.declaration import Feature
from models.calibration import Platt, fit_platt
from models.encoding import FeatureEncoder
from models.logistic import LogisticModel

Floats = npt.NDArray[np.float64]


class Baseline(Protocol):
    """A forecaster that learns from feature values and outcomes."""

    def fit(self, values: pd.DataFrame, labels: Floats) -> Self:
        """Learn from rows with known outcomes (0 or 1)."""
        ...

    def probabilities(self, values: pd.DataFrame) -> Floats:
        """Return the probability of each row."""
        ...


class Prevalence:
    """Everyone gets the share that converted before."""

    def fit(self, values: pd.DataFrame, labels: Floats) -> Self:  # noqa: ARG002  # a Baseline
        """Remember the share."""
        self.rate_ = float((labels.sum() + 0.5) / (len(labels) + 1))
        return self

    def probabilities(self, values: pd.DataFrame) -> Floats:
        """Return the share for every row."""
        return np.full(len(values), self.rate_)


class PointsScheme:
    """Hand-set points for engagement and fit, as marketing tools award them.

    Engagement of the last month earns points up to a cap, more for a strong sign of interest
    than for an opened e-mail; a reached funnel stage earns many; long silence and unsubscribing
    cost some. Points are the same whatever the data say; only their translation into a
    probability, a Platt map, is fitted.

    Parameters
    ----------
    features : the declarations of the columns.
    """

    STRONG = ("form", "demo", "webinar", "meeting", "reply", "pricing", "trial", "purchase", "call")
    WEAK = ("open", "sent", "impression")

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = features

    def fit(self, values: pd.DataFrame, labels: Floats) -> Self:
        """Translate points into probabilities."""
        points = self.points(values)
        self.center_, self.scale_ = float(points.mean()), float(points.std()) or 1.0
        self.platt_: Platt = fit_platt((points - self.center_) / self.scale_, labels, slope_sd=3.0)
        return self

    def probabilities(self, values: pd.DataFrame) -> Floats:
        """Return the probability that the points stand for."""
        score = (self.points(values) - self.center_) / self.scale_
        return np.asarray(expit(self.platt_.calibrate(score)))

    def points(self, values: pd.DataFrame) -> Floats:
        """Return the points of each row."""
        total = np.zeros(len(values))
        for feature in self.features:
            if not feature.categorical:
                total += self._award(feature, values[feature.name].to_numpy(dtype=np.float64))
        return total

    def _award(self, feature: Feature, value: Floats) -> Floats:
        known = np.nan_to_num(value, nan=0.0)
        if feature.source == "stages" and feature.aggregate == "any":
            closing = "lost" in feature.where.get("stage", ())
            return np.asarray((0.0 if closing else 20.0) * (known > 0))
        if feature.source == "engagements" and feature.aggregate == "count":
            return self._engaged(feature, known)
        if feature.source == "engagements" and feature.aggregate == "days_since_last":
            silent = value > 30 if not feature.where else np.zeros(len(value))
            return np.asarray(-10.0 * silent)
        return np.zeros(len(value))

    def _engaged(self, feature: Feature, known: Floats) -> Floats:
        if feature.window_days not in (28, 30) or not set(feature.where) <= {"kind"}:
            return np.zeros(len(known))
        kinds = " ".join(kind for some in feature.where.values() for kind in some).lower()
        if "unsubscribe" in kinds:
            return np.asarray(-20.0 * (known > 0))
        if any(word in kinds for word in self.STRONG):
            return np.asarray(np.minimum(10.0 * known, 30.0))
        each = 1.0 if any(word in kinds for word in self.WEAK) else 3.0
        return np.asarray(np.minimum(each * known, 15.0))


class FrequencyScore:
    """Naive Bayes over attributes, in the manner of Odoo's predictive lead scoring.

    Each value of each categorical attribute counts how many leads with it were won and lost,
    plus a tenth; the counts multiply with the base rate as if attributes were independent.
    Values never seen are left out. Nothing is calibrated, as there.

    Parameters
    ----------
    features : the declarations of the columns.
    """

    SMOOTHING = 0.1

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = features

    def fit(self, values: pd.DataFrame, labels: Floats) -> Self:
        """Count wins and losses of every value."""
        won, lost = float(labels.sum()), float(len(labels) - labels.sum())
        smooth = self.SMOOTHING
        self.base_ = float(np.log((won + smooth) / (lost + smooth)))
        self.ratios_: dict[str, pd.Series] = {}
        for feature in self.features:
            if feature.categorical:
                counts = _counts(values[feature.name], labels)
                wins = (counts["won"] + smooth) / (won + smooth)
                losses = (counts["lost"] + smooth) / (lost + smooth)
                self.ratios_[feature.name] = (wins / losses).map(np.log)
        return self

    def probabilities(self, values: pd.DataFrame) -> Floats:
        """Return the naive posterior of each row."""
        odds = np.full(len(values), self.base_)
        for name, ratio in self.ratios_.items():
            odds += values[name].astype(object).map(ratio).fillna(0.0).to_numpy(dtype=np.float64)
        return np.asarray(expit(odds))


def _counts(column: pd.Series, labels: Floats) -> pd.DataFrame:
    frame = pd.DataFrame({"value": column.astype(object).to_numpy(), "won": labels})
    counted = frame.dropna(subset=["value"]).groupby("value")["won"].agg(["sum", "size"])
    return pd.DataFrame({"won": counted["sum"], "lost": counted["size"] - counted["sum"]})


class PlainLogistic:
    """Logistic regression as it comes: standardised columns, C = 1."""

    def fit(self, values: pd.DataFrame, labels: Floats) -> Self:
        """Fit to all columns."""
        self.encoder_ = FeatureEncoder().fit(values)
        codes = tuple(self.encoder_.levels_)
        self.model_ = LogisticModel(C=1.0, categorical=codes)
        self.model_.fit(self.encoder_.transform(values), labels)
        return self

    def probabilities(self, values: pd.DataFrame) -> Floats:
        """Return the probability of each row."""
        return np.asarray(self.model_.predict_proba(self.encoder_.transform(values))[:, 1])


class DefaultBoosting:
    """LightGBM with its own defaults: what habit would reach for.

    Parameters
    ----------
    seed : of LightGBM.
    """

    def __init__(self, seed: int = 7) -> None:
        self.parameters: dict[str, Any] = {
            "objective": "binary",
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "seed": seed,
            "verbosity": -1,
        }

    def fit(self, values: pd.DataFrame, labels: Floats) -> Self:
        """Fit a hundred trees of 31 leaves."""
        self.encoder_ = FeatureEncoder().fit(values)
        X = self.encoder_.transform(values)
        categories = list(self.encoder_.levels_)
        data = lgb.Dataset(X, labels, categorical_feature=categories, params={"verbosity": -1})
        self.booster_ = lgb.train(self.parameters, data, 100)
        return self

    def probabilities(self, values: pd.DataFrame) -> Floats:
        """Return the probability of each row."""
        return np.asarray(self.booster_.predict(self.encoder_.transform(values)))


BASELINES: Mapping[str, Callable[[Sequence[Feature]], Baseline]] = {
    "prevalence": lambda features: Prevalence(),  # noqa: ARG005  # one signature for all
    "points scheme": PointsScheme,
    "naive Bayes": FrequencyScore,
    "logistic regression": lambda features: PlainLogistic(),  # noqa: ARG005
    "default LightGBM": lambda features: DefaultBoosting(),  # noqa: ARG005
}
"""Every baseline by the name it bears in tables."""
