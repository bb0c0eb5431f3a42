"""What may go wrong with a company from a day on, to be planted into a history.

A monitor proves itself on a change whose day and nature are known.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from history.history import History


def channel_dies(history: History, day: pd.Timestamp, channel: str) -> History:
    """Drop every engagement of a channel from a day on."""
    rows = history.engagements
    gone = (rows["channel"].astype("str") == channel) & (rows["occurred_at"] >= day)
    return replace(history, engagements=rows[~gone.to_numpy()].reset_index(drop=True))


def kind_dies(history: History, day: pd.Timestamp, kind: str) -> History:
    """Drop every engagement of a kind from a day on; its channel goes on."""
    rows = history.engagements
    gone = (rows["kind"].astype("str") == kind) & (rows["occurred_at"] >= day)
    return replace(history, engagements=rows[~gone.to_numpy()].reset_index(drop=True))


def clock_moves(history: History, day: pd.Timestamp, channel: str, hours: int = 8) -> History:
    """Put a channel's times earlier from a day on, as a source does that leaves its zone out."""
    rows = history.engagements.copy()
    moved = ((rows["channel"].astype("str") == channel) & (rows["occurred_at"] >= day)).to_numpy()
    rows.loc[moved, "occurred_at"] -= pd.Timedelta(hours=hours)
    return replace(history, engagements=rows)


def field_stops(history: History, day: pd.Timestamp, field: str) -> History:
    """Empty a field of the leads that come in from a day on."""
    leads = history.leads.copy()
    leads.loc[leads["created_at"] >= day, field] = np.nan
    return replace(history, leads=leads)


def fewer_wins(history: History, day: pd.Timestamp, seed: int = 1, share: float = 1 / 3) -> History:
    """Turn a share of the wins, one in three, into losses from a day on."""
    rows = history.outcomes.copy()
    rows["stage"] = rows["stage"].astype("str")
    won = (rows["stage"] == "won") & (rows["occurred_at"] >= day)
    lost = won.to_numpy() & (np.random.default_rng(seed).random(len(rows)) < share)
    rows.loc[lost, "stage"] = "lost"
    return replace(history, outcomes=rows)


def flood(history: History, day: pd.Timestamp, source: str, times: int = 3) -> History:
    """Let a source bring `times` as many leads from a day on; the new ones never engage."""
    leads = history.leads
    mine = leads[(leads["source"].astype("str") == source) & (leads["created_at"] >= day)]
    copies = [
        mine.assign(lead_id=mine["lead_id"] + f"-{number}", account_id=None)
        for number in range(1, times)
    ]
    return replace(history, leads=pd.concat([leads, *copies], ignore_index=True))
