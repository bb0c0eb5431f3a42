"""How well a recipe forecasts one fold, for many numbers of rounds at once."""

from __future__ import annotations

from functools import cached_property

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.folds import Fold
from models.metrics import log_losses
from models.recipe import Recipe

Floats = npt.NDArray[np.float64]

_CHECKPOINTS = 20
_PATIENCE = 40


class FoldObjective:
    """A fold whose rows are binned once and judged often.

    Parameters
    ----------
    fold : the encoded fold.
    ways : declared direction of each column.
    seed : of LightGBM.
    """

    def __init__(self, fold: Fold, ways: tuple[int, ...], seed: int) -> None:
        self.fold, self.ways, self.seed = fold, ways, seed
        blank = Recipe().boosting(fold.categorical, ways, seed)
        self.train = blank.dataset(fold.X, fold.y)
        self.test = blank.dataset(fold.X_test, fold.y_test, self.train)

    @cached_property
    def gain_shares(self) -> Floats:
        """What each column gained in the first look that all trials with a focus share."""
        blank = Recipe().boosting(self.fold.categorical, self.ways, self.seed)
        return blank.gain_shares(self.train, len(self.fold.y))

    def losses(self, recipe: Recipe) -> Floats:
        """Return the log loss for each number of rounds, one entry for a logistic regression."""
        fold = self.fold
        if recipe.kind == "logistic":
            model = recipe.linear(fold.categorical).fit(fold.X, fold.y)
            staged = [model.decision_function(fold.X_test)]
        else:
            staged = self._staged(recipe)
        return np.array([log_losses(expit(each), fold.y_test).mean() for each in staged])

    def _staged(self, recipe: Recipe) -> list[Floats]:
        """Log-odds of a fold's test rows after each stride of rounds; the last one repeats."""
        fold = self.fold
        boosting = recipe.boosting(fold.categorical, self.ways, self.seed)
        shares = self.gain_shares if recipe.focus else None
        booster = lgb.train(
            boosting.parameters(len(fold.y), shares) | {"metric": "binary_logloss"},
            self.train,
            recipe.rounds,
            valid_sets=[self.test],
            callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
        )
        step, total, stages = stride(recipe), np.zeros(len(fold.y_test)), []
        for start in range(0, _CHECKPOINTS * step, step):
            if start < booster.current_iteration():
                total = total + booster.predict(
                    fold.X_test, start_iteration=start, num_iteration=step, raw_score=True
                )
            stages.append(total)
        return stages


def most_rounds(recipe: Recipe) -> int:
    """Return how many rounds are tried at most: the slower the learning, the more."""
    return int(np.clip(20 / recipe.learning_rate, 100, 600))


def stride(recipe: Recipe) -> int:
    """Return the distance of the numbers of rounds that are compared."""
    return most_rounds(recipe) // _CHECKPOINTS
