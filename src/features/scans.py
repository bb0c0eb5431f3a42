"""What the kernel must look at row by row: conditions, late rows, days, and windows that no
running integer can answer for."""

from __future__ import annotations

import numpy as np
from numba import njit

from features.layout import (
    DAY_US,
    GAP_STD,
    MAX,
    MISSING,
    SINCE_FIRST,
    Bytes,
    Codes,
    Floats,
    Ints,
)

_NAN = np.nan


@njit(cache=True, nogil=True)
def passes(codes: Codes, columns: Ints, tables: Bytes, first: int, last: int, row: int) -> bool:
    """Tell whether a row holds the conditions from `first` to before `last`."""
    for condition in range(first, last):
        code = codes[columns[condition], row]
        # Codes beyond the table are values that no filter names.
        if code < 0 or tables[condition, min(code, tables.shape[1] - 1)] == 0:
            return False
    return True


@njit(cache=True, nogil=True)
def of_window(
    occurred: Ints,
    recorded: Ints,
    member: Codes,
    codes: Codes,
    numbers: Ints,
    columns: Ints,
    tables: Bytes,
    scales: Floats,
    operation: int,
    column: int,
    first: int,
    last: int,
    begin: int,
    end: int,
    as_of: int,
    own: int,
) -> float:
    """Compute a feature from the rows of a window, from `begin` to before `end`.

    Those count that were recorded before the cutoff, are not one's own and hold the conditions
    from `first` to before `last`. Gaps are whole seconds; the sum of their squares is at most
    the square of the whole span, which fits 63 bits for any span below 96 years.
    """
    best, found, total, squares, previous, started = MISSING, 0, 0, 0, 0, False
    for row in range(begin, end):
        if recorded[row] >= as_of or (own >= 0 and member[row] == own):
            continue
        if not passes(codes, columns, tables, first, last, row):
            continue
        if operation == SINCE_FIRST:
            return (as_of - occurred[row]) / DAY_US
        if operation == MAX:
            best = max(best, numbers[column, row])
            continue
        second = occurred[row] // 1_000_000
        if started:
            found += 1
            total += second - previous
            squares += (second - previous) * (second - previous)
        previous, started = second, True
    if operation == MAX and best != MISSING:
        return best / scales[column]
    if found < 1 or (operation == GAP_STD and found < 2):
        return _NAN
    mean = total / found
    if operation != GAP_STD:
        return mean / 86400.0
    return np.sqrt(max(0.0, squares / found - mean * mean)) / 86400.0


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


@njit(cache=True, nogil=True)
def number_days(occurred: Ints, days: Codes, begin: int, end: int, day_us: int) -> None:
    """Number the UTC days of a group's rows, from 0."""
    day = 0
    for row in range(begin, end):
        if row > begin and occurred[row] // day_us != occurred[row - 1] // day_us:
            day += 1
        days[row] = day
