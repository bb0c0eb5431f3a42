"""Conversion as a discrete-time hazard: what leads teach that have not been watched to the end.

A direct model of 90 days learns from snapshots whose 90 days are over. A hazard splits them into
the periods between the horizons and asks in each: does the lead convert now, not having done so
before? A snapshot of fifty days then teaches about its first thirty. The rows of all periods are
fitted together by one estimator, as a logistic regression of survival is (Singer and Willett, It's
About Time: Using Discrete-Time Survival Analysis to Study Duration and the Timing of Events,
Journal of Educational Statistics 18, 1993). It ranks leads; each horizon's calibration turns its
log-odds of a period into the probability within the horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from models.calibration import fit_platt
from models.metrics import ERRORS, log_losses, standard_error

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Contest:
    """A direct model against a hazard, on the same forward forecasts.

    Parameters
    ----------
    horizon : in days.
    direct, hazard : log loss of each, both with a Platt map.
    error : standard error of the difference, accounts drawn together.
    """

    horizon: int
    direct: float
    hazard: float
    error: float

    @property
    def won(self) -> bool:
        """Whether the hazard is better by more than chance; the direct model is the simpler one."""
        return self.direct - self.hazard > ERRORS * self.error


def comparable(horizons: Sequence[int]) -> bool:
    """Tell whether periods between the horizons are of one length, as one estimator needs them."""
    return len(horizons) > 1 and len({*np.diff([0, *horizons]).tolist()}) == 1


def person_periods(labels: pd.DataFrame, usable: Mapping[int, Mask]) -> tuple[Positions, Floats]:
    """Return the rows of all periods: which snapshot each is of, and whether it converted then.

    Parameters
    ----------
    labels : one column a horizon, rising: 1, 0, or NaN where not known.
    usable : for each horizon, the snapshots whose label may be used.
    """
    rows: list[Positions] = []
    events: list[Floats] = []
    at_risk = np.ones(len(labels), dtype=np.bool_)
    for horizon in map(int, labels.columns):
        label = labels[horizon].to_numpy(dtype=np.float64)
        place = np.flatnonzero(usable[horizon] & at_risk)
        rows.append(place)
        events.append(label[place])
        at_risk = label == 0
    return np.concatenate(rows), np.concatenate(events)


def contest(
    horizon: int,
    direct: Floats,
    hazard: Floats,
    labels: Floats,
    groups: npt.NDArray[np.object_],
) -> Contest:
    """Compare raw log-odds of the same unseen snapshots by two models.

    Parameters
    ----------
    horizon : in days.
    direct, hazard : log-odds of each.
    labels : what came within the horizon.
    groups : accounts; rows of one are one experience.
    """
    losses = [
        log_losses(expit(fit_platt(raw, labels).calibrate(raw)), labels) for raw in (direct, hazard)
    ]
    error = standard_error(losses[0] - losses[1], groups) / max(len(labels), 1)
    return Contest(horizon, float(losses[0].mean()), float(losses[1].mean()), error)


def notes(contests: Sequence[Contest]) -> tuple[str, ...]:
    """Say where the hazard won, for the report."""
    return tuple(
        f"Within {each.horizon} days the forecast is that of a discrete-time hazard, which learns "
        f"from leads that are still open too: log loss {each.hazard:.4f}, a model of this horizon "
        f"alone {each.direct:.4f} (forward folds)."
        for each in contests
        if each.won
    )
