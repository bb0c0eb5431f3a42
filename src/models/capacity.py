"""How many wins a team of a given size reaches, week by week: a figure both teams understand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.training_set import TrainingSet
from models.metrics import group_weights

Floats = npt.NDArray[np.float64]
NEWEST, FORESIGHT = "newest first", "perfect foresight"
COLUMNS = ["order", "per_week", "worked", "wins", "low", "high", "share"]
_DRAWS = 200


def weekly_wins(
    forecasts: Mapping[str, Floats],
    labels: Floats,
    judged: TrainingSet,
    *,
    capacity: float,
    seed: int = 7,
) -> pd.DataFrame:
    """Count the wins among the leads that sales reaches when it works the best N each week.

    Each week the leads with a snapshot in it stand in the queue, with their newest one; N of them
    are worked and do not come back. Beside the forecasts stand what teams do without any, the
    newest leads first, and what could be done with perfect foresight.

    Parameters
    ----------
    forecasts : probabilities of the snapshots by name.
    labels : 0 or 1, conversion within the horizon.
    judged : the snapshots.
    capacity : N as a share of the leads in a week's queue, on average.
    seed : of the draws of accounts for the intervals.

    Returns
    -------
    One row an order: leads worked ``per_week``, in all, the ``wins`` among them with a 95 %
    interval, and their ``share`` of all leads that were won.
    """
    queue = _queue(judged)
    leads = judged.snapshots["lead_id"].to_numpy()
    weeks = queue["week"].nunique()
    per_week = max(1, round(capacity * len(queue) / max(weeks, 1)))
    newest = -judged.snapshots["age_days"].to_numpy(dtype=np.float64)
    orders = {**forecasts, NEWEST: newest, FORESIGHT: labels}
    weights = group_weights(np.asarray(judged.groups), _DRAWS, seed)
    winnable = pd.Series(leads)[labels == 1].nunique()
    rows = []
    for name, strength in orders.items():
        worked = _worked(queue, np.asarray(strength), leads, per_week)
        wins = weights[:, worked] @ labels[worked]
        low, high = np.quantile(wins[1:], [0.025, 0.975])
        share = float(wins[0]) / max(winnable, 1)
        rows.append([name, per_week, len(worked), int(wins[0]), low, high, share])
    return pd.DataFrame(rows, columns=COLUMNS)


def _queue(judged: TrainingSet) -> pd.DataFrame:
    """Return the newest snapshot of each lead in each week, by row number."""
    as_of = judged.snapshots["as_of"]
    days = (as_of - as_of.min()) // pd.Timedelta(days=1)
    frame = pd.DataFrame(
        {"week": days // 7, "lead": judged.snapshots["lead_id"], "as_of": as_of}
    ).rename_axis("row")
    newest = frame.sort_values("as_of", kind="stable").groupby(["week", "lead"]).tail(1)
    return newest.reset_index().sort_values(["week", "row"], ignore_index=True)


def _worked(
    queue: pd.DataFrame, strength: Floats, leads: npt.NDArray[np.object_], per_week: int
) -> npt.NDArray[np.int64]:
    """Return the rows that are worked when the strongest of each week are."""
    done: set[object] = set()
    chosen: list[int] = []
    for _, week in queue.groupby("week"):
        rows = week["row"].to_numpy()
        ranked = rows[np.argsort(-strength[rows], kind="stable")]
        fresh = [int(row) for row in ranked if leads[row] not in done][:per_week]
        done.update(leads[row] for row in fresh)
        chosen += fresh
    return np.array(chosen, dtype=np.int64)
