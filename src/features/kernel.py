"""The one computation: aggregates of what was known before a cutoff.

A log is a set of rows sorted by (group, occurred). A snapshot is (group, as_of). For every
snapshot and every declared aggregate the kernel looks at the rows of the snapshot's group with

    as_of - window <= occurred < as_of   and   recorded < as_of

which may be one group and one snapshot (a request) or a million (a training set): the same
machine code runs, and every accumulation is an integer, so the results are equal to the last bit.

How: the cutoffs of a group are swept forward in time. A row enters once, when it has both
happened and been recorded, and leaves each window once, when it has become too old for it. What
enters and leaves moves a few integers, one set for each pair of filter and window (a track), and
a feature is read off its track. So the work grows with the rows and the snapshots and not with
their product, also for a lead with 100,000 engagements.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from features.layout import (
    ALWAYS,
    BEST,
    CODES,
    COLUMN,
    COUNTED,
    DAY_US,
    DAYS,
    FIRST_CODE,
    FIRST_NUMBER,
    FIRST_OTHER,
    FIRST_ROW,
    KIND,
    LAST_OTHER,
    LAST_ROW,
    MEMBER,
    MISSING,
    NONE,
    NUMBERS,
    OCCURRED,
    OUTERMOST,
    RECORDED,
    ROWS,
    SUMMED,
    TALLY,
    WINDOW,
    Bytes,
    Codes,
    Columns,
    Filters,
    Floats,
    Ints,
    Rows,
    Snapshots,
    Tracks,
    Wanted,
)
from features.readings import read
from features.scans import late_rows, leaf, number_days, passes

_EVERY = -1


class _State(NamedTuple):
    """Where the tracks stand.

    `tracks` has a line for each, see above; `tally` counts by code, `of_member` (counts and sums)
    by member; `days` numbers the UTC days of the log's rows within their group.
    """

    tracks: Ints
    tally: Codes
    of_member: Ints
    days: Codes


@njit(cache=True, nogil=True)
def aggregate(
    rows: Rows,
    members: int,
    filters: Filters,
    tracks: Tracks,
    wanted: Wanted,
    snapshots: Snapshots,
    scales: Floats,
    out: Floats,
) -> None:
    """Fill `out` (outputs, snapshots) with every feature of every snapshot.

    Parameters
    ----------
    rows, filters, tracks, wanted, snapshots : as their classes say.
    members : the most members of any group where one's own rows are left out, else 0.
    scales : what each number column is divided by at the end.
    out : written in place, at the line and column that feature and snapshot name.
    """
    log = Columns(
        rows.offsets,
        rows.wide[:, OCCURRED],
        rows.wide[:, RECORDED],
        rows.narrow[:, MEMBER],
        rows.narrow[:, FIRST_CODE:].T,
        rows.wide[:, FIRST_NUMBER:].T,
    )
    state = _state(log, tracks.table, members)
    first = 0
    while first < len(snapshots.group):
        last = first
        while last < len(snapshots.group) and snapshots.group[last] == snapshots.group[first]:
            last += 1
        _sweep(log, filters, tracks, wanted, snapshots, scales, state, first, last, out)
        first = last


@njit(cache=True, nogil=True)
def _state(rows: Columns, tracks: Ints, members: int) -> _State:
    lines, width, any_days = 0, 0, False
    for track in range(len(tracks)):
        lines = max(lines, tracks[track, TALLY] + 1)
        any_days = any_days or tracks[track, KIND] == DAYS
        if tracks[track, KIND] == CODES:
            for row in range(len(rows.occurred)):
                width = max(width, rows.codes[tracks[track, COLUMN], row] + 1)
    if any_days:
        for group in range(len(rows.offsets) - 1):
            width = max(width, rows.offsets[group + 1] - rows.offsets[group])
    return _State(
        np.zeros((len(tracks), 8), np.int64),
        np.zeros((lines, width), np.int32),
        np.zeros((len(tracks), members, 2), np.int64),
        np.zeros(len(rows.occurred) if any_days else 0, np.int32),
    )


@njit(cache=True, nogil=True)
def _sweep(
    rows: Columns,
    filters: Filters,
    tracks: Tracks,
    wanted: Wanted,
    snapshots: Snapshots,
    scales: Floats,
    state: _State,
    first: int,
    last: int,
    out: Floats,
) -> None:
    """Carry one group through its cutoffs."""
    offsets, occurred, recorded, member, codes, numbers = rows
    slots, columns, tables, always, starts, listed = filters
    track_slots, table, lengths = tracks
    standing, tally, of_member, days = state
    operations, followed, asked, outputs = wanted
    begin, end = offsets[snapshots.group[first]], offsets[snapshots.group[first] + 1]
    late = late_rows(occurred, recorded, begin, end)
    if len(days):
        number_days(occurred, days, begin, end, DAY_US)
    since, left = np.full(len(lengths), ALWAYS), np.full(len(lengths), begin)
    entered, recorded_late, before = begin, 0, ALWAYS
    _clear(standing, of_member)
    for snapshot in range(first, last):
        as_of = snapshots.as_of[snapshot]
        for window in range(len(since)):
            if lengths[window] == 0:
                continue
            since[window] = as_of - lengths[window]
            row = left[window]
            while row < end and occurred[row] < since[window]:
                if occurred[row] < before and recorded[row] < before:
                    _move(
                        occurred, member, codes, numbers, days, slots, columns, tables, always,
                        starts, listed, track_slots, table, standing, tally, of_member, row,
                        window, since,
                    )  # fmt: skip
                row += 1
            left[window] = row
        while True:
            if entered < end and occurred[entered] < as_of:
                row = entered
                entered += 1
                if recorded[row] > occurred[row]:
                    continue
            elif recorded_late < len(late) and recorded[late[recorded_late]] < as_of:
                row = late[recorded_late]
                recorded_late += 1
            else:
                break
            _move(
                occurred, member, codes, numbers, days, slots, columns, tables, always,
                starts, listed, track_slots, table, standing, tally, of_member, row,
                _EVERY, since,
            )  # fmt: skip
        read(
            occurred, recorded, member, codes, numbers, slots, columns, tables, table, lengths,
            operations, followed, asked, outputs, scales, standing, tally, of_member,
            left, since, entered, as_of, snapshots.own[snapshot], snapshots.row[snapshot], out,
        )  # fmt: skip
        before = as_of
    _forget(codes, days, table, tally, begin, entered)


@leaf
def _clear(standing: Ints, of_member: Ints) -> None:
    for track in range(len(standing)):
        standing[track, COUNTED], standing[track, SUMMED] = 0, 0
        standing[track, LAST_ROW], standing[track, LAST_OTHER] = NONE, NONE
        standing[track, FIRST_ROW], standing[track, FIRST_OTHER] = NONE, NONE
        standing[track, BEST] = MISSING
    if of_member.size:
        of_member[:] = 0


@leaf
def _forget(codes: Codes, days: Codes, tracks: Ints, tally: Codes, begin: int, end: int) -> None:
    """Bring the counters by code back to 0: only those of the group's rows can differ."""
    for track in range(len(tracks)):
        line, column = tracks[track, TALLY], tracks[track, COLUMN]
        if line < 0:
            continue
        for row in range(begin, end):
            code = days[row] if tracks[track, KIND] == DAYS else codes[column, row]
            if code >= 0:
                tally[line, code] = 0


