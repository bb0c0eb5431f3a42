"""Features that need no rows: readings of the clock at a cutoff, and ratios of other features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from features.checking import CLOCKS
from features.declaration import Feature
from features.layout import DAY_US
from features.scans import leaf

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_HOUR_US = 3_600_000_000
_AGE, _CREATED_WEEKDAY, _CREATED_HOUR, _WEEKDAY, _MONTH = range(len(CLOCKS))
_THURSDAY = 3  # 1970-01-01, Monday being 0


class Derived:
    """The clocks and ratios among declarations.

    Parameters
    ----------
    features : the declarations.
    lines : the line of the output that each of them fills, by name.
    """

    def __init__(self, features: Sequence[Feature], lines: Mapping[str, int]) -> None:
        clocks = [
            (lines[each.name], CLOCKS.index(str(each.column)))
            for each in features
            if each.source == "timing"
        ]
        ratios = [
            tuple(lines[name] for name in (each.name, *each.of)) for each in features if each.of
        ]
        self._clocks = np.array(clocks, dtype=np.int64).reshape(-1, 2)
        self._ratios = np.array(ratios, dtype=np.int64).reshape(-1, 3)

    def fill(self, out: Floats, created: Ints, as_of: Ints) -> None:
        """Write the lines of the clocks and ratios; those of all other features are there.

        Parameters
        ----------
        out : float64 (lines, snapshots), written in place.
        created, as_of : creation of the lead and cutoff of each snapshot, UTC microseconds.
        """
        _fill(self._clocks, self._ratios, created, as_of, out)


def age_days(created: Ints, as_of: Ints) -> Floats:
    """Return the days from a lead's creation to a cutoff."""
    return (as_of - created) / DAY_US


@njit(cache=True, nogil=True)
def _fill(clocks: Ints, ratios: Ints, created: Ints, as_of: Ints, out: Floats) -> None:
    for each in range(len(clocks)):
        line, clock = clocks[each]
        for place in range(len(as_of)):
            out[line, place] = _read(clock, created[place], as_of[place])
    # A ratio may be one of clocks; a share of nothing is missing.
    for each in range(len(ratios)):
        line, above, below = ratios[each]
        for place in range(len(as_of)):
            part, whole = out[above, place], out[below, place]
            out[line, place] = part / whole if whole != 0.0 else np.nan


@leaf
def _read(clock: int, created: int, as_of: int) -> float:
    if clock == _AGE:
        return (as_of - created) / DAY_US
    if clock == _CREATED_HOUR:
        return float(created % DAY_US // _HOUR_US)
    if clock == _MONTH:
        return float(_month(as_of // DAY_US))
    day = (created if clock == _CREATED_WEEKDAY else as_of) // DAY_US
    return float((day + _THURSDAY) % 7)


@leaf
def _month(day: int) -> int:
    """Return the month, from 1, of a day counted from 1970-01-01."""
    year = 1970
    while day < 0:
        year -= 1
        day += 365 + _leap(year)
    while day >= 365 + _leap(year):
        day -= 365 + _leap(year)
        year += 1
    month = 1
    while True:
        days = 28 + _leap(year) if month == 2 else 30 if month in (4, 6, 9, 11) else 31
        if day < days:
            return month
        day -= days
        month += 1


@leaf
def _leap(year: int) -> int:
    return 1 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 0
