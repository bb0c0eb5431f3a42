"""What a SQLite file keeps of deleted rows, and how it is made to forget.

A deleted row stays readable in free pages, in what page splits left behind and in the write-ahead
log. Rewriting the file leaves none of it; the log is then cut off.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

_PART: Final = 1 << 24
_LOGS: Final = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Traces:
    """What the files of a store hold of somebody who was erased.

    Parameters
    ----------
    files : in how many parts of each file an id stands, searched byte by byte; empty on
        PostgreSQL, whose files are its server's.
    copies : files beside the store that were copied from it before and hold an id still.
    in_the_way : why the file could not be rewritten, and what to do; empty where it was.
    """

    files: dict[str, int] = field(default_factory=dict)
    copies: tuple[str, ...] = ()
    in_the_way: str = ""


def purge(engine: Engine, ids: Collection[str]) -> Traces:
    """Remove from the files of a store what deleted rows left behind, and look for ids in them.

    Parameters
    ----------
    engine : of the store, none of whose connections is in a transaction of this thread.
    ids : to look for; nothing is looked for where there are none.

    Returns
    -------
    What was found. Nothing is done on PostgreSQL: there the server's vacuum does it.
    """
    if engine.dialect.name != "sqlite":
        return Traces()
    try:
        with engine.connect() as connection:
            cut = _rewritten(connection.execution_options(isolation_level="AUTOCOMMIT"))
        why = "" if cut else "somebody has been reading for half a minute"
    except DBAPIError as error:
        why = str(error.orig)
    again = "stop the service and erase again"
    in_the_way = f"the file could not be rewritten: {why}; {again}" if why else ""
    path = Path(str(engine.url.database))
    ours = [path, *(path.with_name(path.name + each) for each in _LOGS)]
    files = {each.name: _count(each, ids) for each in ours if each.exists()}
    others = (each for each in path.parent.glob(f"{path.name}.*") if each.is_file())
    return Traces(files, tuple(sorted(e.name for e in others if _count(e, ids))), in_the_way)


def _rewritten(connection: Connection) -> bool:
    """Rewrite the file and cut its log off; tell whether the log could be cut."""
    connection.exec_driver_sql("VACUUM")
    busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    return not busy


def _count(file: Path, ids: Collection[str]) -> int:
    """Count the parts of a file in which an id stands, as it is or as JSON writes it."""
    forms = {form.encode() for each in ids for form in (each, json.dumps(each)[1:-1])}
    overlap, found, rest = max(map(len, forms), default=0), 0, b""
    with file.open("rb") as opened:
        while forms and (part := opened.read(_PART)):
            text = rest + part
            found += any(form in text for form in forms)
            rest = text[-overlap:]
    return found
