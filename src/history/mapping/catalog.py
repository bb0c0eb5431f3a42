"""Where foreign tables lie: a folder of files, a DuckDB or SQLite file, any database by URL.

Every table is handed over as text, with columns under their plain names, so that ids keep their
leading zeros and the mapping is the same wherever the tables lie.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from sqlalchemy import DateTime, Engine, column, create_engine, inspect, literal, or_, select
from sqlalchemy import table as sql_table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from history.addresses import parted, patient, reason, shown
from history.errors import SourceError
from history.mapping.delimited import header, read_delimited
from history.mapping.names import bare, plain

_FILES = (".csv", ".parquet")
_DUCKDB = (".duckdb", ".ddb")
_SQLITE = (".db", ".sqlite", ".sqlite3")


class Catalog(ABC):
    """The tables of a source.

    Parameters
    ----------
    name : of the source, for messages, without a password.
    tables : every table by the name it has there.
    """

    def __init__(self, name: str, tables: Sequence[str]) -> None:
        self.name = name
        self.tables = tuple(tables)
        self._columns: dict[str, tuple[str, ...]] = {}

    def find(self, wanted: str, affixes: Sequence[str]) -> str | None:
        """Return the table that a mapping means, or None.

        The exact name wins over names with something before or after it.
        """
        for table in self.tables:
            if plain(table) == plain(wanted):
                return table
        for table in self.tables:
            if bare(table, affixes) == plain(wanted):
                return table
        return None

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the plain names of a table's columns."""
        if table not in self._columns:
            self._columns[table] = tuple(plain(name) for name in self._read_columns(table))
        return self._columns[table]

    def read(self, table: str, cursor: str | None = None, since: str | None = None) -> pd.DataFrame:
        """Read a table as text.

        Parameters
        ----------
        table : its name there.
        cursor : the plain name of the column by which rows are chosen.
        since : only rows whose cursor is missing or at least this, as ISO text in UTC.
        """
        frame = self._read(table, cursor, since)
        names = [plain(str(name)) for name in frame.columns]
        columns = {
            name: as_text(frame.iloc[:, place])
            for place, name in reversed(list(enumerate(names)))
            if name
        }
        return pd.DataFrame(dict(reversed(columns.items())), index=frame.index)

    @abstractmethod
    def _read_columns(self, table: str) -> Sequence[str]:
        """Return the names of a table's columns as they are there."""

    @abstractmethod
    def _read(self, table: str, cursor: str | None, since: str | None) -> pd.DataFrame:
        """Read a table; a catalog that cannot choose rows gives all of them."""


