"""The one computation: aggregates of what was known before a cutoff.

A log is a set of rows sorted by (group, occurred). A snapshot is (group, as_of). For every
snapshot and every declared aggregate the kernel looks at the rows of the snapshot's group with

    as_of - window <= occurred < as_of   and   recorded < as_of

which may be one group and one snapshot (a request) or a million (a training set): the same
machine code runs, and every accumulation is an integer, so the results are equal to the last bit.

How: the rows of a group that pass a filter are picked once, with prefix sums, and every window
is then a difference of two prefixes. Rows that arrived late (occurred before the cutoff,
recorded after) are taken out again by walking back from the cutoff for as long as the running
maximum of `recorded` says that there may be any. Distinct counts slide over the snapshots of a
group in time, so that none of this is quadratic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

COUNT, SUM, MEAN, MAX, LAST, LAST_CODE, SINCE_LAST, SINCE_FIRST = range(8)
ACTIVE_DAYS, DISTINCT, GAP_MEAN, GAP_STD, ANY = range(8, 13)

MISSING = np.iinfo(np.int64).min
"""Stands for a missing number in an integer column."""

DAY_US = 86_400_000_000
_ALWAYS = np.iinfo(np.int64).min
_NAN = np.nan

Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """A log: occurred and recorded in microseconds, codes and numbers one line a column.

    `offsets` delimit the groups; `own_offsets` and `own_rows` list the rows of each member.
    """

    offsets: Ints
    occurred: Ints
    recorded: Ints
    member: Codes
    codes: Codes
    numbers: Ints
    own_offsets: Ints
    own_rows: Ints


class Filters(NamedTuple):
    """Filters: slot s has the conditions slots[s] to slots[s + 1].

    Each condition is a category column and a table of the codes that it allows.
    """

    slots: Ints
    columns: Ints
    tables: Bytes


class Wanted(NamedTuple):
    """What to compute, sorted by slot; a window of 0 reaches back for ever."""

    slot: Ints
    operation: Ints
    column: Ints
    window: Ints
    output: Ints


class Snapshots(NamedTuple):
    """Cutoffs, sorted by (group, as_of); `own` is the member to leave out, -1 for nobody."""

    group: Ints
    as_of: Ints
    own: Ints
    row: Ints


class _Picked(NamedTuple):
    """The rows of one group that pass one filter, as scratch space for the largest group.

    `newest` is the running maximum of recorded, `known` when a row was both past and recorded;
    `counts` and `sums` are prefixes by number column; `codes` are those being told apart.
    """

    rows: Ints
    times: Ints
    newest: Ints
    known: Ints
    counts: Ints
    sums: Ints
    codes: Ints


@njit(cache=True, nogil=True)
def aggregate(
    log: Rows, filters: Filters, wanted: Wanted, snapshots: Snapshots, scales: Floats, out: Floats
) -> None:
    """Fill `out` (snapshots, outputs) with every aggregate of every snapshot.

    Parameters
    ----------
    log, filters, wanted, snapshots : as their classes say.
    scales : what each number column is divided by at the end.
    out : written in place, at the row and output that snapshot and aggregate name.
    """
    picked, tally = _scratch(log)
    first = 0
    while first < len(snapshots.group):
        group = snapshots.group[first]
        last = first
        while last < len(snapshots.group) and snapshots.group[last] == group:
            last += 1
        feature = 0
        while feature < len(wanted.slot):
            slot = wanted.slot[feature]
            size, any_late = _pick(log, filters, group, slot, picked)
            while feature < len(wanted.slot) and wanted.slot[feature] == slot:
                operation = wanted.operation[feature]
                if operation in (ACTIVE_DAYS, DISTINCT):
                    _label(log, picked, size, operation, wanted.column[feature])
                    order = np.arange(size)
                    if any_late:
                        order = np.argsort(picked.known[:size], kind="mergesort")
                    _distinct(
                        picked, size, order, tally, snapshots, first, last,
                        wanted.window[feature], wanted.output[feature], out,
                    )  # fmt: skip
                else:
                    _fill(
                        log,
                        filters,
                        wanted,
                        feature,
                        picked,
                        size,
                        scales,
                        snapshots,
                        first,
                        last,
                        out,
                    )
                feature += 1
        first = last


@njit(cache=True, nogil=True)
def _scratch(log: Rows) -> tuple[_Picked, Ints]:
    largest = 0
    for group in range(len(log.offsets) - 1):
        largest = max(largest, log.offsets[group + 1] - log.offsets[group])
    tallies = largest + 1
    for column in range(log.codes.shape[0]):
        for row in range(log.codes.shape[1]):
            tallies = max(tallies, log.codes[column, row] + 1)
    picked = _Picked(
        np.empty(largest, np.int64),
        np.empty(largest, np.int64),
        np.empty(largest, np.int64),
        np.empty(largest, np.int64),
        np.zeros((log.numbers.shape[0], largest + 1), np.int64),
        np.zeros((log.numbers.shape[0], largest + 1), np.int64),
        np.empty(largest, np.int64),
    )
    return picked, np.zeros(tallies, np.int64)


@njit(cache=True, nogil=True)
def _passes(codes: Codes, columns: Ints, tables: Bytes, first: int, last: int, row: int) -> bool:
    for condition in range(first, last):
        code = codes[columns[condition], row]
        # Codes beyond the table are values that no filter names.
        if code < 0 or tables[condition, min(code, tables.shape[1] - 1)] == 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _pick(log: Rows, filters: Filters, group: int, slot: int, picked: _Picked) -> tuple[int, bool]:
    """Pick the rows of a group that pass a filter; return how many, and if any came late."""
    size, any_late, newest = 0, False, _ALWAYS
    begin, end = filters.slots[slot], filters.slots[slot + 1]
    for row in range(log.offsets[group], log.offsets[group + 1]):
        if not _passes(log.codes, filters.columns, filters.tables, begin, end, row):
            continue
        occurred, recorded = log.occurred[row], log.recorded[row]
        newest = max(newest, recorded)
        picked.rows[size], picked.times[size], picked.newest[size] = row, occurred, newest
        picked.known[size] = max(occurred, recorded)
        any_late = any_late or recorded > occurred
        for column in range(log.numbers.shape[0]):
            value = log.numbers[column, row]
            present = value != MISSING
            picked.counts[column, size + 1] = picked.counts[column, size] + present
            picked.sums[column, size + 1] = picked.sums[column, size] + (value if present else 0)
        size += 1
    return size, any_late


@njit(cache=True, nogil=True)
def _fill(
    log: Rows,
    filters: Filters,
    wanted: Wanted,
    feature: int,
    picked: _Picked,
    size: int,
    scales: Floats,
    snapshots: Snapshots,
    first: int,
    last: int,
    out: Floats,
) -> None:
    """One aggregate of every snapshot of a group."""
    # Locals, because a named tuple that crosses a call is counted array by array.
    recorded, rows, times = log.recorded, picked.rows, picked.times
    operation, column = wanted.operation[feature], wanted.column[feature]
    window, scale = wanted.window[feature], scales[column] if column < len(scales) else 1.0
    for snapshot in range(first, last):
        as_of, own = snapshots.as_of[snapshot], snapshots.own[snapshot]
        since = as_of - window if window > 0 else _ALWAYS
        end = _first_at_or_after(times, size, as_of)
        begin = _first_at_or_after(times, end, since) if window > 0 else 0
        value = _NAN
        if operation in (COUNT, SUM, MEAN, ANY):
            count, total = _count_sum(
                recorded, log.numbers, rows, picked.newest, picked.counts, picked.sums,
                begin, end, as_of, column,
            )  # fmt: skip
            if own >= 0:
                slot = wanted.slot[feature]
                own_count, own_total = _own(log, filters, slot, own, since, as_of, column)
                count, total = count - own_count, total - own_total
            value = _from_count_sum(operation, count, total, scale)
        elif operation in (SINCE_LAST, SINCE_FIRST):
            at = _known(recorded, log.member, rows, begin, end, as_of, own, operation == SINCE_LAST)
            value = (as_of - times[at]) / DAY_US if at >= 0 else _NAN
        elif operation in (MAX, LAST):
            last_only = operation == LAST
            number = _extreme(recorded, log.numbers, rows, begin, end, as_of, column, last_only)
            value = number / scale if number != MISSING else _NAN
        elif operation == LAST_CODE:
            at = _known(recorded, log.member, rows, begin, end, as_of, own, True)
            value = float(log.codes[column, rows[at]]) if at >= 0 else -1.0
        else:
            value = _gaps(recorded, rows, times, begin, end, as_of, operation == GAP_STD)
        out[snapshots.row[snapshot], wanted.output[feature]] = value


@njit(cache=True, nogil=True)
def _from_count_sum(operation: int, count: int, total: int, scale: float) -> float:
    if operation == COUNT:
        return float(count)
    if operation == ANY:
        return 1.0 if count > 0 else 0.0
    if operation == SUM:
        return total / scale
    return total / count / scale if count > 0 else _NAN


@njit(cache=True, nogil=True)
def _first_at_or_after(times: Ints, size: int, instant: int) -> int:
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if times[middle] < instant:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _count_sum(
    recorded: Ints,
    numbers: Ints,
    rows: Ints,
    newest: Ints,
    counts: Ints,
    sums: Ints,
    begin: int,
    end: int,
    as_of: int,
    column: int,
) -> tuple[int, int]:
    """Count and sum of a window by prefixes, less what was not recorded yet."""
    count, total = end - begin, 0
    if column >= 0:
        count = counts[column, end] - counts[column, begin]
        total = sums[column, end] - sums[column, begin]
    position = end - 1
    while position >= begin and newest[position] >= as_of:
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
def _own(
    log: Rows, filters: Filters, slot: int, own: int, since: int, as_of: int, column: int
) -> tuple[int, int]:
    """Count and sum of one member's own rows in a window, to be left out of its group's."""
    count, total = 0, 0
    begin, end = filters.slots[slot], filters.slots[slot + 1]
    if own + 1 >= len(log.own_offsets):
        return count, total
    for position in range(log.own_offsets[own], log.own_offsets[own + 1]):
        row = log.own_rows[position]
        if log.occurred[row] >= as_of:
            break
        if log.occurred[row] < since or log.recorded[row] >= as_of:
            continue
        if not _passes(log.codes, filters.columns, filters.tables, begin, end, row):
            continue
        if column < 0:
            count += 1
        elif log.numbers[column, row] != MISSING:
            count += 1
            total += log.numbers[column, row]
    return count, total


@njit(cache=True, nogil=True)
def _known(
    recorded: Ints,
    member: Codes,
    rows: Ints,
    begin: int,
    end: int,
    as_of: int,
    own: int,
    backwards: bool,
) -> int:
    """Find the last (or first) position that was recorded and is not one's own, or -1."""
    for step in range(end - begin):
        position = end - 1 - step if backwards else begin + step
        row = rows[position]
        if recorded[row] < as_of and (own < 0 or member[row] != own):
            return position
    return -1


