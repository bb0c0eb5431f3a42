"""Which revision of its tables a store is at. Alembic writes the same table; it is not needed here.

The name of the table is our own: MLflow and Optuna keep theirs in ``alembic_version``, and may
share the database.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from history.meta import get_meta
from history.schema import META

BASELINE = "0001"
"""The tables as they were before revisions were written down."""

REVISIONS: tuple[str, ...] = (BASELINE, "0002")
"""Every revision that this release knows, in order; one file each in `history.migrations`."""

VERSION = Table(
    "smarketing_version",
    MetaData(),  # of its own: it is about the store, and goes into no backup
    Column("version_num", String(32), primary_key=True),
)

_BEFORE_REVISIONS = 1
_LOCK = 0x736D6B74  # "smkt", for PostgreSQL's advisory locks
_PATIENCE = "30s"


def head() -> str:
    """Return the revision that this release reads and writes."""
    return REVISIONS[-1]


def current(connection: Connection) -> str | None:
    """Return the revision of a store; None where there is no store yet.

    A store from before revisions were written down counts as `BASELINE`, if its tables are those;
    as ``schema N``, which no release knows, if they are others.
    """
    stamped = _stamped(connection)
    if stamped is not None:
        return stamped
    known = inspect(connection).has_table(META.name)
    told = get_meta(connection, "schema_version") if known else None
    if told is None:
        return None
    return BASELINE if told == _BEFORE_REVISIONS else f"schema {told}"


def is_stamped(connection: Connection) -> bool:
    """Tell whether the store's revision is written down in it."""
    return _stamped(connection) is not None


def _stamped(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION.name):
        return None
    found = connection.execute(select(VERSION.c.version_num)).scalar()
    return None if found is None else str(found)


def stamp(connection: Connection) -> None:
    """Write down that the store is at the newest revision."""
    VERSION.create(connection, checkfirst=True)
    connection.execute(VERSION.delete())
    connection.execute(VERSION.insert().values(version_num=head()))


def lock_schema(connection: Connection) -> None:
    """Let nobody else make or change tables until the transaction ends.

    SQLite has one writer anyway. On PostgreSQL a wait, here or for a table that is in use, ends
    after half a minute with an error.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
