"""The last quarter, as the scores would have seen it at the start of each week."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment.handoff import WORKED
from alignment.qualification import drawn
from features import FeatureEngine
from features.snapshots import is_open
from history import History
from models import ConversionModel

Floats = npt.NDArray[np.float64]
WEEKS = 13
_MOST_SNAPSHOTS = 150_000


def weekly(
    engine: FeatureEngine, model: ConversionModel, now: pd.Timestamp, weeks: int = WEEKS
) -> tuple[Floats, pd.Series, float]:
    """Score, at the start of each of the last weeks, the leads that sales did not have then.

    Parameters
    ----------
    engine : computes the features of `model` over the history.
    model : to score with.
    now : the end of the last week.
    weeks : how many.

    Returns
    -------
    Probabilities, shape (leads, weeks), oldest week first, NaN where a lead could not cross; the
    leads; and the share of all leads that it was computed for.
    """
    history = engine.history
    leads = history.leads["lead_id"].astype("str")
    share = min(1.0, _MOST_SNAPSHOTS / max(1, len(leads) * weeks))
    chosen = leads[drawn(leads, share, "quarter")] if share < 1.0 else leads
    chosen = chosen.reset_index(drop=True)
    starts = [now - pd.Timedelta(weeks=back) for back in range(weeks, 0, -1)]
    table = np.full((len(chosen), weeks), np.nan)
    created = chosen.map(history.leads.set_index("lead_id")["created_at"])
    parts = []
    for week, start in enumerate(starts):
        there = (created < start).to_numpy()
        parts.append(pd.DataFrame({"lead": np.flatnonzero(there), "as_of": start, "week": week}))
    rows = pd.concat(parts, ignore_index=True)
    rows["as_of"] = rows["as_of"].astype("datetime64[us, UTC]")
    rows["lead_id"] = chosen.to_numpy()[rows["lead"]]
    snapshots = rows[["lead_id", "as_of"]]
    if len(snapshots):
        free = is_open(history, snapshots) & ~_with_sales(history, snapshots)
        rows, snapshots = rows[free], snapshots[free].reset_index(drop=True)
    if len(snapshots):
        matrix = engine.compute(snapshots)
        table[rows["lead"], rows["week"]] = model.probabilities(matrix.values)[:, -1]
    return table, chosen, share


def _with_sales(history: History, snapshots: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell for each snapshot whether the last stage that was recorded by then is one of sales."""
    known = history.outcomes[["lead_id", "recorded_at", "stage"]].copy()
    known["lead_id"] = known["lead_id"].astype("str")
    asked = snapshots.assign(lead_id=snapshots["lead_id"].astype("str")).reset_index()
    found = pd.merge_asof(
        asked.sort_values("as_of", kind="stable"),
        known.sort_values("recorded_at", kind="stable"),
        left_on="as_of",
        right_on="recorded_at",
        by="lead_id",
        allow_exact_matches=False,
    ).sort_values("index")
    return np.asarray(found["stage"].astype(object).isin(WORKED))
