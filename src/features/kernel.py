"""The one computation: aggregates of what was known before a cutoff.

A log is a set of rows sorted by (group, occurred). A snapshot is (group, as_of). For every
snapshot and every declared aggregate the kernel looks at the rows of the snapshot's group with

    as_of - window <= occurred < as_of   and   recorded < as_of

which may be one group and one snapshot (a request) or a million (a training set): the same
machine code runs, and every accumulation is an integer, so the results are equal to the last bit.

How: the rows of a group that pass a filter are compacted once, with prefix sums, and every
window is then a difference of two prefixes. Rows that arrived late (occurred before the cutoff,
recorded after) are taken out again by walking back from the cutoff for as long as the running
maximum of `recorded` says that there may be any. Distinct counts slide over the snapshots of a
group in time, so that none of this is quadratic.
"""

from __future__ import annotations

import numpy as np
from numba import njit

COUNT, SUM, MEAN, MAX, LAST, LAST_CODE, SINCE_LAST, SINCE_FIRST = range(8)
ACTIVE_DAYS, DISTINCT, GAP_MEAN, GAP_STD, ANY = range(8, 13)

MISSING = np.iinfo(np.int64).min
"""Stands for a missing number in an integer column."""

EVER = np.int64(0)
"""A window of this length reaches back for ever."""

DAY_US = 86_400_000_000
_NAN = np.nan


@njit(cache=True, nogil=True)
def _first_at_or_after(times, size, instant):  # type: ignore[no-untyped-def]
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if times[middle] < instant:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _passes(row, codes, conditions, first, last, tables):  # type: ignore[no-untyped-def]
    """Whether a row satisfies every condition of a filter (a table of allowed codes each)."""
    for condition in range(first, last):
        code = codes[conditions[condition], row]
        if code < 0 or tables[condition, min(code, tables.shape[1] - 1)] == 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _own(log, slot, own, lo, as_of, column):  # type: ignore[no-untyped-def]
    """Count and sum of one member's own rows within a window, to be left out of its group's."""
    occurred, recorded, codes, numbers, own_offsets, own_rows, conditions, tables, slots = log
    count, total = 0, 0
    if own + 1 >= len(own_offsets):
        return count, total
    for position in range(own_offsets[own], own_offsets[own + 1]):
        row = own_rows[position]
        if occurred[row] >= as_of:
            break
        if occurred[row] < lo or recorded[row] >= as_of:
            continue
        if not _passes(row, codes, conditions, slots[slot], slots[slot + 1], tables):
            continue
        if column < 0:
            count += 1
        elif numbers[column, row] != MISSING:
            count += 1
            total += numbers[column, row]
    return count, total


@njit(cache=True, nogil=True)
def _count_sum(rows, times, late, seen, size, lo, hi, as_of, log, column, counts, sums):  # type: ignore[no-untyped-def]
    """Count and sum of a compacted window by prefixes, less what was not yet recorded."""
    recorded, numbers = log[1], log[3]
    if column < 0:
        count, total = hi - lo, 0
    else:
        count = counts[column, hi] - counts[column, lo]
        total = sums[column, hi] - sums[column, lo]
    position = hi - 1
    while position >= lo and late[position] >= as_of:
        row = rows[position]
        if recorded[row] >= as_of:
            if column < 0:
                count -= 1
            elif numbers[column, row] != MISSING:
                count -= 1
                total -= numbers[column, row]
        position -= 1
    return count, total


@njit(cache=True, nogil=True)
def _last_known(rows, lo, hi, as_of, recorded, member, own):  # type: ignore[no-untyped-def]
    for position in range(hi - 1, lo - 1, -1):
        row = rows[position]
        if recorded[row] < as_of and (own < 0 or member[row] != own):
            return position
    return -1


@njit(cache=True, nogil=True)
def _first_known(rows, lo, hi, as_of, recorded, member, own):  # type: ignore[no-untyped-def]
    for position in range(lo, hi):
        row = rows[position]
        if recorded[row] < as_of and (own < 0 or member[row] != own):
            return position
    return -1


