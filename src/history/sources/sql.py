"""A database whose tables or views have the canonical names and columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sqlalchemy import create_engine, inspect, select, table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

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
    try:
        url = make_url(source)
        engine = create_engine(url)
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        raise SourceError(
            f"{source.rsplit('@', maxsplit=1)[-1]}: no usable database URL: {error}"
        ) from error
    name = url.render_as_string(hide_password=True)
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
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise SourceError(f"{name}: cannot be read: {cause}") from error
    finally:
        engine.dispose()
    if "leads" not in tables:
        found = ", ".join(sorted(there)) or "no tables"
        raise SourceError(f"{name}: expected a table or view 'leads' (found {found})")
    return Extract(FORMAT, tables)
