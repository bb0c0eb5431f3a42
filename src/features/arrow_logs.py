"""Big tables as the kernel reads them, straight from Arrow, on all cores.

What `features.logs` does by way of frames, with the same result: here rows come in any order, and
neither ids nor texts are ever moved. A row becomes a few integers, those are dealt to the groups,
and each group is brought into the order of time while it lies in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from features.layout import MISSING, Codes, Floats, Ints, Rows
from features.logs import NUMBER_SCALES, Index, Log, categories_of
from features.parallel import in_parallel
from features.plan import Plan
from features.scans import leaf
from history.sorting import in_order, ranks
from history.tables import Table

_WORKERS, _SLICE = 2, 500_000
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, eq=False)
class ArrowRows:
    """Rows of one table with the codes of their leads.

    Parameters
    ----------
    contract : of the table.
    table : the canonical columns that are read, rows in any order; optional ones may be missing.
    lead : code of the lead of each row, -1 where it is not known.
    occurred, recorded : UTC microseconds.

    Raises
    ------
    ValueError : a required column is missing, or a row has no time.
    """

    contract: Table
    table: pa.Table
    lead: Codes
    occurred: Ints
    recorded: Ints

    @classmethod
    def of(cls, contract: Table, table: pa.Table, leads: pd.Index) -> ArrowRows:
        """Encode what every plan needs: whose row it is, and its two times."""
        missing = [name for name in contract.required if name not in table.column_names]
        if missing:
            raise ValueError(f"table {contract.name!r} lacks the column {missing[0]!r}")
        occurred = table["occurred_at"]
        if occurred.null_count:
            raise ValueError(f"table {contract.name!r}: a row has no occurred_at")
        recorded = table["recorded_at"] if "recorded_at" in table.column_names else occurred
        if recorded.null_count:
            recorded = pc.coalesce(
                recorded.cast(_INSTANT, safe=False), occurred.cast(_INSTANT, safe=False)
            )
        return cls(
            contract,
            table,
            _lead_codes(table["lead_id"], leads),
            _micros(occurred),
            _micros(recorded),
        )

    def log(self, plan: Plan, index: Index, created: Ints, *, of_account: bool) -> Log:
        """Encode the rows for a plan.

        Parameters
        ----------
        plan, index : what is read, and whose rows they may be.
        created : creation of each lead, UTC microseconds.
        of_account : whether rows are grouped by account. Then they are known once their lead is:
            before, nobody could tell whose colleague it was.
        """
        size = len(self.lead)
        group, recorded, member = self.lead, self.recorded, np.zeros(size, np.int32)
        if of_account:
            group, recorded = np.empty_like(group), np.empty_like(recorded)

            in_parallel(
                lambda rows: _by_account(
                    *rows, self.lead, self.recorded, index.account_of, index.place, created,
                    group, recorded, member,
                ),
                _slices(size),
                _WORKERS,
            )  # fmt: skip
        codes = np.empty((len(plan.categories), size), np.int32)
        names = [
            self._encode(name, vocabulary, member, codes[line])
            for line, (name, vocabulary) in enumerate(plan.categories.items())
        ]
        by_id = plan.by_position and self.contract.key in self.table.column_names
        numbers = np.empty((len(plan.numbers) + by_id, size), np.int64)
        for line, name in enumerate(plan.numbers):
            self._scale(name, numbers[line])
        if by_id:
            numbers[-1] = np.arange(size)
        groups = (len(index.accounts) if of_account else len(index.leads)) + 1
        rows = _arranged(groups, group, self.occurred, recorded, member, codes, numbers)
        members = int(index.place.max(initial=-1)) + 1 if of_account else 0
        return Log(self._by_id(rows) if by_id else rows, members, tuple(names))

    def _encode(
        self, name: str, vocabulary: Sequence[str], member: Codes, out: Codes
    ) -> npt.NDArray[np.object_]:
        """Write the codes of a category column; return what they stand for."""
        if name == "lead_id":
            out[:] = member
            return np.empty(0, dtype=object)
        if name not in self.table.column_names:
            out[:] = -1
            return np.array(vocabulary, dtype=object)
        column = self.table[name]
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.large_string()).dictionary_encode()
        column = column.unify_dictionaries()
        found = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
        table, categories = categories_of(found, vocabulary)
        _translate(column, table, out)
        return categories

    def _scale(self, name: str, out: Ints) -> None:
        """Write a number column in its smallest unit."""
        if name not in self.table.column_names:
            out[:] = MISSING
            return
        floats = _own(self.table[name].cast(pa.float64(), safe=False).to_numpy())
        scale = NUMBER_SCALES[name]
        in_parallel(lambda rows: _scale(*rows, floats, scale, out), _slices(len(out)), _WORKERS)

    def _by_id(self, rows: Rows) -> Rows:
        """Bring rows of one lead and time into the order of their ids."""
        group = np.repeat(np.arange(len(rows.offsets) - 1), np.diff(rows.offsets))
        same = (np.diff(group) == 0) & (np.diff(rows.occurred) == 0)
        tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        run = np.cumsum(~np.insert(same, 0, False))[tied]
        ids = self.table[self.contract.key].take(pa.array(rows.numbers[-1, tied]))
        moved = tied[np.lexsort((ranks(ids.to_pandas()), run))]
        for column in (rows.recorded, rows.member, *rows.codes, *rows.numbers):
            column[tied] = column[moved]
        return rows._replace(numbers=rows.numbers[:-1])


def _slices(size: int) -> list[tuple[int, int]]:
    return [(start, min(start + _SLICE, size)) for start in range(0, size, _SLICE)]


def _own(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array that may be written: the kernel is compiled once for each kind."""
    return array if array.flags.writeable else array.copy()