@leaf
def _move(
    occurred: Ints,
    member: Codes,
    codes: Codes,
    numbers: Ints,
    days: Codes,
    slots: Ints,
    columns: Ints,
    tables: Bytes,
    always: Ints,
    starts: Ints,
    listed: Ints,
    track_slots: Ints,
    tracks: Ints,
    standing: Ints,
    tally: Codes,
    of_member: Ints,
    row: int,
    window: int,
    since: Ints,
) -> None:
    """Let a row enter every window that reaches back to it, or leave one."""
    for column in range(-1, len(starts)):
        first, last = 0, len(always)
        if column >= 0:
            code = codes[column, row]
            if code < 0 or code + 1 >= starts.shape[1]:
                continue
            first, last = starts[column, code], starts[column, code + 1]
        for place in range(first, last):
            each = always[place] if column < 0 else listed[place]
            rest, end = slots[each] + 1, slots[each + 1]
            if rest < end and not passes(codes, columns, tables, rest, end, row):
                continue
            for track in range(track_slots[each], track_slots[each + 1]):
                if window == _EVERY:
                    if occurred[row] < since[tracks[track, WINDOW]]:
                        continue
                elif tracks[track, WINDOW] != window:
                    continue
                _step(
                    member, codes, numbers, days, tracks, standing, tally, of_member, track, row,
                    1 if window == _EVERY else -1,
                )  # fmt: skip


@leaf
def _step(
    member: Codes,
    codes: Codes,
    numbers: Ints,
    days: Codes,
    tracks: Ints,
    standing: Ints,
    tally: Codes,
    of_member: Ints,
    track: int,
    row: int,
    step: int,
) -> None:
    """Move one track by one row that enters (1) or leaves (-1)."""
    kind, column, value = tracks[track, KIND], tracks[track, COLUMN], 0
    if kind == NUMBERS:
        value = numbers[column, row]
        if value == MISSING:
            return
        standing[track, SUMMED] += step * value
        if step > 0:
            standing[track, BEST] = max(standing[track, BEST], value)
    elif kind != ROWS:
        code = days[row] if kind == DAYS else codes[column, row]
        if code < 0:
            return
        line = tracks[track, TALLY]
        tally[line, code] += step
        # A code counts when its first row enters and until its last row leaves.
        if tally[line, code] != (1 if step > 0 else 0):
            return
    standing[track, COUNTED] += step
    if of_member.shape[1]:
        of_member[track, member[row], 0] += step
        of_member[track, member[row], 1] += step * value
    if step > 0 and tracks[track, OUTERMOST]:
        _extend(member, standing, track, row)


@leaf
def _extend(member: Codes, standing: Ints, track: int, row: int) -> None:
    """Note a row that may be the last or the first, of all or of another member."""
    last, first = standing[track, LAST_ROW], standing[track, FIRST_ROW]
    if row > last:
        if last != NONE and member[last] != member[row]:
            standing[track, LAST_OTHER] = last
        standing[track, LAST_ROW] = row
    elif member[last] != member[row]:
        standing[track, LAST_OTHER] = max(standing[track, LAST_OTHER], row)
    if first == NONE or row < first:
        if first != NONE and member[first] != member[row]:
            standing[track, FIRST_OTHER] = first
        standing[track, FIRST_ROW] = row
    elif member[first] != member[row]:
        other = standing[track, FIRST_OTHER]
        standing[track, FIRST_OTHER] = row if other == NONE else min(row, other)
