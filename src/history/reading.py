"""Reading the store in bulk, as Arrow, into the frames of a history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from adbc_driver_postgresql import dbapi as postgresql
from adbc_driver_sqlite import dbapi as sqlite
from sqlalchemy import Connection, Engine, select

from history.history import UTC_MICROSECONDS
from history.schema import STORED
from history.tables import TABLES, Table


def read_table(engine: Engine, name: str) -> pd.DataFrame:
    """Read a whole table through Arrow.

    Parameters
    ----------
    engine : the store's engine, on SQLite or PostgreSQL.
    name : the table.

    Returns
    -------
    The canonical frame, with categories as pandas categories.
    """
    table, columns = TABLES[name], [column.name for column in STORED[name].columns]
    query = f"SELECT {', '.join(columns)} FROM {name}"  # noqa: S608  names of our own schema
    return _frame(table, _typed(table, _fetch(engine, query)))


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


def _fetch(engine: Engine, query: str) -> pa.Table:
    if engine.dialect.name == "sqlite":
        connection = sqlite.connect(engine.url.database)
        # The driver infers a column's type from its first batch: let that be everything.
        options = {"adbc.sqlite.query.batch_rows": 1 << 30}
    else:
        plain = engine.url.set(drivername="postgresql")
        connection = postgresql.connect(plain.render_as_string(hide_password=False))
        options = {}
    with connection, connection.cursor() as cursor:
        if options:
            cursor.adbc_statement.set_options(**options)
        cursor.execute(query)
        return cursor.fetch_arrow_table()


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
