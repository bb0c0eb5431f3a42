"""A database whose tables or views have the canonical names and columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sqlalchemy import create_engine, inspect, select, table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from history.addresses import patient, reason, shown
from history.errors import SourceError
from history.extract import Extract, RawTable
from history.tables import TABLES

FORMAT = "sql"
_FILES = (".db", ".sqlite", ".sqlite3")


def recognises(source: str) -> bool:
    """Tell whether a source is a database URL, or a SQLite file."""
    return "://" in source or Path(source).suffix.lower() in _FILES


def read(source: str, timezone: str | None) -> Extract:
    """Read every canonical table or view that the database has.

    Raises
    ------
    SourceError : the URL is wrong, the database cannot be reached, or it has no leads.
    """
    del timezone  # the store applies it
    source = source if "://" in source else f"sqlite:///{source}"
    name = shown(source)
    try:
        engine = create_engine(patient(make_url(source)))
    except (ArgumentError, SQLAlchemyError, ImportError, ValueError, TypeError) as error:
        raise SourceError(f"{name}: no usable database URL: {reason(error, source)}") from error
    try:
        with engine.connect() as connection:
            inspector = inspect(connection)
            there = {*inspector.get_table_names(), *inspector.get_view_names()}
            tables = {
                known: RawTable(
                    pd.read_sql_query(select(text("*")).select_from(table(known)), connection),
                    f"{name} {known}",
                )
                for known in TABLES
                if known in there
            }
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise SourceError(f"{name}: cannot be read: {reason(cause, source)}") from error
    finally:
        engine.dispose()
    if "leads" not in tables:
        found = ", ".join(sorted(there)) or "no tables"
        raise SourceError(f"{name}: expected a table or view 'leads' (found {found})")
    return Extract(FORMAT, tables)
