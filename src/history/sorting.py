"""Rows into groups and into the order of time, in linear time where they come sorted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int64]


def sort_by_group(
    group: npt.NDArray[np.intp], times: Ints, groups: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sort rows by (group, time), keeping the order of equals; rows of no group (-1) fall out.

    Parameters
    ----------
    group : code of each row, below `groups`.
    times : of each row.
    groups : how many groups there are.

    Returns
    -------
    The rows in their new order, and the offsets of the groups in it (one more than groups).
    """
    return _sort(np.array(group, dtype=np.int64), np.array(times, dtype=np.int64), groups)


@njit(cache=True, nogil=True)
def _sort(group: Ints, times: Ints, groups: int) -> tuple[Ints, Ints]:
    offsets = np.zeros(groups + 1, np.int64)
    for row in range(len(group)):
        if group[row] >= 0:
            offsets[group[row] + 1] += 1
    offsets = np.cumsum(offsets)
    order, filled = np.empty(offsets[-1], np.int64), offsets[:-1].copy()
    for row in range(len(group)):
        if group[row] >= 0:
            order[filled[group[row]]] = row
            filled[group[row]] += 1
    for each in range(groups):
        begin, end = offsets[each], offsets[each + 1]
        for place in range(begin + 1, end):
            if times[order[place]] < times[order[place - 1]]:
                ours = order[begin:end].copy()
                order[begin:end] = ours[np.argsort(times[ours], kind="mergesort")]
                break
    return order, offsets
