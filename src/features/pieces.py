"""Big tables piece by piece: of Arrow in memory, or the row groups of Parquet files.

A piece is read by one worker when it comes to it, and forgotten. So memory holds what the kernel
needs, and never the texts of all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SOME = 1 << 17
"""As many rows as are encoded at once: what they take stays in the cache."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive rows of a table.

    Parameters
    ----------
    size : how many.
    names : the columns that there are.
    load : reads some of them.
    """

    size: int
    names: frozenset[str]
    load: Callable[[list[str]], pa.Table]

    def read(self, names: Collection[str]) -> pa.Table:
        """Read these columns, as far as they are there."""
        return self.load([name for name in names if name in self.names])


def of_table(table: pa.Table) -> list[Piece]:
    """Cut a table into pieces, without a copy."""
    names = frozenset(table.column_names)
    starts = range(0, max(1, len(table)), SOME)
    parts = [table.slice(start, SOME) for start in starts]
    return [Piece(len(part), names, part.select) for part in parts]


def of_files(path: Path, names: Collection[str], least: int) -> list[Piece]:
    """Return the row groups of a Parquet file, or of all of a folder.

    Parameters
    ----------
    path : the file or folder.
    names : the columns that will be read.
    least : where there are fewer row groups than this, these columns are read at once.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    found = []
    for file in files:
        about = pq.read_metadata(file)
        there = frozenset(about.schema.to_arrow_schema().names)
        for number in range(about.num_row_groups):
            load = partial(_load, file, about, number)
            found.append(Piece(about.row_group(number).num_rows, there, load))
    if len(found) >= least:
        return found
    whole = pq.ParquetDataset(path, partitioning=None)
    return of_table(whole.read(columns=[name for name in whole.schema.names if name in names]))


def _load(file: Path, about: pq.FileMetaData, number: int, names: list[str]) -> pa.Table:
    with pq.ParquetFile(file, metadata=about) as opened:
        return opened.read_row_group(number, columns=names, use_threads=False)
