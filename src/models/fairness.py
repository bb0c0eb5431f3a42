"""How a model treats declared groups of people: who is put forward, and whose promise is kept.

Two questions that cannot both be answered with yes where base rates differ (Kleinberg,
Mullainathan and Raghavan, Inherent Trade-Offs in the Fair Determination of Risk Scores, 2016): does
a probability mean the same in every group, and are the groups put forward equally often? The table
shows both, and of those who converted, how many were put forward. Which matters is for people to
say.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.metrics import group_weights

Floats = npt.NDArray[np.float64]
COLUMNS = [
    "by", "value", "leads", "n", "conversions", "promised", "observed", "low", "high",
    "forward", "reached", "ratio", "ratio_low", "ratio_high", "enough", "differs",
]  # fmt: skip
FOUR_FIFTHS = 0.8
"""A group that is put forward less than four fifths as often as the one put forward most is worth
a look: a rule of thumb of employment law (29 CFR 1607.4 D), not a proof of anything."""
_FEWEST, _DRAWS = 100, 200
MISSING = "(missing)"


def fairness(
    probabilities: Floats,
    labels: Floats,
    snapshots: pd.DataFrame,
    accounts: npt.NDArray[np.object_],
    groups: Mapping[str, pd.Series],
    *,
    capacity: float,
    seed: int = 7,
) -> pd.DataFrame:
    """Compare groups on snapshots that the model had not seen.

    Parameters
    ----------
    probabilities, labels : of the snapshots, labels 0 or 1.
    snapshots : frame with ``lead_id``, same rows.
    accounts : account of each, or the lead itself; drawn whole for the intervals.
    groups : a column for each way of grouping, by the field's name; missing values are a group.
    capacity : share of the snapshots that is put forward, the best.
    seed : of the draws.

    Returns
    -------
    One row a group: ``by``, ``value``, ``leads``, snapshots ``n``, ``conversions``, mean
    ``promised``, share ``observed`` with its 95 % interval (``low``, ``high``), share that is put
    ``forward``, the same among those that converted (``reached``), ``ratio`` of ``forward`` to that
    of the group put forward most with its 95 % interval (``ratio_low``, ``ratio_high``), whether
    there is ``enough`` to say so, a hundred leads, and whether it ``differs``: is below four
    fifths, by more than chance. Groups with less are left out of the comparison.
    """
    count = max(1, round(capacity * len(probabilities)))
    put = np.zeros(len(probabilities), dtype=bool)
    put[np.argsort(-probabilities, kind="stable")[:count]] = True
    weights = group_weights(np.asarray(accounts), _DRAWS, seed)
    parts = []
    for by, column in groups.items():
        values = column.astype(object).where(column.notna(), MISSING).astype(str).to_numpy()
        names = sorted(set(values))
        rows = [
            _row(by, value, values == value, probabilities, labels, put, snapshots, weights)
            for value in names
        ]
        part = pd.DataFrame(rows, columns=COLUMNS)
        shares = {name: _shares(weights, values == name, put) for name in names}
        parts.append(_compared(part, shares).sort_values("leads", ascending=False, kind="stable"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _shares(weights: Floats, mine: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> Floats:
    """Return a share of a group, in the sample and in every draw; NaN where nobody was drawn."""
    sizes = weights[:, mine].sum(axis=1)
    found = np.full(len(weights), np.nan)
    np.divide(weights[:, mine] @ of[mine].astype(float), sizes, out=found, where=sizes > 0)
    return found


def _compared(part: pd.DataFrame, shares: Mapping[str, Floats]) -> pd.DataFrame:
    """Put every group beside the one that is put forward most."""
    enough = part[part["enough"] & (part["forward"] > 0)]
    part = part.assign(differs=False)
    if enough.empty:
        return part
    most = shares[str(enough.sort_values("forward", kind="stable")["value"].iloc[-1])]
    for row in np.flatnonzero(part["enough"]).tolist():
        ratios = shares[str(part.loc[row, "value"])] / np.where(most > 0, most, np.nan)
        low, high = np.nanquantile(ratios[1:], [0.025, 0.975])
        part.loc[row, ["ratio", "ratio_low", "ratio_high"]] = ratios[0], low, high
        part.loc[row, "differs"] = bool(ratios[0] < FOUR_FIFTHS and high < 1.0)
    return part


def _row(
    by: str,
    value: str,
    mine: npt.NDArray[np.bool_],
    probabilities: Floats,
    labels: Floats,
    put: npt.NDArray[np.bool_],
    snapshots: pd.DataFrame,
    weights: Floats,
) -> list[object]:
    leads, won = int(snapshots["lead_id"][mine].nunique()), mine & (labels == 1)
    low, high = np.nanquantile(_shares(weights, mine, labels == 1)[1:], [0.025, 0.975])
    reached = float(put[won].mean()) if won.any() else np.nan
    return [
        by, value, leads, int(mine.sum()), int(won.sum()), float(probabilities[mine].mean()),
        float(labels[mine].mean()), float(low), float(high), float(put[mine].mean()), reached,
        np.nan, np.nan, np.nan, leads >= _FEWEST, False,
    ]  # fmt: skip
