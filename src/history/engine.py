"""The database under the store: SQLite with one writer at a time, or PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from history.addresses import shown
from history.errors import StoreError

_BUSY_SECONDS = 30


def open_engine(url: str, patience_s: float | None = None) -> Engine:
    """Open the database at a SQLAlchemy URL; a SQLite file is made where there is none.

    Parameters
    ----------
    url : ``sqlite:///folder/file.db`` or ``postgresql+psycopg://user@host/database``.
    patience_s : seconds that a writer waits for another one; half a minute where missing.

    Raises
    ------
    StoreError : the URL is of no database that we know, or the database cannot be opened.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            f"{shown(url)!r} is no database URL; expected sqlite:///var/history.db or "
            "postgresql+psycopg://user@host/database"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"{parsed.get_backend_name()!r}: the history lives in SQLite or PostgreSQL"
        )
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    elif parsed.database and parsed.database != ":memory:":
        _make_folder(Path(parsed.database).parent)
    else:
        raise StoreError(
            "a history in memory would be lost: name a file, as in sqlite:///history.db"
        )
    try:
        engine = create_engine(parsed)
    except NoSuchModuleError as error:
        raise StoreError(f"{shown(url)!r}: no driver for this database is installed") from error
    if parsed.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, _BUSY_SECONDS if patience_s is None else patience_s)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: the store's folder cannot be made: {error.strerror}"
        ) from error


def _prepare_sqlite(engine: Engine, patience_s: float) -> None:
    """Let readers and one writer work side by side, and writers wait for each other."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not in the driver
        for pragma in (
            f"busy_timeout = {int(patience_s * 1000)}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "temp_store = MEMORY",
            "secure_delete = ON",  # what is deleted is overwritten; `history.purging` does the rest
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
