"""Fields that tell who somebody is: marked once, and known to every reader of the history."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from history.meta import get_meta, set_meta

_NAME = "personal"


def marked(connection: Connection) -> frozenset[str]:
    """Return the fields that were ever marked, as ``table.column``, and not unmarked since."""
    return frozenset(get_meta(connection, _NAME) or ())


def unusable(connection: Connection) -> tuple[frozenset[str], frozenset[str]]:
    """Return the fields of which only today's value is known, and those that are personal."""
    return frozenset(get_meta(connection, "current_only") or ()), marked(connection)


def mark(connection: Connection, fields: Collection[str]) -> None:
    """Mark fields as personal from now on; who marks fewer than before takes no mark away.

    Parameters
    ----------
    connection : within a transaction of the caller.
    fields : as ``table.column``.
    """
    before = marked(connection)
    if not before.issuperset(fields):
        set_meta(connection, _NAME, sorted(before.union(fields)))


def unmark(connection: Connection, field: str) -> bool:
    """Take the mark of a field away; tell whether it had one."""
    before = marked(connection)
    set_meta(connection, _NAME, sorted(before - {field}))
    return field in before
