"""Rows dealt to their groups and brought into the order of time, on all cores.

Rows come in any order, and each moves twice: behind those of its group, and, where a group is not
in order, within it while it lies in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numba import njit

from features.layout import OCCURRED, Codes, Ints, Rows
from features.parallel import in_parallel
from features.scans import leaf
from history.sorting import in_order

WORKERS = 2
_SOME = 500_000
Encoded = tuple[int, Ints, Codes]
"""Some rows from a place on: their wide and their narrow columns."""


def arrange(
    group: Codes,
    groups: int,
    width: tuple[int, int],
    stretches: Sequence[tuple[int, int]],
    encode: Callable[[int], Iterator[Encoded]],
) -> Rows:
    """Sort rows by (group, occurred), keeping the order of equals; no group (-1) falls out.

    Parameters
    ----------
    group, groups : code of the group of each row, and how many there are.
    width : how many wide and narrow columns there are.
    stretches : the rows from one to before another, one stretch after the other: each is encoded
        and dealt by one worker.
    encode : gives the rows of a stretch, by its number, some at a time.
    """
    counts = in_parallel(lambda ours: _count(*ours, group, groups), stretches, WORKERS)
    offsets = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0))]).astype(np.int64)
    filled = offsets[:-1] + np.cumsum([np.zeros(groups, np.int64), *counts[:-1]], axis=0)
    size = int(offsets[-1])
    rows = Rows(offsets, np.empty((size, width[0]), np.int64), np.empty((size, width[1]), np.int32))

    def deal(stretch: int) -> None:
        for start, wide, narrow in encode(stretch):
            _deal(group, start, wide, narrow, filled[stretch], rows.wide, rows.narrow)

    in_parallel(deal, range(len(stretches)), WORKERS)
    edges = np.searchsorted(offsets, np.arange(0, size + _SOME, _SOME))
    ranges = pairwise(np.unique(np.minimum(edges, groups)).tolist())
    in_parallel(lambda ours: _arrange(*ours, offsets, rows.wide, rows.narrow), ranges, WORKERS)
    return rows


@njit(cache=True, nogil=True)
def _count(first: int, last: int, group: Codes, groups: int) -> Ints:
    counts = np.zeros(groups, np.int64)
    for row in range(first, last):
        if group[row] >= 0:
            counts[group[row]] += 1
    return counts


@leaf
def _deal(
    group: Codes,
    start: int,
    some_wide: Ints,
    some_narrow: Codes,
    filled: Ints,
    wide: Ints,
    narrow: Codes,
) -> None:
    """Put each row behind those of its group."""
    for row in range(len(some_wide)):
        ours = group[start + row]
        if ours < 0:
            continue
        place = filled[ours]
        filled[ours] += 1
        for line in range(wide.shape[1]):
            wide[place, line] = some_wide[row, line]
        for line in range(narrow.shape[1]):
            narrow[place, line] = some_narrow[row, line]


@njit(cache=True, nogil=True)
def _arrange(first: int, last: int, offsets: Ints, wide: Ints, narrow: Codes) -> None:
    """Bring each of some groups into the order of time."""
    longest = 0
    for group in range(first, last):
        longest = max(longest, offsets[group + 1] - offsets[group])
    times, places = np.empty(longest, np.int64), np.empty(longest, np.int64)
    old_wide = np.empty((longest, wide.shape[1]), np.int64)
    old_narrow = np.empty((longest, narrow.shape[1]), np.int32)
    for group in range(first, last):
        begin, size = offsets[group], offsets[group + 1] - offsets[group]
        for place in range(size):
            times[place] = wide[begin + place, OCCURRED]
        if in_order(times, size, places):
            continue
        for place in range(size):
            for line in range(wide.shape[1]):
                old_wide[place, line] = wide[begin + place, line]
            for line in range(narrow.shape[1]):
                old_narrow[place, line] = narrow[begin + place, line]
        for place in range(size):
            for line in range(wide.shape[1]):
                wide[begin + place, line] = old_wide[places[place], line]
            for line in range(narrow.shape[1]):
                narrow[begin + place, line] = old_narrow[places[place], line]