@njit(cache=True, nogil=True)
def _extreme(rows, lo, hi, as_of, log, column, last_only, scale):  # type: ignore[no-untyped-def]
    """The largest, or the last, known number of a window; NaN where there is none."""
    recorded, numbers = log[1], log[3]
    best = MISSING
    for position in range(hi - 1, lo - 1, -1):
        row = rows[position]
        if recorded[row] < as_of and numbers[column, row] > best:
            best = numbers[column, row]
            if last_only:
                break
    return _NAN if best == MISSING else best / scale


@njit(cache=True, nogil=True)
def _last_code(rows, lo, hi, as_of, recorded, codes, column):  # type: ignore[no-untyped-def]
    for position in range(hi - 1, lo - 1, -1):
        row = rows[position]
        if recorded[row] < as_of:
            return np.float64(codes[column, row])
    return -1.0


@njit(cache=True, nogil=True)
def _gaps(rows, times, lo, hi, as_of, recorded, deviation):  # type: ignore[no-untyped-def]
    """Mean or standard deviation of the gaps between known rows, in days.

    Gaps are whole seconds. The sum of their squares is at most the square of the whole span,
    which fits 63 bits for any span below 96 years.
    """
    gaps, total, squares, previous = 0, 0, 0, np.int64(-1)
    started = False
    for position in range(lo, hi):
        if recorded[rows[position]] >= as_of:
            continue
        second = times[position] // 1_000_000
        if started:
            gap = second - previous
            gaps += 1
            total += gap
            squares += gap * gap
        previous, started = second, True
    if gaps < 1 or (deviation and gaps < 2):
        return _NAN
    mean = total / gaps
    if not deviation:
        return mean / 86400.0
    return np.sqrt(max(0.0, squares / gaps - mean * mean)) / 86400.0


@njit(cache=True, nogil=True)
def _distinct(rows, times, codes_of, size, known_order, known_at, snapshots, window, own_codes, tally, column, out, output):  # type: ignore[no-untyped-def]
    """Distinct codes per snapshot, sliding forward in time; snapshots are sorted by as_of."""
    first_snapshot, last_snapshot, as_ofs, out_rows = snapshots
    present = np.zeros(size, dtype=np.uint8)
    distinct, adding, dropping = 0, 0, 0
    for snapshot in range(first_snapshot, last_snapshot):
        as_of = as_ofs[snapshot]
        lo = as_of - window if window > 0 else np.iinfo(np.int64).min
        while adding < size and known_at[known_order[adding]] < as_of:
            position = known_order[adding]
            adding += 1
            if times[position] >= lo and codes_of[position] >= 0:
                present[position] = 1
                tally[codes_of[position]] += 1
                if tally[codes_of[position]] == 1:
                    distinct += 1
        while dropping < size and times[dropping] < lo:
            if present[dropping]:
                present[dropping] = 0
                tally[codes_of[dropping]] -= 1
                if tally[codes_of[dropping]] == 0:
                    distinct -= 1
            dropping += 1
        own = own_codes[snapshot]
        hidden = 1 if own >= 0 and tally[own] > 0 else 0
        out[out_rows[snapshot], output] = np.float64(distinct - hidden)
    for position in range(size):
        if present[position]:
            tally[codes_of[position]] = 0


