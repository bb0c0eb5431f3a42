"""When a conversion is to be expected, and when to give up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.compute import compute_features
from history import History
from models.conversion import ConversionModel
from models.errors import ModelError

Floats = npt.NDArray[np.float64]


def expected_days(probabilities: Floats, horizons: Sequence[int]) -> Floats:
    """Return the day by which half of the conversions to be expected have come.

    Given that a lead converts within the last horizon at all: the median of its time, conversions
    being spread evenly between one horizon and the next.

    Parameters
    ----------
    probabilities : of conversion within each horizon, shape (rows, horizons), not falling.
    horizons : in days, rising.

    Returns
    -------
    Days from the snapshot, NaN where the probability is nothing.
    """
    ends = np.concatenate([[0.0], np.asarray(horizons, dtype=np.float64)])
    reached = np.column_stack([np.zeros(len(probabilities)), probabilities])
    found = np.full(len(probabilities), np.nan)
    for row, line in enumerate(reached):
        half = line[-1] / 2
        if half > 0:
            place = int(np.searchsorted(line, half, side="left"))
            share = (half - line[place - 1]) / (line[place] - line[place - 1])
            found[row] = ends[place - 1] + share * (ends[place] - ends[place - 1])
    return found


def give_up_days(
    model: ConversionModel,
    history: History,
    snapshots: pd.DataFrame,
    *,
    floors: Sequence[float],
    step_days: int = 7,
    most_days: int = 182,
) -> Floats:
    """Return after how many days of silence each lead is no longer worth the work.

    The same model looks at the same leads on later days on which nothing more was heard of them.

    Parameters
    ----------
    model : a conversion model.
    history : what is known today.
    snapshots : ``lead_id`` and ``as_of`` (UTC): from when on silence is supposed.
    floors : a lead is worth the work while its probability within the last horizon is at least
        this: what working it costs, divided by what a win is worth.
    step_days, most_days : how finely and how far to look ahead.

    Returns
    -------
    Days from the snapshot to the first look at which the probability is below the floor, and stays
    there, shape (rows, floors); 0 where it is already, NaN where it is not within `most_days`.

    Raises
    ------
    ModelError : a floor is no probability, or the steps lead nowhere.
    """
    for floor in floors:
        if not 0 < floor < 1:
            raise ModelError(f"the floor is {floor}; expected a probability between 0 and 1")
    if not 0 < step_days <= most_days:
        raise ModelError(f"cannot look {most_days} days ahead in steps of {step_days}")
    ahead = np.arange(0, most_days + 1, step_days)
    p = np.empty((len(snapshots), len(ahead)))
    for as_of in snapshots["as_of"].unique():
        rows = np.flatnonzero(snapshots["as_of"] == as_of)
        silent = history.known_before(as_of)
        p[rows] = _probabilities_ahead(model, silent, snapshots.iloc[rows], ahead)
    # The last look at which it was worth it decides: a dip that mends is no reason to give up.
    worth = p[:, :, None] >= np.asarray(floors)
    last = np.where(worth.any(axis=1), len(ahead) - 1 - worth[:, ::-1].argmax(axis=1), -1)
    return np.append(ahead, np.nan).astype(np.float64)[last + 1]


def _probabilities_ahead(
    model: ConversionModel,
    history: History,
    snapshots: pd.DataFrame,
    ahead: npt.NDArray[np.int64],
) -> Floats:
    """Return the last horizon's probabilities so many days later, shape (rows, days)."""
    later = snapshots[["lead_id", "as_of"]].loc[snapshots.index.repeat(len(ahead))]
    shift = pd.to_timedelta(np.tile(ahead, len(snapshots)), unit="D")
    later = later.assign(as_of=later["as_of"] + shift).reset_index(drop=True)
    values = compute_features(history, later, model.features).values
    return model.probabilities(values)[:, -1].reshape(len(snapshots), len(ahead))
