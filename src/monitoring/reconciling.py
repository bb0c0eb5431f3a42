"""Early estimates beside the truth that took their place, so that one knows what they are worth.

A history knows when each of its rows was recorded. The estimate that could be made of a cohort a
month after it was scored can therefore be made again, to the last digit, when the truth is there:
nothing has to be kept for it.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from history import History
from monitoring.outcomes import cohort_of, early_estimates

COLUMNS = [
    "as_of", "scored", "promised", "estimated_at", "so_far", "estimate", "low", "high",
    "realised", "held",
]  # fmt: skip
_EARLY = 1 / 3
_NEWEST = 12


def reconcile(
    scores: pd.DataFrame,
    history: History,
    now: pd.Timestamp,
    *,
    horizon: int,
    target: str = "won",
) -> pd.DataFrame:
    """Set the early estimates of mature cohorts beside what came of them.

    Parameters
    ----------
    scores, history, now, horizon, target : as for `monitoring.compare_promises`.

    Returns
    -------
    One row for each of the dozen newest mature cohorts: ``as_of``, ``scored``, ``promised``;
    ``estimated_at``, a third of the horizon after its last score; ``so_far``, ``estimate``, ``low``
    and ``high`` as they stood then; ``realised``; ``held``, whether the truth lay within. Cohorts
    of which nothing could be said so early, since none was mature then, are left out.
    """
    # Estimates look at leads and outcomes; each of them asks for the history as of another day.
    slim = replace(history, engagements=history.engagements.iloc[:0])
    today = early_estimates(scores, slim, now, horizon=horizon, target=target)
    last = scores.groupby(cohort_of(scores).rename("cohort"), observed=True)["as_of"].max()
    rows = []
    for came in today[today["mature"].to_numpy(bool)].tail(_NEWEST).to_dict("records"):
        day = last[came["as_of"]] + pd.Timedelta(days=horizon * _EARLY)
        then = early_estimates(scores, slim, day, horizon=horizon, target=target)
        told = then[(then["as_of"] == came["as_of"]).to_numpy() & ~then["mature"].to_numpy(bool)]
        for early in told.to_dict("records"):
            truth = {"estimated_at": day, "realised": came["so_far"]}
            held = bool(early["low"] <= came["so_far"] <= early["high"])
            rows.append({**early, **truth, "held": held})
    return pd.DataFrame(rows, columns=COLUMNS)