@njit(cache=True, nogil=True)
def aggregate(offsets, log, member, snapshots, features, scales, out):  # type: ignore[no-untyped-def]
    """Fill `out` with every declared aggregate of every snapshot.

    Parameters
    ----------
    offsets : int64 (groups + 1), the rows of each group in the log.
    log : tuple of the log's arrays: occurred and recorded (int64 microseconds), codes (int32,
        categories by row, -1 missing), numbers (int64, columns by row), the rows of each member
        (offsets and rows, for colleagues), conditions, tables of allowed codes, and slots (the
        conditions of each filter).
    member : int32, the member that each row belongs to.
    snapshots : tuple of group, as_of, own member (-1: leave nobody out) and output row, sorted
        by (group, as_of).
    features : tuple of int64 arrays slot, operation, column, window, output, sorted by slot.
    scales : float64, what each number column is divided by at the end.
    out : float64 (snapshots, outputs), written in place.
    """
    occurred, recorded, codes, numbers, _, _, conditions, tables, slots = log
    snap_group, snap_as_of, snap_own, snap_row = snapshots
    slot_of, operation, column_of, window_of, output_of = features
    total_snapshots, total_features = len(snap_group), len(slot_of)
    largest = 0
    for group in range(len(offsets) - 1):
        largest = max(largest, offsets[group + 1] - offsets[group])
    rows = np.empty(largest, dtype=np.int64)
    times = np.empty(largest, dtype=np.int64)
    late = np.empty(largest, dtype=np.int64)
    known_at = np.empty(largest, dtype=np.int64)
    columns = numbers.shape[0]
    counts = np.zeros((columns, largest + 1), dtype=np.int64)
    sums = np.zeros((columns, largest + 1), dtype=np.int64)
    codes_of = np.empty(largest, dtype=np.int64)
    tallies = largest + 1
    for column in range(codes.shape[0]):
        for row in range(codes.shape[1]):
            tallies = max(tallies, codes[column, row] + 1)
    tally = np.zeros(tallies, dtype=np.int64)

    first = 0
    while first < total_snapshots:
        group = snap_group[first]
        last = first
        while last < total_snapshots and snap_group[last] == group:
            last += 1
        begin, end = offsets[group], offsets[group + 1]
        feature = 0
        while feature < total_features:
            slot = slot_of[feature]
            size, any_late, newest = 0, False, np.iinfo(np.int64).min
            for row in range(begin, end):
                if not _passes(row, codes, conditions, slots[slot], slots[slot + 1], tables):
                    continue
                newest = max(newest, recorded[row])
                rows[size], times[size], late[size] = row, occurred[row], newest
                known_at[size] = max(occurred[row], recorded[row])
                any_late = any_late or recorded[row] > occurred[row]
                for column in range(columns):
                    value = numbers[column, row]
                    present = value != MISSING
                    counts[column, size + 1] = counts[column, size] + present
                    sums[column, size + 1] = sums[column, size] + (value if present else 0)
                size += 1
            while feature < total_features and slot_of[feature] == slot:
                op, column = operation[feature], column_of[feature]
                window, output = window_of[feature], output_of[feature]
                if op in (ACTIVE_DAYS, DISTINCT):
                    day = 0
                    for position in range(size):
                        if op == DISTINCT:
                            codes_of[position] = codes[column, rows[position]]
                        else:
                            if position and times[position] // DAY_US != times[position - 1] // DAY_US:
                                day += 1
                            codes_of[position] = day
                    order = np.arange(size)
                    if any_late:
                        order = np.argsort(known_at[:size], kind="mergesort")
                    _distinct(
                        rows, times, codes_of, size, order, known_at,
                        (first, last, snap_as_of, snap_row), window, snap_own, tally, column,
                        out, output,
                    )
                    feature += 1
                    continue
                for snapshot in range(first, last):
                    as_of, own = snap_as_of[snapshot], snap_own[snapshot]
                    hi = _first_at_or_after(times, size, as_of)
                    lo_time = as_of - window if window > 0 else np.iinfo(np.int64).min
                    lo = _first_at_or_after(times, hi, lo_time) if window > 0 else 0
                    result = _NAN
                    if op in (COUNT, SUM, MEAN, ANY):
                        count, total = _count_sum(
                            rows, times, late, known_at, size, lo, hi, as_of, log, column,
                            counts, sums,
                        )
                        if own >= 0:
                            own_count, own_total = _own(log, slot, own, lo_time, as_of, column)
                            count -= own_count
                            total -= own_total
                        if op == COUNT:
                            result = np.float64(count)
                        elif op == ANY:
                            result = 1.0 if count > 0 else 0.0
                        elif op == SUM:
                            result = total / scales[column]
                        elif count > 0:
                            result = total / count / scales[column]
                    elif op == SINCE_LAST:
                        at = _last_known(rows, lo, hi, as_of, recorded, member, own)
                        if at >= 0:
                            result = (as_of - times[at]) / DAY_US
                    elif op == SINCE_FIRST:
                        at = _first_known(rows, lo, hi, as_of, recorded, member, own)
                        if at >= 0:
                            result = (as_of - times[at]) / DAY_US
                    elif op in (MAX, LAST):
                        result = _extreme(
                            rows, lo, hi, as_of, log, column, op == LAST, scales[column]
                        )
                    elif op == LAST_CODE:
                        result = _last_code(rows, lo, hi, as_of, recorded, codes, column)
                    else:
                        result = _gaps(rows, times, lo, hi, as_of, recorded, op == GAP_STD)
                    out[snap_row[snapshot], output] = result
                feature += 1
        first = last
