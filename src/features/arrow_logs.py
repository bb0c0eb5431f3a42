"""Big tables as the kernel reads them, straight from Arrow, on all cores.

What `features.logs` does by way of frames, with the same result: here rows come in any order, and
neither ids nor texts are ever moved. A row becomes a few integers, those are dealt to the groups,
and each group is brought into the order of time while it lies in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from features.layout import (
    FIRST_CODE,
    FIRST_NUMBER,
    MEMBER,
    MISSING,
    OCCURRED,
    RECORDED,
    Codes,
    Floats,
    Ints,
    Rows,
)
from features.logs import NUMBER_SCALES, Index, Log, categories_of, lookup
from features.parallel import in_parallel
from features.plan import Plan
from features.scans import leaf
from history.sorting import in_order, ranks
from history.tables import Table

_WORKERS, _SLICE = 2, 1 << 17
_INSTANT = pa.timestamp("us", tz="UTC")
Indices = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, eq=False)
class ArrowRows:
    """Rows of one table with the codes of their leads.

    Parameters
    ----------
    contract : of the table.
    table : the canonical columns that are read, rows in any order; optional ones may be missing.
    lead : code of the lead of each row, -1 where it is not known.

    Raises
    ------
    ValueError : a required column is missing, or a row has no time.
    """

    contract: Table
    table: pa.Table
    lead: Codes

    @classmethod
    def of(cls, contract: Table, table: pa.Table, leads: pd.Index) -> ArrowRows:
        """Tell whose row each is, and fill in when it was recorded."""
        read = {"lead_id", "occurred_at"}
        if missing := sorted(read - set(table.column_names)):
            raise ValueError(f"table {contract.name!r} lacks the column {missing[0]!r}")
        occurred = table["occurred_at"].cast(_INSTANT, safe=False)
        if occurred.null_count:
            raise ValueError(f"table {contract.name!r}: a row has no occurred_at")
        recorded = occurred
        if "recorded_at" in table.column_names:
            recorded = table["recorded_at"].cast(_INSTANT, safe=False)
            recorded = pc.coalesce(recorded, occurred) if recorded.null_count else recorded
        kept = {name: table[name] for name in table.column_names if name != "lead_id"}
        times = {"occurred_at": occurred, "recorded_at": recorded}
        return cls(contract, pa.table({**kept, **times}), _lead_codes(table["lead_id"], leads))

    def log(self, plan: Plan, index: Index, created: Ints, *, of_account: bool) -> Log:
        """Encode the rows for a plan.

        Parameters
        ----------
        plan, index : what is read, and whose rows they may be.
        created : creation of each lead, UTC microseconds.
        of_account : whether rows are grouped by account. Then they are known once their lead is:
            before, nobody could tell whose colleague it was.
        """
        group = lookup(index.account_of, self.lead).astype(np.int32) if of_account else self.lead
        groups = (len(index.accounts) if of_account else len(index.leads)) + 1
        categories = [self._category(*each) for each in plan.categories.items()]
        by_id = plan.by_position and self.contract.key in self.table.column_names

        def encode(start: int, end: int) -> tuple[Ints, Codes]:
            wide = np.empty((end - start, FIRST_NUMBER + len(plan.numbers) + by_id), np.int64)
            narrow = np.zeros((end - start, FIRST_CODE + len(categories)), np.int32)
            self._times(wide, start)
            if of_account:
                _of_member(self.lead[start:end], index.place, created, wide, narrow)
            for line, category in enumerate(categories, FIRST_CODE):
                category.encode(narrow, line, start)
            for line, name in enumerate(plan.numbers, FIRST_NUMBER):
                self._scale(name, wide, line, start)
            if by_id:
                wide[:, -1] = np.arange(start, end)
            return wide, narrow

        width = FIRST_NUMBER + len(plan.numbers) + by_id, FIRST_CODE + len(categories)
        rows = _arranged(group, groups, width, encode)
        if by_id:
            self._by_id(rows)
        members = int(index.place.max(initial=-1)) + 1 if of_account else 0
        return Log(rows, members, tuple(each.names for each in categories))

    def _category(self, name: str, vocabulary: Sequence[str]) -> _Category:
        if name == "lead_id":  # as the member
            return _Category(None, np.empty(0, np.int32), np.empty(0, dtype=object), MEMBER)
        if name not in self.table.column_names:
            return _Category(None, np.empty(0, np.int32), np.array(vocabulary, dtype=object))
        column = _one_dictionary(self.table[name])
        found = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
        return _Category(column, *categories_of(found, vocabulary))

    def _times(self, wide: Ints, start: int) -> None:
        for line, name in ((OCCURRED, "occurred_at"), (RECORDED, "recorded_at")):
            for at, chunk in _chunks(self.table[name], start, len(wide)):
                wide[at : at + len(chunk), line] = chunk.view(pa.int64()).to_numpy()

    def _scale(self, name: str, wide: Ints, line: int, start: int) -> None:
        """Write a number column in its smallest unit."""
        if name not in self.table.column_names:
            wide[:, line] = MISSING
            return
        for at, chunk in _chunks(self.table[name], start, len(wide)):
            floats = chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            _scale(_fixed(floats), NUMBER_SCALES[name], wide, line, at)

    def _by_id(self, rows: Rows) -> None:
        """Bring rows of one lead and time into the order of their ids."""
        offsets, wide, narrow = rows
        group = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        same = (np.diff(group) == 0) & (np.diff(wide[:, OCCURRED]) == 0)
        tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        if len(tied):
            run = np.cumsum(~np.insert(same, 0, False))[tied]
            ids = self.table[self.contract.key].take(pa.array(wide[tied, -1])).to_pandas()
            moved = tied[np.lexsort((ranks(ids.astype("str")), run))]
            wide[tied], narrow[tied] = wide[moved], narrow[moved]


@dataclass(frozen=True, eq=False)
class _Category:
    """A category column: its dictionary translated by a table into the codes of `names`."""

    column: pa.ChunkedArray | None
    table: Codes
    names: npt.NDArray[np.object_]
    same_as: int = -1

    def encode(self, narrow: Codes, line: int, start: int) -> None:
        """Write the codes of some rows."""
        if self.column is None:
            narrow[:, line] = narrow[:, self.same_as] if self.same_as >= 0 else -1
            return
        for at, chunk in _chunks(self.column, start, len(narrow)):
            _look_up(_indices(chunk), self.table, narrow, line, at)


def _one_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.large_string()).dictionary_encode()
    return column.unify_dictionaries()


def _chunks(column: pa.ChunkedArray, start: int, size: int) -> Iterator[tuple[int, pa.Array]]:
    """Yield the pieces of a slice, each with its place there."""
    at = 0
    for chunk in column.slice(start, size).chunks:
        yield at, chunk
        at += len(chunk)


def _indices(chunk: pa.DictionaryArray) -> Indices:
    indices = chunk.indices
    if indices.null_count:
        indices = pc.fill_null(indices.cast(pa.int32()), -1)
    return _fixed(indices.to_numpy(zero_copy_only=False))


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Forbid writing, as Arrow mostly does: for either kind all would be compiled anew."""
    array.flags.writeable = False
    return array


