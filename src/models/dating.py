"""When a row was seen, as one more column: what a model of a company that moves is told.

A model that knows when each of its snapshots was taken can tell what always held from what holds
now: trees split on the time and on anything else together, a line follows the level. Whoever asks
it later gets the present: the column is held at the newest instant that the model learned from, and
never runs ahead of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

PRESENT = 0.0
"""What the column holds for the newest row that is learned from, and for all that come later."""
_QUARTER_US = 91 * 86_400_000_000


def dated(X: Floats, times: Positions, *, told: bool) -> Floats:
    """Return rows to learn from with their time beside them: quarters before the newest, negative.

    Parameters
    ----------
    X : encoded rows.
    times : when each was seen, in microseconds since 1970.
    told : whether the model is told the time at all; the rows as they are where not.
    """
    return np.column_stack([X, (times - times.max(initial=0)) / _QUARTER_US]) if told else X


def at_present(X: Floats, *, told: bool) -> Floats:
    """Return rows to forecast with the present beside them.

    Parameters
    ----------
    X : encoded rows.
    told : as for `dated`.
    """
    return np.column_stack([X, np.full(len(X), PRESENT)]) if told else X
