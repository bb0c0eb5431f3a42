"""Opening a store: it is made where there is none, and one of another revision is not touched."""

from __future__ import annotations

from sqlalchemy import Connection

from history.errors import StoreError
from history.revisions import REVISIONS, current, head, is_stamped, lock_schema, stamp
from history.schema import metadata


def prepare(connection: Connection, name: str) -> None:
    """Make a store that is missing; check that one that is there has this release's tables.

    Parameters
    ----------
    connection : within a transaction of the caller.
    name : the store's, for messages.

    Raises
    ------
    StoreError : its revision is newer or older than this release's; nothing was changed.
    """
    revision = current(connection)
    if revision is not None:
        check(revision, name)
        if is_stamped(connection):
            return
    lock_schema(connection)
    metadata.create_all(connection)
    stamp(connection)


def check(revision: str, name: str) -> None:
    """Refuse a store that is not at the newest revision.

    Raises
    ------
    StoreError : it is older or newer; the message says what to do.
    """
    if revision == head():
        return
    if revision not in REVISIONS:
        raise StoreError(unknown(revision, name, head()))
    raise StoreError(
        f"{name}: the store is at revision {revision}, this release reads {head()}: "
        "stop the service and run `smarketing migrate`"
    )


def unknown(revision: str, name: str, newest: str) -> str:
    """Return what to tell of a store of a revision that is not this release's."""
    return (
        f"{name}: the store is at revision {revision}, this release knows up to {newest}: "
        "upgrade smarketing, or open it with the release that wrote it"
    )