def _lead_codes(column: pa.ChunkedArray, leads: pd.Index) -> Codes:
    """Return the code of each id, -1 where missing or unknown."""
    ids = pa.array(leads, from_pandas=True, type=pa.large_string())

    def places(values: pa.Array | pa.ChunkedArray) -> Codes:
        if not len(ids):
            return np.full(len(values), -1, np.int32)
        found = pc.index_in(values.cast(pa.large_string()), value_set=ids, skip_nulls=True)
        return np.asarray(pc.fill_null(found, -1)).astype(np.int32)

    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        out = np.empty((len(column), 1), np.int32)
        for at, chunk in _chunks(column, 0, len(column)):
            _look_up(_indices(chunk), places(chunk.dictionary), out, 0, at)
        return out[:, 0]
    pieces = [column.slice(start, end - start) for start, end in _halves(len(column))]
    return np.concatenate(in_parallel(places, pieces, _WORKERS))


def _halves(size: int) -> list[tuple[int, int]]:
    cuts = np.linspace(0, size, (_WORKERS if size > _SLICE else 1) + 1).astype(np.int64).tolist()
    return list(pairwise(cuts))


def _arranged(
    group: Codes,
    groups: int,
    width: tuple[int, int],
    encode: Callable[[int, int], tuple[Ints, Codes]],
) -> Rows:
    """Sort rows by (group, occurred), keeping the order of equals; no group (-1) falls out.

    `encode` gives the rows from one to before another, a few at a time.
    """
    halves = _halves(len(group))
    counts = in_parallel(lambda half: _count(*half, group, groups), halves, _WORKERS)
    offsets = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0))]).astype(np.int64)
    filled = offsets[:-1] + np.cumsum([np.zeros(groups, np.int64), *counts[:-1]], axis=0)
    size = int(offsets[-1])
    rows = Rows(offsets, np.empty((size, width[0]), np.int64), np.empty((size, width[1]), np.int32))

    def deal(turn: int) -> None:
        for start in range(*halves[turn], _SLICE):
            end = min(start + _SLICE, halves[turn][1])
            _deal(group, start, *encode(start, end), filled[turn], rows.wide, rows.narrow)

    in_parallel(deal, range(len(halves)), _WORKERS)
    edges = np.searchsorted(offsets, np.arange(0, size + _SLICE, _SLICE))
    edges = np.unique(np.minimum(edges, groups)).tolist()
    ranges = list(pairwise(edges))
    in_parallel(lambda ours: _arrange(*ours, *rows), ranges, _WORKERS)
    return rows


@leaf
def _of_member(lead: Codes, place: Ints, created: Ints, wide: Ints, narrow: Codes) -> None:
    for row in range(len(lead)):
        each = lead[row]
        narrow[row, MEMBER] = place[each] if each >= 0 else -1
        if each >= 0:
            wide[row, RECORDED] = max(wide[row, RECORDED], created[each])


@leaf
def _scale(floats: Floats, scale: float, wide: Ints, line: int, at: int) -> None:
    for row in range(len(floats)):
        value = floats[row]
        wide[at + row, line] = np.int64(np.rint(value * scale)) if np.isfinite(value) else MISSING


@leaf
def _look_up(indices: Indices, table: Codes, narrow: Codes, line: int, at: int) -> None:
    for row in range(len(indices)):
        narrow[at + row, line] = table[indices[row]] if indices[row] >= 0 else -1


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