def _micros(column: pa.ChunkedArray) -> Ints:
    instants = column.cast(_INSTANT, safe=False).cast(pa.int64())
    return _own(instants.to_numpy())


def _lead_codes(column: pa.ChunkedArray, leads: pd.Index) -> Codes:
    """Return the code of each id, -1 where missing or unknown."""
    ids = pa.array(leads, from_pandas=True, type=pa.large_string())
    out = np.full(len(column), -1, np.int32)
    if not len(ids):
        return out

    def places(values: pa.Array | pa.ChunkedArray) -> Codes:
        found = pc.index_in(values.cast(pa.large_string()), value_set=ids, skip_nulls=True)
        return np.asarray(pc.fill_null(found, -1)).astype(np.int32)

    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        if column.num_chunks:
            _translate(column, places(column.chunk(0).dictionary), out)
        return out
    half = len(column) // _WORKERS + 1 if len(column) > _SLICE else max(1, len(column))

    def look_up(start: int) -> None:
        out[start : start + half] = places(column.slice(start, half))

    in_parallel(look_up, range(0, len(column), half), _WORKERS)
    return out


def _translate(column: pa.ChunkedArray, table: Codes, out: Codes) -> None:
    """Write the codes of a column of one dictionary, translated by a table."""
    ends = np.cumsum([0, *(len(chunk) for chunk in column.chunks)])
    pieces = [
        (chunk, out[start:end])
        for chunk, start, end in zip(column.chunks, ends[:-1], ends[1:], strict=True)
    ]

    def fill(piece: tuple[pa.DictionaryArray, Codes]) -> None:
        chunk, ours = piece
        indices = chunk.indices
        if indices.null_count:
            indices = pc.fill_null(indices.cast(pa.int32()), -1)
        _look_up(np.asarray(indices), table, ours)

    in_parallel(fill, pieces, _WORKERS)


