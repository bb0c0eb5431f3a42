"""What the kernel must know of single rows: which pass a filter, come late, share a day."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numba import njit

from features.layout import Bytes, Codes, Ints

leaf: Any = cast(Any, njit)(cache=True, nogil=True, _nrt=False)
"""For functions that allocate nothing: without counting the references of every array that crosses
a call, which took four times as long as the work itself."""


@leaf
def passes(codes: Codes, columns: Ints, tables: Bytes, first: int, last: int, row: int) -> bool:
    """Tell whether a row holds the conditions from `first` to before `last`."""
    for condition in range(first, last):
        code = codes[columns[condition], row]
        # Codes beyond the table are values that no filter names.
        if code < 0 or tables[condition, min(code, tables.shape[1] - 1)] == 0:
            return False
    return True


@njit(cache=True, nogil=True)
def late_rows(occurred: Ints, recorded: Ints, begin: int, end: int) -> Ints:
    """Return the rows that were recorded after they occurred, in the order of their recording."""
    late = 0
    for row in range(begin, end):
        late += recorded[row] > occurred[row]
    found = np.empty(late, np.int64)
    if late == 0:
        return found
    at = np.empty(late, np.int64)
    late = 0
    for row in range(begin, end):
        if recorded[row] > occurred[row]:
            found[late], at[late] = row, recorded[row]
            late += 1
    return found[np.argsort(at)]


@leaf
def number_days(occurred: Ints, days: Codes, begin: int, end: int, day_us: int) -> None:
    """Give numbers to the UTC days of a group's rows, from 0."""
    day = 0
    for row in range(begin, end):
        if row > begin and occurred[row] // day_us != occurred[row - 1] // day_us:
            day += 1
        days[row] = day
