"""Big tables as the kernel reads them, straight from Arrow, on all cores.

What `features.logs` does by way of frames, with the same result: here rows come in any order, and
no id and no text is ever moved. A piece of a table becomes a few integers a row, and those are
dealt to the groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.dealing import WORKERS, Encoded, arrange
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
from features.logs import NUMBER_SCALES, Index, Log, lookup
from features.parallel import in_parallel
from features.pieces import SOME, Piece
from features.plan import Plan
from features.scans import leaf
from history.sorting import ranks
from history.tables import Table

_INSTANT = pa.timestamp("us", tz="UTC")
_LEAD, _OCCURRED, _RECORDED = "lead_id", "occurred_at", "recorded_at"
Indices = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, eq=False)
class ArrowRows:
    """Rows of one table with the codes of their leads.

    Parameters
    ----------
    contract : of the table.
    pieces : of the table, rows in any order; optional columns may be missing.
    starts : where each piece begins, and the last one ends.
    stretches : which pieces each worker takes, from one to before another.
    lead : code of the lead of each row, -1 where it is not known.
    """

    contract: Table
    pieces: Sequence[Piece]
    starts: list[int]
    stretches: list[tuple[int, int]]
    lead: Codes

    @classmethod
    def of(cls, contract: Table, pieces: Sequence[Piece], leads: pd.Index) -> ArrowRows:
        """Tell whose row each is.

        Raises
        ------
        ValueError : a required column is missing.
        """
        for name in (_LEAD, _OCCURRED):
            if any(name not in piece.names for piece in pieces):
                raise ValueError(f"table {contract.name!r} lacks the column {name!r}")
        starts = [0, *accumulate(piece.size for piece in pieces)]
        stretches = list(pairwise(np.unique(np.linspace(0, len(pieces), WORKERS + 1, dtype=int))))
        ids = pa.array(leads, from_pandas=True, type=pa.large_string())

        def look_up(stretch: tuple[int, int]) -> Codes:
            read = [piece.read([_LEAD]) for piece in pieces[slice(*stretch)]]
            return _lead_codes(pa.concat_tables(read)[_LEAD], ids)

        lead = np.concatenate(in_parallel(look_up, stretches, WORKERS))
        return cls(contract, pieces, starts, stretches, lead)

    def log(self, plan: Plan, index: Index, created: Ints, *, of_account: bool) -> Log:
        """Encode the rows for a plan.

        Parameters
        ----------
        plan, index : what is read, and whose rows they may be.
        created : creation of each lead, UTC microseconds.
        of_account : whether rows are grouped by account. Then they are known once their lead is:
            before, nobody could tell whose colleague it was.

        Raises
        ------
        ValueError : a row has no time.
        """
        categories = {name: Numbered.of(known) for name, known in plan.categories.items()}
        numbers = list(plan.numbers)
        by_id = plan.by_position and all(self.contract.key in each.names for each in self.pieces)
        width = FIRST_NUMBER + len(numbers) + by_id, FIRST_CODE + len(categories)

        def encode(stretch: int) -> Iterator[Encoded]:
            for start, part in self._parts(stretch, [*categories, *numbers]):
                wide, narrow = (
                    np.empty((len(part), width[0]), np.int64),
                    np.zeros((len(part), width[1]), np.int32),
                )
                _write_times(part, wide, self.contract.name)
                if of_account:
                    lead = self.lead[start : start + len(part)]
                    _of_member(lead, index.place, created, wide, narrow)
                for line, (name, numbered) in enumerate(categories.items(), FIRST_CODE):
                    if name == _LEAD:
                        narrow[:, line] = narrow[:, MEMBER]
                    else:
                        _write_codes(part, name, numbered, narrow, line)
                for line, name in enumerate(numbers, FIRST_NUMBER):
                    _write_numbers(part, name, wide, line)
                if by_id:
                    wide[:, -1] = np.arange(start, start + len(part))
                yield start, wide, narrow

        group = lookup(index.account_of, self.lead).astype(np.int32) if of_account else self.lead
        groups = (len(index.accounts) if of_account else len(index.leads)) + 1
        bounds = [(self.starts[first], self.starts[last]) for first, last in self.stretches]
        rows = arrange(group, groups, width, bounds, encode)
        if by_id:
            self._by_id(rows)
        members = int(index.place.max(initial=-1)) + 1 if of_account else 0
        return Log(
            rows, members, tuple(np.array(list(each), dtype=object) for each in categories.values())
        )

    def _parts(self, stretch: int, names: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """Yield the rows of a stretch, some at a time, each time with the place of the first."""
        for number in range(*self.stretches[stretch]):
            piece = self.pieces[number].read([_OCCURRED, _RECORDED, *(set(names) - {_LEAD})])
            for start in range(0, len(piece), SOME):
                yield self.starts[number] + start, piece.slice(start, SOME)

    def _by_id(self, rows: Rows) -> None:
        """Bring rows of one lead and time into the order of their ids."""
        offsets, wide, narrow = rows
        group = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        same = (np.diff(group) == 0) & (np.diff(wide[:, OCCURRED]) == 0)
        tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        if len(tied):
            run = np.cumsum(~np.insert(same, 0, False))[tied]
            moved = tied[np.lexsort((ranks(self._ids(wide[tied, -1])), run))]
            wide[tied], narrow[tied] = wide[moved], narrow[moved]

    def _ids(self, places: Ints) -> pd.Series:
        """Read the ids of a few rows."""
        found = np.empty(len(places), dtype=object)
        for piece, start, end in zip(self.pieces, self.starts, self.starts[1:], strict=False):
            ours = (places >= start) & (places < end)
            if ours.any():
                ids = piece.read([self.contract.key])[self.contract.key]
                found[ours] = ids.take(pa.array(places[ours] - start)).to_pylist()
        return pd.Series(found, dtype=object).astype("str")


class Numbered(dict[str | None, int]):
    """Numbers values in the order in which they are first met; None is -1. Threads may share it."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    @classmethod
    def of(cls, vocabulary: Sequence[str]) -> Numbered:
        """Return a numbering that begins with these values."""
        numbered = cls()
        numbered.update(zip(vocabulary, range(len(vocabulary)), strict=True))
        return numbered

    def codes(self, values: Sequence[str | None]) -> Codes:
        """Return the number of each value."""
        with self._lock:
            found = [-1 if each is None else self.setdefault(each, len(self)) for each in values]
        return np.array(found, dtype=np.int32)