@njit(cache=True, nogil=True)
def _extreme(
    recorded: Ints,
    numbers: Ints,
    rows: Ints,
    begin: int,
    end: int,
    as_of: int,
    column: int,
    last_only: bool,
) -> int:
    """Find the largest, or the last, known number of a window."""
    best = MISSING
    for position in range(end - 1, begin - 1, -1):
        row = rows[position]
        if recorded[row] < as_of and numbers[column, row] > best:
            best = numbers[column, row]
            if last_only:
                break
    return best


@njit(cache=True, nogil=True)
def _gaps(
    recorded: Ints, rows: Ints, times: Ints, begin: int, end: int, as_of: int, deviation: bool
) -> float:
    """Mean or standard deviation of the gaps between known rows, in days.

    Gaps are whole seconds. The sum of their squares is at most the square of the whole span,
    which fits 63 bits for any span below 96 years.
    """
    gaps, total, squares, previous, started = 0, 0, 0, 0, False
    for position in range(begin, end):
        if recorded[rows[position]] >= as_of:
            continue
        second = times[position] // 1_000_000
        if started:
            gaps += 1
            total += second - previous
            squares += (second - previous) * (second - previous)
        previous, started = second, True
    if gaps < 1 or (deviation and gaps < 2):
        return _NAN
    mean = total / gaps
    if not deviation:
        return mean / 86400.0
    return np.sqrt(max(0.0, squares / gaps - mean * mean)) / 86400.0