def _arranged(
    groups: int,
    group: Codes,
    occurred: Ints,
    recorded: Ints,
    member: Codes,
    codes: Codes,
    numbers: Ints,
) -> Rows:
    """Sort columns by (group, occurred), keeping the order of equals; no group (-1) falls out."""
    cuts = np.linspace(0, len(group), (_WORKERS if len(group) > _SLICE else 1) + 1).astype(np.int64)
    slices = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
    counts = in_parallel(lambda rows: _count(*rows, group, groups), slices, _WORKERS)
    offsets = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0))]).astype(np.int64)
    starts = offsets[:-1] + np.cumsum([np.zeros(groups, np.int64), *counts[:-1]], axis=0)
    size = int(offsets[-1])
    wide = np.empty((size, 2 + len(numbers)), np.int64)
    narrow = np.empty((size, 1 + len(codes)), np.int32)

    in_parallel(
        lambda turn: _deal(
            *slices[turn], group, occurred, recorded, member, codes, numbers, starts[turn], wide,
            narrow,
        ),
        range(len(slices)),
        _WORKERS,
    )  # fmt: skip
    rows = Rows(
        offsets=offsets,
        occurred=np.empty(size, np.int64),
        recorded=np.empty(size, np.int64),
        member=np.empty(size, np.int32),
        codes=np.empty((len(codes), size), np.int32),
        numbers=np.empty((len(numbers), size), np.int64),
    )
    edges = np.searchsorted(offsets, np.arange(0, size + _SLICE, _SLICE))
    edges = np.unique(np.minimum(edges, groups))
    ranges = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    in_parallel(lambda ours: _arrange(*ours, wide, narrow, rows), ranges, _WORKERS)
    return rows


@leaf
def _by_account(
    first: int,
    last: int,
    lead: Codes,
    recorded: Ints,
    account_of: Ints,
    place: Ints,
    created: Ints,
    group: Codes,
    known: Ints,
    member: Codes,
) -> None:
    for row in range(first, last):
        each = lead[row]
        group[row], member[row], known[row] = -1, -1, recorded[row]
        if each >= 0:
            group[row], member[row] = account_of[each], place[each]
            known[row] = max(recorded[row], created[each])


@leaf
def _scale(first: int, last: int, floats: Floats, scale: float, out: Ints) -> None:
    for row in range(first, last):
        out[row] = np.int64(np.rint(floats[row] * scale)) if np.isfinite(floats[row]) else MISSING


@leaf
def _look_up(indices: npt.NDArray[np.signedinteger], table: Codes, out: Codes) -> None:
    for row in range(len(indices)):
        out[row] = table[indices[row]] if indices[row] >= 0 else -1


@njit(cache=True, nogil=True)
def _count(first: int, last: int, group: Codes, groups: int) -> Ints:
    counts = np.zeros(groups, np.int64)
    for row in range(first, last):
        if group[row] >= 0:
            counts[group[row]] += 1
    return counts


@leaf
def _deal(
    first: int,
    last: int,
    group: Codes,
    occurred: Ints,
    recorded: Ints,
    member: Codes,
    codes: Codes,
    numbers: Ints,
    filled: Ints,
    wide: Ints,
    narrow: Codes,
) -> None:
    """Put each row, its columns side by side, behind those of its group."""
    for row in range(first, last):
        if group[row] < 0:
            continue
        place = filled[group[row]]
        filled[group[row]] += 1
        wide[place, 0], wide[place, 1] = occurred[row], recorded[row]
        for line in range(len(numbers)):
            wide[place, 2 + line] = numbers[line, row]
        narrow[place, 0] = member[row]
        for line in range(len(codes)):
            narrow[place, 1 + line] = codes[line, row]


@njit(cache=True, nogil=True)
def _arrange(first: int, last: int, wide: Ints, narrow: Codes, rows: Rows) -> None:
    """Bring some groups into the order of time, and their columns apart."""
    offsets, occurred, recorded, member, codes, numbers = rows
    longest = 0
    for group in range(first, last):
        longest = max(longest, offsets[group + 1] - offsets[group])
    times, places = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for group in range(first, last):
        begin, size = offsets[group], offsets[group + 1] - offsets[group]
        for place in range(size):
            times[place] = wide[begin + place, 0]
        rising = in_order(times, size, places)
        for place in range(size):
            to, ours = begin + place, begin + (place if rising else places[place])
            occurred[to], recorded[to], member[to] = wide[ours, 0], wide[ours, 1], narrow[ours, 0]
            for line in range(len(numbers)):
                numbers[line, to] = wide[ours, 2 + line]
            for line in range(len(codes)):
                codes[line, to] = narrow[ours, 1 + line]
