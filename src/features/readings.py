"""How features are read off their tracks at a cutoff."""

from __future__ import annotations

import numpy as np

from features.layout import (
    ANY,
    BEST,
    COUNT,
    COUNTED,
    DAY_US,
    DISTINCT,
    FILTER,
    FIRST_OTHER,
    FIRST_ROW,
    GAP_STD,
    LAST,
    LAST_CODE,
    LAST_OTHER,
    LAST_ROW,
    MAX,
    MEAN,
    MISSING,
    NONE,
    SINCE_FIRST,
    SINCE_LAST,
    SUM,
    SUMMED,
    TALLY,
    WINDOW,
    Bytes,
    Codes,
    Floats,
    Ints,
)
from features.scans import leaf, passes

_NAN = np.nan


@leaf
def read(
    occurred: Ints,
    recorded: Ints,
    member: Codes,
    codes: Codes,
    numbers: Ints,
    slots: Ints,
    columns: Ints,
    tables: Bytes,
    tracks: Ints,
    lengths: Ints,
    operations: Ints,
    followed: Ints,
    asked: Ints,
    outputs: Ints,
    scales: Floats,
    standing: Ints,
    tally: Codes,
    of_member: Ints,
    left: Ints,
    since: Ints,
    entered: int,
    as_of: int,
    own: int,
    place: int,
    out: Floats,
) -> None:
    """Read every feature of one snapshot off its track."""
    for feature in range(len(operations)):
        operation, track, column = operations[feature], followed[feature], asked[feature]
        window = tracks[track, WINDOW]
        ever = lengths[window] == 0
        if operation in (COUNT, ANY, SUM, MEAN):
            count, total = standing[track, COUNTED], standing[track, SUMMED]
            if own >= 0:
                count -= of_member[track, own, 0]
                total -= of_member[track, own, 1]
            scale = scales[column] if column >= 0 else 1.0
            value = _of_counts(operation, count, total, scale)
        elif operation == DISTINCT:
            # Where own rows are left out the codes are members, and the own one is hidden.
            line = tracks[track, TALLY]
            hidden = 0 <= own < tally.shape[1] and tally[line, own] > 0
            value = float(standing[track, COUNTED] - hidden)
        elif operation in (LAST, LAST_CODE, SINCE_LAST) or (operation == SINCE_FIRST and ever):
            outermost, other = (FIRST_ROW, FIRST_OTHER) if operation == SINCE_FIRST else (
                LAST_ROW, LAST_OTHER)  # fmt: skip
            row = standing[track, outermost]
            if row >= 0 and member[row] == own:
                row = standing[track, other]
            if row >= 0 and occurred[row] < since[window]:
                row = NONE
            value = _of_row(occurred, codes, numbers, scales, operation, column, row, as_of)
        elif operation == MAX and ever:
            best = standing[track, BEST]
            value = best / scales[column] if best != MISSING else _NAN
        else:
            each = tracks[track, FILTER]
            value = _of_window(
                occurred, recorded, member, codes, numbers, columns, tables, scales,
                operation, column, slots[each], slots[each + 1], left[window], entered, as_of, own,
            )  # fmt: skip
        out[outputs[feature], place] = value


@leaf
def _of_counts(operation: int, count: int, total: int, scale: float) -> float:
    if operation == COUNT:
        return float(count)
    if operation == ANY:
        return 1.0 if count > 0 else 0.0
    if operation == SUM:
        return total / scale
    return total / count / scale if count > 0 else _NAN


@leaf
def _of_row(
    occurred: Ints,
    codes: Codes,
    numbers: Ints,
    scales: Floats,
    operation: int,
    column: int,
    row: int,
    as_of: int,
) -> float:
    """Read what one row says, if there is one."""
    if operation == LAST_CODE:
        return float(codes[column, row]) if row >= 0 else -1.0
    if row < 0:
        return _NAN
    if operation == LAST:
        return numbers[column, row] / scales[column]
    return (as_of - occurred[row]) / DAY_US


@leaf
def _of_window(
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
