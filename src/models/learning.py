"""What more data would bring: the same recipe, fitted to ever more of the past."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.dating import at_present, dated
from models.fitting import converted_leads
from models.folds import Fitting, directions, encoder_for
from models.metrics import figures
from models.recipe import Buildable
from models.splits import instants

COLUMNS = ["share", "leads", "conversions", "log_loss", "auc"]
SHARES = (0.125, 0.25, 0.5, 1.0)
_MOST_ROWS, _FEWEST_WINS = 20_000, 10


def learning_curve(
    past: TrainingSet, test: TrainingSet, recipe: Buildable, fitting: Fitting
) -> pd.DataFrame:
    """Return held-out figures of a recipe fitted to an eighth, a quarter, a half and all accounts.

    Where the curve still falls, more data would help; where it is flat, better features would.

    Parameters
    ----------
    past : snapshots to learn from, whose label for the last horizon is known.
    test : snapshots to judge on.
    recipe : what to fit; nothing is calibrated.
    fitting : the seed and how much data a fit needs.

    Returns
    -------
    One row a share of the accounts: ``leads`` and ``conversions`` in it, ``log_loss`` and ``auc``
    on the test snapshots; shares with too few conversions are left out.
    """
    horizon = past.horizons[-1]
    known = test.labels[horizon].notna().to_numpy()
    y = test.labels[horizon].to_numpy(dtype=np.float64)[known]
    if not 0 < y.sum() < len(y):
        return pd.DataFrame(columns=COLUMNS)
    asked = test.take(known)

    def judged(one: tuple[float, TrainingSet]) -> list[float] | None:
        share, part = one
        wins = converted_leads(part, horizon)
        if wins < _FEWEST_WINS:
            return None
        losses = _judged(part, asked, y, recipe, fitting)
        return [share, part.snapshots["lead_id"].nunique(), wins, *losses]

    # The largest takes as long as all the others, so that it begins first.
    parts = list(zip(SHARES, _nested(past, fitting.seed), strict=True))[::-1]
    rows = [row for row in in_parallel(judged, parts, fitting.workers) if row is not None]
    return pd.DataFrame(rows[::-1], columns=COLUMNS)


def _nested(past: TrainingSet, seed: int) -> list[TrainingSet]:
    """Return parts of whole accounts, each within the next."""
    names, codes = np.unique(np.asarray(past.groups).astype(str), return_inverse=True)
    place = np.random.default_rng(seed).permutation(len(names))[codes]
    return [past.take(place < np.ceil(share * len(names))) for share in SHARES]


def _judged(
    part: TrainingSet,
    asked: TrainingSet,
    y: npt.NDArray[np.float64],
    recipe: Buildable,
    fitting: Fitting,
) -> tuple[float, float]:
    rng = np.random.default_rng(fitting.seed)
    if len(part) > _MOST_ROWS:
        part = part.take(np.sort(rng.choice(len(part), _MOST_ROWS, replace=False)))
    encoder = encoder_for(part).fit(part.values)
    labels = part.labels[part.horizons[-1]].to_numpy(dtype=np.float64)
    X = dated(encoder.transform(part.values), instants(part), told=fitting.clock)
    X_test = at_present(encoder.transform(asked.values), told=fitting.clock)
    estimator = recipe.estimator(tuple(encoder.levels_), directions(part, fitting), fitting.seed)
    p = expit(estimator.fit(X, labels).decision_function(X_test))
    found = figures(p, y, np.ones((1, len(y))), 0.1)
    return float(found["log_loss"][0]), float(found["auc"][0])
