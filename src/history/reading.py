"""Reading the store into the frames of a history: all of it as Arrow, or a few leads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
from adbc_driver_postgresql import dbapi as postgresql
from adbc_driver_sqlite import dbapi as sqlite
from sqlalchemy import Connection, Engine, select

from history.aside import is_large, read_aside
from history.history import UTC_MICROSECONDS
from history.schema import STORED
from history.tables import TABLES, Table


def read_tables(engine: Engine) -> dict[str, pd.DataFrame]:
    """Read all tables through Arrow, as they are at one moment.

    Parameters
    ----------
    engine : the store's engine, on SQLite or PostgreSQL.

    Returns
    -------
    The canonical frames by name, with categories as pandas categories.
    """
    with _arrow(engine) as connection:
        return {name: _table(connection, name) for name in TABLES}


def _table(connection: Any, name: str) -> pd.DataFrame:
    columns = ", ".join(column.name for column in STORED[name].columns)
    with connection.cursor() as cursor:
        if "SQLite" in str(connection.adbc_get_info()["vendor_name"]):
            # The driver infers a column's type from its first batch: let that be everything.
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": 1 << 30})
        cursor.execute(f"SELECT {columns} FROM {name}")  # noqa: S608  names of our own schema
        arrow = cursor.fetch_arrow_table()
    return _frame(TABLES[name], _typed(TABLES[name], arrow))


def read_live(
    engine: Engine, cursor: Callable[[], AbstractContextManager[Any]]
) -> dict[str, pd.DataFrame]:
    """Read all tables beside their writers; a large SQLite file in a process of its own.

    Parameters
    ----------
    engine : the store's.
    cursor : opens a cursor of the store.

    Raises
    ------
    StoreError : the store cannot be read.
    """
    path = engine.url.database or ""
    if engine.dialect.name == "sqlite" and is_large(path):
        with TemporaryDirectory() as folder:
            found = read_aside(path, folder)
            return {
                name: _frame(TABLES[name], _typed(TABLES[name], found[name])) for name in TABLES
            }
    with cursor() as opened:
        return {name: _frame(TABLES[name], _read_all(opened, name)) for name in TABLES}


def _read_all(cursor: Any, name: str) -> pd.DataFrame:
    stored = STORED[name]
    kinds = {column.name: column.kind for column in TABLES[name].columns}
    names = [column.name for column in stored.columns]
    schema = pa.schema([(each, _PLAIN.get(kinds.get(each, ""), pa.string())) for each in names])
    cursor.execute(f"SELECT {', '.join(names)} FROM {name}")  # noqa: S608  names of our own schema
    parts = []
    while rows := cursor.fetchmany(_PART):
        columns = zip(*rows, strict=True)
        arrays = [pa.array(each, kind) for each, kind in zip(columns, schema.types, strict=True)]
        parts.append(pa.record_batch(arrays, schema=schema))
    if not parts:
        return pd.DataFrame(columns=names)
    return _typed(TABLES[name], pa.Table.from_batches(parts, schema))


_PART = 20_000
_PLAIN = {"time": pa.int64(), "number": pa.float64()}


def read_rows(
    connection: Connection, name: str, column: str, values: Sequence[str]
) -> pd.DataFrame:
    """Read the rows of a table that have one of these values in a column."""
    stored = STORED[name]
    rows: list[Any] = []
    for start in range(0, len(values), 500):
        chosen = stored.c[column].in_(values[start : start + 500])
        rows.extend(connection.execute(select(stored).where(chosen)).all())
    frame = pd.DataFrame(rows, columns=[each.name for each in stored.columns])
    return _frame(TABLES[name], frame)


def read_leads(connection: Connection, lead_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Read all rows of a few leads, of their accounts and of their colleagues.

    Parameters
    ----------
    connection : to the store.
    lead_ids : the leads; unknown ones are simply not there.
    """
    leads = read_rows(connection, "leads", "lead_id", lead_ids)
    accounts = sorted(set(leads["account_id"].dropna()))
    colleagues = read_rows(connection, "leads", "account_id", accounts)
    if len(colleagues):
        leads = pd.concat([leads, colleagues], ignore_index=True).drop_duplicates("lead_id")
    ids = leads["lead_id"].tolist()
    return {
        "leads": leads,
        "accounts": read_rows(connection, "accounts", "account_id", accounts),
        "attribute_history": read_rows(
            connection, "attribute_history", "entity_id", [*ids, *accounts]
        ),
        **{
            name: read_rows(connection, name, "lead_id", ids)
            for name in ("engagements", "outcomes", "dispositions")
        },
    }


@contextmanager
def _arrow(engine: Engine) -> Iterator[Any]:
    """Open a connection that gives Arrow.

    The driver for SQLite brings a second copy of SQLite into this process. Two copies in one
    process cannot hold locks on the same file: closing one lets go of the other's, and records
    are lost. So the driver reads a copy of the file, made by the first.
    """
    if engine.dialect.name != "sqlite":
        plain = engine.url.set(drivername="postgresql")
        with postgresql.connect(plain.render_as_string(hide_password=False)) as connection:
            yield connection
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "history.db"
        with engine.connect() as original, closing(sqlite3.connect(copy)) as target:
            driver: Any = original.connection.driver_connection
            driver.backup(target)
        with sqlite.connect(str(copy)) as connection:
            yield connection


def _typed(table: Table, arrow: pa.Table) -> pd.DataFrame:
    """Give the columns the types of the contract before they become pandas columns."""
    arrays = []
    for name in arrow.column_names:
        column = arrow.column(name)
        kind = table.column(name).kind if name in table.names else "text"
        if kind == "time":
            column = column.cast(pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        elif kind == "number":
            column = column.cast(pa.float64())
        elif kind == "category":
            column = column.cast(pa.string()).dictionary_encode()
        else:
            column = column.cast(pa.string())
        arrays.append(column)
    return pa.table(arrays, names=arrow.column_names).to_pandas()


def _frame(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Unfold attributes and values, and give times their type."""
    frame = frame.copy()
    for column in table.columns:
        if column.kind == "time" and not isinstance(frame[column.name].dtype, pd.DatetimeTZDtype):
            instants = pd.to_datetime(frame[column.name].astype("Int64"), unit="us", utc=True)
            frame[column.name] = instants.astype(UTC_MICROSECONDS)
        elif column.kind == "value":
            frame[column.name] = frame[column.name].map(json.loads, na_action="ignore")
    if not table.attributes:
        return frame
    unfolded = pd.DataFrame([json.loads(each) for each in frame["attributes"]], index=frame.index)
    return pd.concat([frame.drop(columns="attributes"), unfolded.sort_index(axis=1)], axis=1)
