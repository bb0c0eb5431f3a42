"""Tables of a store as Parquet files and back, whatever database they are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, Float, Integer, Table, func, select, text

from history.errors import StoreError
from history.schema import metadata

_ROWS = 50_000


def dump_tables(engine: Engine, tables: Sequence[Table], folder: Path) -> dict[str, int]:
    """Write tables as they are at one instant, one Parquet file each; writers go on meanwhile.

    Parameters
    ----------
    engine : of a store.
    tables : which; the store has them all.
    folder : to write into; it is there.

    Returns
    -------
    The number of rows by table.
    """
    with _snapshot(engine) as connection:
        return {
            table.name: _dump(connection, table, folder / f"{table.name}.parquet")
            for table in tables
        }


def load_tables(engine: Engine, tables: Sequence[Table], folder: Path) -> dict[str, int]:
    """Put what `dump_tables` wrote in the place of what is there, all of it or nothing.

    Parameters
    ----------
    engine : of a store, of the same kind of database or another.
    tables : which; a table without a file, of an older release, becomes empty.
    folder : with the files.

    Returns
    -------
    The number of rows by table.

    Raises
    ------
    StoreError : a file has a column that this release does not know.
    """
    counts = {}
    with engine.begin() as connection:
        for table in tables:
            connection.execute(table.delete())
            file = folder / f"{table.name}.parquet"
            counts[table.name] = _load(connection, table, file) if file.is_file() else 0
    return counts


def store_tables() -> list[Table]:
    """Return the tables of the store itself."""
    return list(metadata.sorted_tables)


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """Open a connection that sees one instant and keeps nobody from writing."""
    lite = engine.dialect.name == "sqlite"
    with engine.connect() as opened:
        level = "AUTOCOMMIT" if lite else "REPEATABLE READ"
        connection = opened.execution_options(isolation_level=level)
        if lite:
            connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            if lite:
                connection.exec_driver_sql("ROLLBACK")


def _dump(connection: Connection, table: Table, file: Path) -> int:
    schema, rows = _schema(table), 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        found = connection.execute(select(table), execution_options={"yield_per": _ROWS})
        for part in found.mappings().partitions():
            writer.write_batch(pa.RecordBatch.from_pylist([dict(row) for row in part], schema))
            rows += len(part)
    return rows


def _load(connection: Connection, table: Table, file: Path) -> int:
    packed, rows = pq.ParquetFile(file), 0
    unknown = set(packed.schema_arrow.names) - set(table.columns.keys())
    if unknown:
        raise StoreError(
            f"{file.name}: the column {min(unknown)!r} is not known to this release: "
            "restore with the release that made the backup, or a newer one"
        )
    for batch in packed.iter_batches(_ROWS):
        connection.execute(table.insert(), batch.to_pylist())
        rows += batch.num_rows
    _count_on(connection, table)
    return rows


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL count on from the largest number, as SQLite does by itself."""
    counted = table.autoincrement_column
    if connection.dialect.name != "postgresql" or counted is None:
        return
    largest = connection.execute(select(func.max(counted))).scalar_one()
    if largest is not None:
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :largest)"),
            {"table": table.name, "column": counted.name, "largest": largest},
        )


def _schema(table: Table) -> pa.Schema:
    return pa.schema(
        [
            pa.field(
                column.name,
                pa.int64()
                if isinstance(column.type, Integer)
                else pa.float64()
                if isinstance(column.type, Float)
                else pa.string(),
                nullable=column.nullable or False,
            )
            for column in table.columns
        ]
    )
