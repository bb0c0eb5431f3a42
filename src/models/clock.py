"""Whether a model should know when each of its snapshots was taken.

What happened two years ago tells of the company of two years ago. Where campaigns, prices or the
load of the sales team moved since, a model that takes all of its past alike forecasts the present
worse, above all too high or too low. Forgetting the old helps the level and costs ranks: most of
what tells leads apart still holds. A model that is told the time keeps what held all along and
follows what moved (`models.dating`). Where nothing moved, the time is one more column to mistake
chance for a cause; which of the two it is can be seen on forward folds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.fitting import converted_leads
from models.folds import Fitting, Fold, directions, goes_forward, make_folds
from models.metrics import ERRORS, log_losses, standard_error
from models.recipe import Recipe

Floats = npt.NDArray[np.float64]

_PROBE = Recipe("blend", C=0.05, rounds=80, learning_rate=0.1, leaves=4)
_MOST_ROWS = 12_000


@dataclass(frozen=True)
class Clock:
    """What was decided, and on what grounds.

    Parameters
    ----------
    told : whether the model is told the time.
    without, with_it : log loss on the forward folds; NaN where it was not tried.
    """

    told: bool
    without: float = float("nan")
    with_it: float = float("nan")

    @property
    def note(self) -> str:
        """Say that the company moves, for the report; empty where it does not."""
        if not self.told:
            return ""
        return (
            "This company moves: a model that knows when each snapshot was taken forecasts what "
            f"came later better (log loss {self.with_it:.4f}, without {self.without:.4f}, forward "
            "folds), so this one does, and forecasts as of the newest outcomes."
        )


def choose_clock(training_set: TrainingSet, horizon: int, fitting: Fitting) -> Clock:
    """Decide whether a model is to be told when its snapshots were taken.

    It is where it forecasts better by two standard errors, whole accounts taken together, in most
    folds and in the newest: all leads of a fold share one piece of the company's history, so that
    one lucky fold proves nothing. It is not where time is too short for forward folds, or where
    conversions are too few for trees, which alone can tell what moved for whom.

    Parameters
    ----------
    training_set : snapshots whose label for `horizon` is known.
    horizon : in days.
    fitting : folds, seed, workers, and how much data trees need.
    """
    enough = converted_leads(training_set, horizon) >= fitting.min_boosting
    if not enough or not goes_forward(training_set, horizon, fitting):
        return Clock(told=False)
    without, groups = _losses(training_set, horizon, replace(fitting, clock=False))
    with_it, _ = _losses(training_set, horizon, replace(fitting, clock=True))
    gains = [before - after for before, after in zip(without, with_it, strict=True)]
    if not gains:
        return Clock(told=False)
    gain = np.concatenate(gains)
    proved = gain.sum() > ERRORS * standard_error(gain, groups)
    better = [each.sum() > 0 for each in gains]
    told = bool(proved and better[-1] and 2 * sum(better) > len(better))
    return Clock(told, *(float(np.concatenate(each).mean()) for each in (without, with_it)))


def _losses(
    training_set: TrainingSet, horizon: int, fitting: Fitting
) -> tuple[list[Floats], npt.NDArray[np.object_]]:
    """Return what a model loses on each row of the forward folds, fold by fold, and its account."""
    folds = make_folds(training_set, horizon, fitting, _MOST_ROWS)
    ways = directions(training_set, fitting)

    def losses(fold: Fold) -> Floats:
        model = _PROBE.estimator(fold.categorical, ways, fitting.seed).fit(fold.X, fold.y)
        return log_losses(expit(model.decision_function(fold.X_test)), fold.y_test)

    empty = [np.zeros(0, dtype=object)]
    groups = np.concatenate([*empty, *(fold.groups for fold in folds)])
    return in_parallel(losses, folds, fitting.workers), groups
