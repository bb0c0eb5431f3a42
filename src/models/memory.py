"""How far back it pays to learn from.

What happened two years ago tells of the company of two years ago. Where campaigns, prices or the
load of the sales team moved since, old outcomes make forecasts of new ones worse, above all too
high or too low; where nothing moved, leaving them out costs precision. Which of the two it is can
be seen on forward folds, by the same model fitted to all of the past and to its newest part alone.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from models.splits import instants, recent

Floats = npt.NDArray[np.float64]

MEMORIES = (365, 180, 90)
"""Days that are tried, longest first: a year, half a year, a quarter."""
_PROBE = Recipe("blend", C=0.05, rounds=80, learning_rate=0.1, leaves=4)
_MOST_ROWS = 12_000


@dataclass(frozen=True)
class Memory:
    """What was chosen, and on what grounds.

    Parameters
    ----------
    days : how far back to learn from; all of the past where None.
    losses : log loss on the forward folds by days tried, None standing for all of the past.
    """

    days: int | None
    losses: Mapping[int | None, float]

    @property
    def note(self) -> str:
        """Say what was left out and why, for the report; empty where nothing was."""
        if self.days is None:
            return ""
        return (
            f"The model learns from the newest {self.days} days of known outcomes alone: with all "
            f"of the past it forecasts what came later worse (log loss {self.losses[None]:.4f}, "
            f"without {self.losses[self.days]:.4f}, forward folds)."
        )


def choose_memory(training_set: TrainingSet, horizon: int, fitting: Fitting) -> Memory:
    """Return how far back a model should learn from.

    A shorter memory takes the place of a longer one only where it is better by two standard errors,
    whole accounts taken together, and where it holds twice the conversions that trees need. All of
    the past is kept where time is too short for forward folds: nothing else shows what is past.

    Parameters
    ----------
    training_set : snapshots whose label for `horizon` is known.
    horizon : in days.
    fitting : folds, seed, workers, and how much data trees need.
    """
    tried = [days for days in MEMORIES if _suffices(training_set, horizon, fitting, days)]
    if not tried or not goes_forward(training_set, horizon, fitting):
        return Memory(None, {})
    losses, groups = _losses(training_set, horizon, fitting, None)
    found: dict[int | None, Floats] = {None: losses}
    chosen = None
    for days in tried:
        losses, judged = _losses(training_set, horizon, fitting, days)
        if len(judged) != len(groups):  # a fold had nothing to learn from
            continue
        found[days] = losses
        gain = found[chosen] - losses
        if gain.sum() > ERRORS * standard_error(gain, groups):
            chosen = days
    return Memory(chosen, {days: float(loss.mean()) for days, loss in found.items()})


def _losses(
    training_set: TrainingSet, horizon: int, fitting: Fitting, days: int | None
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Return what a model of that memory loses on each row of the forward folds, and its account.

    The rows are the same for all memories.
    """
    folds = make_folds(training_set, horizon, replace(fitting, memory_days=days), _MOST_ROWS)
    ways = directions(training_set)

    def losses(fold: Fold) -> Floats:
        model = _PROBE.estimator(fold.categorical, ways, fitting.seed).fit(fold.X, fold.y)
        return log_losses(expit(model.decision_function(fold.X_test)), fold.y_test)

    found = in_parallel(losses, folds, fitting.workers)
    empty = [np.zeros(0, dtype=object)]
    groups = np.concatenate([*empty, *(fold.groups for fold in folds)])
    return np.concatenate([np.zeros(0), *found]), groups


def _suffices(training_set: TrainingSet, horizon: int, fitting: Fitting, days: int) -> bool:
    """Tell whether a memory leaves something out, and holds enough to learn from."""
    everything = np.ones(len(training_set), dtype=np.bool_)
    held = recent(instants(training_set), everything, days)
    if held.all():
        return False
    return converted_leads(training_set, horizon, held) >= 2 * fitting.min_boosting