@njit(cache=True, nogil=True)
def _label(log: Rows, picked: _Picked, size: int, operation: int, column: int) -> None:
    """Give each picked row the code by which it is told apart: a category, or its day."""
    day = 0
    for position in range(size):
        if operation == DISTINCT:
            picked.codes[position] = log.codes[column, picked.rows[position]]
            continue
        if position and picked.times[position] // DAY_US != picked.times[position - 1] // DAY_US:
            day += 1
        picked.codes[position] = day


@njit(cache=True, nogil=True)
def _distinct(
    picked: _Picked,
    size: int,
    known_order: Ints,
    tally: Ints,
    snapshots: Snapshots,
    first: int,
    last: int,
    window: int,
    output: int,
    out: Floats,
) -> None:
    """Distinct codes of each snapshot of a group, sliding forward in time.

    Rows enter in the order in which they became known and leave in the order in which they
    occurred; where own members are left out, a code is a member.
    """
    present = np.zeros(size, np.uint8)
    distinct, adding, dropping = 0, 0, 0
    for snapshot in range(first, last):
        as_of, own = snapshots.as_of[snapshot], snapshots.own[snapshot]
        since = as_of - window if window > 0 else _ALWAYS
        while adding < size and picked.known[known_order[adding]] < as_of:
            position = known_order[adding]
            adding += 1
            code = picked.codes[position]
            if picked.times[position] >= since and code >= 0:
                present[position] = 1
                tally[code] += 1
                distinct += tally[code] == 1
        while dropping < size and picked.times[dropping] < since:
            if present[dropping]:
                present[dropping] = 0
                tally[picked.codes[dropping]] -= 1
                distinct -= tally[picked.codes[dropping]] == 0
            dropping += 1
        hidden = own >= 0 and own < len(tally) and tally[own] > 0
        out[snapshots.row[snapshot], output] = float(distinct - hidden)
    for position in range(size):
        if present[position]:
            tally[picked.codes[position]] = 0
