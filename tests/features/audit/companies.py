"""Small companies with and without a planted leak."""

from __future__ import annotations

import numpy as np
import pandas as pd

from history import History

START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
LEADS = 1200


def company(**planted: object) -> History:
    """Return a company of 1,200 leads of a year, 30 % of them won and 30 % lost after a month.

    Parameters
    ----------
    planted : further columns of the leads, by name: arrays, or functions of the leads' frame
        (with ``won`` and ``closed``) and a random generator.
    """
    random = np.random.default_rng(5)
    created = START + pd.to_timedelta(np.sort(random.integers(0, 365 * 86_400, LEADS)), unit="s")
    fate = random.choice(["won", "lost", "open"], LEADS, p=[0.3, 0.3, 0.4])
    leads = pd.DataFrame(
        {
            "lead_id": [f"lead {number:04d}" for number in range(LEADS)],
            "created_at": created,
            "account_id": [f"account {number // 3}" for number in range(LEADS)],
            "source": random.choice(["web", "fair", "partner"], LEADS),
            "budget": np.where(random.random(LEADS) < 0.2, np.nan, random.lognormal(3, 1, LEADS)),
        }
    )
    view = leads.assign(won=fate == "won", closed=fate != "open")
    for name, column in planted.items():
        leads[name] = column(view, random) if callable(column) else column
    closed = view["closed"].to_numpy()
    outcomes = pd.DataFrame(
        {
            "outcome_id": [f"outcome {number}" for number in range(int(closed.sum()))],
            "lead_id": leads.loc[closed, "lead_id"].to_numpy(),
            "occurred_at": leads.loc[closed, "created_at"].to_numpy() + pd.Timedelta(days=30),
            "stage": fate[closed],
        }
    )
    outcomes["occurred_at"] = pd.to_datetime(outcomes["occurred_at"], utc=True)
    engagements = pd.DataFrame(
        {
            "engagement_id": [f"visit {number}" for number in range(LEADS)],
            "lead_id": leads["lead_id"],
            "occurred_at": leads["created_at"] + pd.Timedelta(days=1),
            "kind": "visit",
        }
    )
    frames = {"leads": leads, "outcomes": outcomes, "engagements": engagements}
    return History.from_frames(frames, observed_until=START + pd.Timedelta(days=420))