def _write_times(part: pa.Table, wide: Ints, table: str) -> None:
    occurred = part[_OCCURRED].cast(_INSTANT, safe=False)
    if occurred.null_count:
        raise ValueError(f"table {table!r}: a row has no occurred_at")
    recorded = occurred
    if _RECORDED in part.column_names:
        recorded = part[_RECORDED].cast(_INSTANT, safe=False)
        recorded = pc.coalesce(recorded, occurred) if recorded.null_count else recorded
    for line, column in ((OCCURRED, occurred), (RECORDED, recorded)):
        for at, chunk in _chunks(column):
            wide[at : at + len(chunk), line] = chunk.view(pa.int64()).to_numpy()


def _write_codes(part: pa.Table, name: str, numbered: Numbered, narrow: Codes, line: int) -> None:
    """Write the codes of a category column."""
    if name not in part.column_names:
        narrow[:, line] = -1
        return
    for at, chunk in _chunks(_coded(part[name])):
        table = numbered.codes(chunk.dictionary.cast(pa.string()).to_pylist())
        _look_up(_indices(chunk), table, narrow, line, at)


def _write_numbers(part: pa.Table, name: str, wide: Ints, line: int) -> None:
    """Write a number column in its smallest unit."""
    if name not in part.column_names:
        wide[:, line] = MISSING
        return
    for at, chunk in _chunks(part[name]):
        floats = chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        _scale(_fixed(floats), NUMBER_SCALES[name], wide, line, at)


def _coded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    coded = pa.types.is_dictionary(column.type)
    return column if coded else column.cast(pa.string()).dictionary_encode()


def _chunks(column: pa.ChunkedArray) -> Iterator[tuple[int, pa.Array]]:
    """Yield the chunks of a column, each with its place."""
    at = 0
    for chunk in column.chunks:
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


def _lead_codes(column: pa.ChunkedArray, ids: pa.Array) -> Codes:
    """Return the code of each id, -1 where missing or unknown."""

    def places(values: pa.Array | pa.ChunkedArray) -> Codes:
        if not len(ids):
            return np.full(len(values), -1, np.int32)
        found = pc.index_in(values.cast(pa.large_string()), value_set=ids, skip_nulls=True)
        return np.asarray(pc.fill_null(found, -1)).astype(np.int32)

    if not pa.types.is_dictionary(column.type):
        return places(column)
    out = np.empty((len(column), 1), np.int32)
    for at, chunk in _chunks(column):
        _look_up(_indices(chunk), places(chunk.dictionary), out, 0, at)
    return np.ascontiguousarray(out[:, 0])


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
