"""How many wins a team of a given size reaches, week by week: a figure both teams understand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from features.training_set import TrainingSet
from models.metrics import group_weights

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
NEWEST, FORESIGHT = "newest first", "perfect foresight"
COLUMNS = [
    "order", "per_week", "worked", "wins", "low", "high", "share",
    "margin", "margin_low", "margin_high",
]  # fmt: skip
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

    Each week the leads with a snapshot in it stand in the queue, with their newest one. Beside the
    forecasts stands what teams do without any: the newest leads first.

    Parameters
    ----------
    forecasts : probabilities of the snapshots by name.
    labels : 0 or 1, conversion within the horizon.
    judged : the snapshots.
    capacity : N as a share of the leads in a week's queue, on average.
    seed : of the draws of accounts for the intervals.

    Returns
    -------
    As `captured`.
    """
    rows, week = _newest_of_week(judged.snapshots)
    per_week = max(1, round(capacity * len(rows) / max(len(np.unique(week)), 1)))
    newest = -judged.snapshots["age_days"].to_numpy(dtype=np.float64)
    queue = pd.DataFrame(
        {
            "week": week,
            "lead_id": judged.snapshots["lead_id"].to_numpy()[rows],
            "group": np.asarray(judged.groups)[rows],
            "converted": labels[rows],
        }
    )
    orders = {name: strength[rows] for name, strength in {**forecasts, NEWEST: newest}.items()}
    winnable = judged.snapshots["lead_id"][labels == 1].nunique()
    return captured(queue, orders, per_week=per_week, winnable=winnable, seed=seed)


def captured(
    queue: pd.DataFrame,
    orders: Mapping[str, Floats],
    *,
    per_week: int,
    winnable: int | None = None,
    seed: int = 7,
) -> pd.DataFrame:
    """Count the wins that each order of work reaches, and those that perfect foresight would.

    In each week the strongest N of the leads that stand in the queue are worked, and do not come
    back. A lead that is worked is a win if it converted within the horizon of that week. What
    happened is taken as it was: that a call came earlier does not make a lead convert here.

    Parameters
    ----------
    queue : one row a lead and week that it stood in the queue: ``week`` (whole numbers, rising),
        ``lead_id``, ``group`` (its account) and ``converted`` (0 or 1, within the horizon).
    orders : strength of each row by name, the highest first; of equals the first row.
    per_week : N.
    winnable : leads that could be won at all; those of the queue where missing.
    seed : of the draws of accounts for the intervals.

    Returns
    -------
    One row an order, perfect foresight the last: leads worked ``per_week``, ``worked`` in all, the
    ``wins`` among them with a 95 % interval, their ``share`` of the leads that could be won, and
    the ``margin`` of the first order over this one with its interval, accounts drawn in pairs.
    """
    lead = pd.factorize(queue["lead_id"])[0]
    week, converted = queue["week"].to_numpy(), queue["converted"].to_numpy(dtype=np.float64)
    group, groups = pd.factorize(queue["group"])
    weights = group_weights(np.asarray(groups), _DRAWS, seed)
    chosen = {name: worked(week, lead, strength, per_week) for name, strength in orders.items()}
    chosen[FORESIGHT] = _foreseen(week, lead, converted, per_week)
    if winnable is None:
        winnable = len(np.unique(lead[converted == 1]))
    found, first = [], np.zeros(0)
    for name, rows in chosen.items():
        wins = weights @ np.bincount(group[rows], converted[rows], minlength=len(groups))
        first = first if len(first) else wins
        low, high, *margins = np.quantile(
            [wins[1:], (first - wins)[1:]], [0.025, 0.975], axis=1
        ).T.ravel()
        share = float(wins[0]) / max(winnable, 1)
        margin = int(first[0] - wins[0])
        found.append([name, per_week, len(rows), int(wins[0]), low, high, share, margin, *margins])
    return pd.DataFrame(found, columns=COLUMNS)


def worked(week: npt.NDArray[np.int64], lead: Rows, strength: Floats, per_week: int) -> Rows:
    """Return the rows that are worked when the strongest of each week are, each lead once."""
    done = np.zeros(int(lead.max(initial=-1)) + 1, dtype=bool)
    chosen: list[Rows] = []
    for each in np.unique(week):
        rows = np.flatnonzero(week == each)
        ranked = rows[np.argsort(-strength[rows], kind="stable")]
        fresh = ranked[~done[lead[ranked]]][:per_week]
        done[lead[fresh]] = True
        chosen.append(fresh)
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def _foreseen(week: npt.NDArray[np.int64], lead: Rows, converted: Floats, per_week: int) -> Rows:
    """Return rows of the most leads that convert, N a week at most: nothing reaches more.

    A lead may be worked in several weeks and a week has few places, so the best plan is a maximum
    flow from the weeks to the leads.
    """
    rows = np.flatnonzero(converted == 1)
    if not len(rows):
        return rows
    weeks, day = np.unique(week[rows], return_inverse=True)
    leads, who = np.unique(lead[rows], return_inverse=True)
    start, end = 0, 1 + len(weeks) + len(leads)
    from_week, to_lead = 1 + day, 1 + len(weeks) + who
    tail = [np.full(len(weeks), start), from_week, 1 + len(weeks) + np.arange(len(leads))]
    head = [1 + np.arange(len(weeks)), to_lead, np.full(len(leads), end)]
    room = [np.full(len(weeks), per_week), np.ones(len(rows)), np.ones(len(leads))]
    graph = csr_array(
        (
            np.concatenate(room).astype(np.int32),
            (np.concatenate(tail).astype(np.int32), np.concatenate(head).astype(np.int32)),
        ),
        shape=(end + 1, end + 1),
    )
    flow = maximum_flow(graph, start, end).flow
    used = np.asarray(flow[from_week, to_lead]).ravel() > 0
    return np.asarray(rows[used])


def _newest_of_week(snapshots: pd.DataFrame) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Return the row of the newest snapshot of each lead in each week, by week; and the weeks."""
    as_of = snapshots["as_of"]
    days = (as_of - as_of.min()) // pd.Timedelta(days=1)
    frame = pd.DataFrame({"week": days // 7, "lead": snapshots["lead_id"], "as_of": as_of})
    newest = frame.sort_values("as_of", kind="stable").groupby(["week", "lead"]).tail(1)
    rows = newest.rename_axis("row").reset_index().sort_values(["week", "row"])
    return rows["row"].to_numpy(dtype=np.int64), rows["week"].to_numpy(dtype=np.int64)