class FolderCatalog(Catalog):
    """A folder of CSV and Parquet files."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, Path] = {}
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() not in _FILES or not file.is_file():
                continue
            same = next((name for name in self._files if plain(name) == plain(file.stem)), None)
            if same is not None:
                raise SourceError(
                    f"{folder}: {self._files[same].name} and {file.name} would be the same table; "
                    "leave one of them"
                )
            self._files[file.stem] = file
        super().__init__(str(folder), list(self._files))

    def _read_columns(self, table: str) -> Sequence[str]:
        file = self._files[table]
        with _told_of(file):
            if file.suffix.lower() == ".parquet":
                return list(parquet.read_schema(file).names)
            return header(file)

    def _read(self, table: str, cursor: str | None, since: str | None) -> pd.DataFrame:
        del cursor, since
        file = self._files[table]
        with _told_of(file):
            if file.suffix.lower() == ".parquet":
                return pd.read_parquet(file, dtype_backend="pyarrow")
            return read_delimited(file)


@contextmanager
def _told_of(file: Path) -> Iterator[None]:
    """Say which file cannot be read, and why, in one line."""
    try:
        yield
    except SourceError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or _first_line(error)
        kind = file.suffix[1:].lower()
        raise SourceError(f"{file}: cannot be read as {kind}: {why}") from error


class DuckCatalog(Catalog):
    """A DuckDB file, opened for reading only."""

    def __init__(self, file: Path) -> None:
        try:
            self._connection = duckdb.connect(str(file), read_only=True)
            found = self._connection.execute(
                "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2"
            ).fetchall()
        except duckdb.Error as error:
            raise SourceError(f"{file}: cannot be read as DuckDB: {_first_line(error)}") from error
        self._where = {name: f'"{schema}"."{name}"' for schema, name in reversed(found)}
        super().__init__(str(file), sorted(self._where))

    def _read_columns(self, table: str) -> Sequence[str]:
        rows = self._connection.execute(f"DESCRIBE {self._where[table]}").fetchall()
        return [str(row[0]) for row in rows]

    def _read(self, table: str, cursor: str | None, since: str | None) -> pd.DataFrame:
        given: list[str] = []
        query = f"SELECT * FROM {self._where[table]}"  # noqa: S608  names are the database's own
        if cursor is not None and since is not None:
            actual = next(name for name in self._read_columns(table) if plain(name) == cursor)
            self._connection.execute("SET TimeZone = 'UTC'")
            query += (
                f' WHERE "{actual}" IS NULL OR CAST("{actual}" AS TIMESTAMPTZ) >= ?::TIMESTAMPTZ'
            )
            given.append(since)
        found: Any = self._connection.sql(query, params=given or None)
        return found.to_arrow_table().to_pandas(types_mapper=pd.ArrowDtype)


class SqlCatalog(Catalog):
    """A database behind a SQLAlchemy URL; ``#schema`` after it names a schema."""

    def __init__(self, source: str) -> None:
        address, schema = parted(source)
        name = shown(source)
        try:
            self._engine: Engine = create_engine(patient(make_url(address)), poolclass=NullPool)
        except (ArgumentError, SQLAlchemyError, ImportError, ValueError, TypeError) as error:
            raise SourceError(f"{name}: no usable database URL: {reason(error, source)}") from error
        self._schema = schema or None
        self._stored: dict[str, list[Any]] = {}
        with self._told_of(name, source):
            inspector = inspect(self._engine)
            tables = [
                *inspector.get_table_names(schema=self._schema),
                *inspector.get_view_names(schema=self._schema),
            ]
        super().__init__(name, sorted(tables))

    def _read_columns(self, table: str) -> Sequence[str]:
        return [str(each["name"]) for each in self._described(table)]

    def _read(self, table: str, cursor: str | None, since: str | None) -> pd.DataFrame:
        names = self._read_columns(table)
        # Values as the driver gives them: a type that a column only claims to have may not fit.
        stored = sql_table(table, *(column(name) for name in names), schema=self._schema)
        query = select(*stored.columns)
        moment = None if cursor is None or since is None else self._moment(table, cursor, since)
        if moment is not None:
            own = next(each for each in stored.columns if plain(each.name) == cursor)
            query = query.where(or_(own.is_(None), own >= moment))
        with self._told_of(self.name), self._engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        return pd.DataFrame(rows, columns=list(names), dtype=object)

    def _moment(self, table: str, cursor: str, since: str) -> Any:
        """Return what a cursor column is compared with; None where it does not order by time.

        Text does only in one notation, and what SQLite keeps is text: the caller then keeps what
        is new enough.
        """
        kind = next(
            each["type"] for each in self._described(table) if plain(each["name"]) == cursor
        )
        if not isinstance(kind, DateTime) or self._engine.dialect.name == "sqlite":
            return None
        moment = pd.Timestamp(since).to_pydatetime()
        if getattr(kind, "timezone", False) is not True:
            moment = moment.replace(tzinfo=None)
        return literal(moment, kind)

    def _described(self, table: str) -> list[Any]:
        if table not in self._stored:
            with self._told_of(f"{self.name}: {table}"):
                found = inspect(self._engine).get_columns(table, schema=self._schema)
            self._stored[table] = list(found)
        return self._stored[table]

    @contextmanager
    def _told_of(self, name: str, source: str = "") -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise SourceError(f"{name}: cannot be read: {reason(cause, source)}") from error


def open_catalog(source: str) -> Catalog | None:
    """Open the tables of a source, or return None where it is of no kind that has tables.

    Raises
    ------
    SourceError : the database cannot be opened.
    """
    if "://" in source:
        return SqlCatalog(source)
    path = Path(source)
    if path.is_dir():
        return FolderCatalog(path)
    if path.suffix.lower() in _DUCKDB:
        return DuckCatalog(path)
    if path.suffix.lower() in _SQLITE:
        return SqlCatalog(f"sqlite:///{path}")
    return None


def as_text(values: pd.Series) -> pd.Series:
    """Return a column as text, missing as None; whole floats lose their decimal point."""
    kind = values.dtype.pyarrow_dtype if isinstance(values.dtype, pd.ArrowDtype) else None
    if kind is not None and pa.types.is_timestamp(kind) and kind.tz in (None, "UTC"):
        made = _moments(values, "" if kind.tz is None else "+00:00")
    elif kind is not None and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        texts = values.astype(pd.ArrowDtype(pa.string())).tolist()
        made = [text if isinstance(text, str) else None for text in texts]
    else:
        made = [_text(value) for value in values.tolist()]
    return pd.Series(made, index=values.index, dtype=object)


def _moments(values: pd.Series, zone: str) -> list[str | None]:
    """Return instants as ISO 8601, with fractions of a second only where there are any."""
    stamps = values.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT"))
    whole = stamps == stamps.astype("datetime64[s]")
    texts = np.datetime_as_string(stamps, unit="s").astype(object)
    texts[~whole] = np.datetime_as_string(stamps[~whole], unit="us")
    return [None if text == "NaT" else f"{text}{zone}" for text in texts]


def _text(value: Any) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # noqa: PLR0124  NaN
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    text = str(value).strip()
    return text or None


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [""])[0]
