"""Opening a store: its tables are made where there are none, and no other schema is touched."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from history.errors import StoreError
from history.meta import get_meta, set_meta
from history.schema import META, SCHEMA_VERSION, metadata


def prepare(connection: Connection, name: str) -> None:
    """Make the tables that are missing, once the schema is known to be the one of this release.

    Parameters
    ----------
    connection : within a transaction of the caller.
    name : the store's, for messages.

    Raises
    ------
    StoreError : the schema is newer or older than this release's; nothing was changed.
    """
    known = inspect(connection).has_table(META.name)
    version = get_meta(connection, "schema_version") if known else None
    if version is not None and version != SCHEMA_VERSION:
        newer = version > SCHEMA_VERSION
        raise StoreError(
            f"{name}: the store has schema version {version}, this release reads "
            f"{SCHEMA_VERSION}: "
            + ("upgrade smarketing" if newer else "open it with the release that wrote it")
        )
    metadata.create_all(connection)
    if version is None:
        set_meta(connection, "schema_version", SCHEMA_VERSION)
