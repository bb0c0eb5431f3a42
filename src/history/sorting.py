"""Rows into groups and into the order of time, in linear time where they come sorted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
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


def ranks(values: pd.Series) -> npt.NDArray[np.int64]:
    """Return integers in the order of the values; missing ones come last."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        missing = np.iinfo(np.int64).max
        return np.where(values.isna(), missing, values.astype("int64")).astype(np.int64)
    text = pa.array(values, from_pandas=True)
    text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    coded = text if pa.types.is_dictionary(text.type) else text.dictionary_encode()
    order = pc.sort_indices(coded.dictionary.cast(pa.large_string()))
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[np.asarray(order)], rank[-1] = np.arange(len(order)), len(order)
    return rank[np.asarray(pc.fill_null(coded.indices, len(order)))]


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
    longest = 0
    for each in range(groups):
        longest = max(longest, offsets[each + 1] - offsets[each])
    ours, at, places = (
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
        np.empty(longest, np.int64),
    )
    for each in range(groups):
        begin, size = offsets[each], offsets[each + 1] - offsets[each]
        for place in range(size):
            ours[place] = order[begin + place]
            at[place] = times[ours[place]]
        if in_order(at, size, places):
            continue
        for place in range(size):
            order[begin + place] = ours[places[place]]
    return order, offsets


@njit(cache=True, nogil=True)
def in_order(times: Ints, size: int, places: Ints) -> bool:
    """Tell whether the first `size` times rise; else write their places in the order of time.

    Time and place go into one integer where they fit, which sorts without looking anything up.
    """
    rising, least, most = True, times[0] if size else 0, times[0] if size else 0
    for place in range(1, size):
        rising = rising and times[place - 1] <= times[place]
        least, most = min(least, times[place]), max(most, times[place])
    if rising:
        return True
    bits = 1
    while size > 1 << bits:
        bits += 1
    span = most - least
    if span < 0 or span >> (62 - bits):
        places[:size] = np.argsort(times[:size], kind="mergesort")
        return False
    for place in range(size):
        places[place] = ((times[place] - least) << bits) | place
    places[:size].sort()
    for place in range(size):
        places[place] &= (1 << bits) - 1
    return False
