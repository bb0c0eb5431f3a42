"""How the kernel sees logs, plans and snapshots: arrays of integers, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

COUNT, SUM, MEAN, MAX, LAST, LAST_CODE, SINCE_LAST, SINCE_FIRST = range(8)
DISTINCT, GAP_MEAN, GAP_STD, ANY = range(8, 12)
# Operations: how a feature is read off its track.

ROWS, NUMBERS, CODES, DAYS = range(4)
# Kinds of tracks: of all rows, of those with a number, of different codes, of different UTC days.

FILTER, KIND, COLUMN, WINDOW, TALLY, OUTERMOST = range(6)
# The columns of the table of tracks.

COUNTED, SUMMED, LAST_ROW, LAST_OTHER, FIRST_ROW, FIRST_OTHER, BEST = range(7)
# Where a track stands. `LAST_OTHER` and `FIRST_OTHER` are the outermost rows of any other member
# than that of the last and the first; `BEST` is the largest number.

OCCURRED, RECORDED, FIRST_NUMBER = range(3)
MEMBER, FIRST_CODE = range(2)
# The columns of the wide and of the narrow half of a log.

NONE = -1
"""Stands for no row."""

MISSING = np.iinfo(np.int64).min
"""Stands for a missing number in an integer column."""

ALWAYS = np.iinfo(np.int64).min
"""The instant before every other."""

DAY_US = 86_400_000_000

Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """A log, sorted by (group, occurred): what belongs to a row lies side by side.

    Parameters
    ----------
    offsets : the rows of group g are offsets[g] to offsets[g + 1].
    wide : a line for each row: when it occurred and was recorded (UTC microseconds), then its
        numbers in their smallest unit, `MISSING` where missing.
    narrow : a line for each row: its lead, numbered within the group, then the codes of its
        categories, -1 where missing.
    """

    offsets: Ints
    wide: Ints
    narrow: Codes


class Columns(NamedTuple):
    """The same by column, without a copy; codes and numbers have one line a column."""

    offsets: Ints
    occurred: Ints
    recorded: Ints
    member: Codes
    codes: Codes
    numbers: Ints


class Filters(NamedTuple):
    """Filters: number f has the conditions slots[f] to slots[f + 1], all of which must hold.

    Parameters
    ----------
    slots : see above.
    columns, tables : of each condition, the category column and a table of the codes it allows.
    always : the filters without conditions.
    starts, listed : the others, by column and code of their first condition:
        listed[starts[column, code]] to listed[starts[column, code + 1]].
    """

    slots: Ints
    columns: Ints
    tables: Bytes
    always: Ints
    starts: Ints
    listed: Ints


class Tracks(NamedTuple):
    """What is counted: filter f has the tracks slots[f] to slots[f + 1].

    Parameters
    ----------
    slots : see above.
    table : a line for each track: its filter, its kind, its column (of numbers or of codes, by
        its kind), its window (the place in `lengths`) and its line of counters by code, -1 for
        none; at last whether a feature asks for its first or last row.
    lengths : the different windows in microseconds, 0 for ever.
    """

    slots: Ints
    table: Ints
    lengths: Ints


class Wanted(NamedTuple):
    """The features: an operation on a track, and the line of the output that it fills.

    `column` is the category column of `LAST_CODE`, else the track's own.
    """

    operation: Ints
    track: Ints
    column: Ints
    output: Ints


class Snapshots(NamedTuple):
    """Cutoffs, sorted by (group, as_of).

    Parameters
    ----------
    group : of the log.
    as_of : UTC microseconds, exclusive.
    own : the member of the group to leave out, -1 for nobody.
    row : the column of the output that the snapshot fills.
    """

    group: Ints
    as_of: Ints
    own: Ints
    row: Ints
