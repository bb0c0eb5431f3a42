"""Forgetting a person: which rows go, the proof of it, and that no source brings them back.

Of a person who was erased nothing stays but a keyed digest of the id, so that rows which a source
still holds are left out when they come again. The key is the store's own: without the store the
digests say nothing.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, Text, and_, false, func, or_, select

from history.errors import StoreError
from history.meta import get_meta, set_meta
from history.purging import Traces
from history.rejects import Conformed, Reject
from history.schema import ERASED, MOVED, QUARANTINE, metadata

_KEY = "erasure_key"
_MANY = 500
_IDS = ("lead_id", "old_id", "new_id", "record")
"""Columns that name a lead, in the outbox too; in the attribute history it is ``entity_id``."""
_PATIENCE = "30s"
_LEAST_DISTINCT = 4
"""Shorter ids, and numbers, stand in texts by chance."""


@dataclass(frozen=True)
class Receipt:
    """Proof of an erasure.

    Parameters
    ----------
    lead_id : the person.
    removed : how many rows went, by table.
    found_after : how many rows name the person after it, by table that was searched: none.
    linked : further ids of the person, which were merged with this one and are erased with it.
    traces : what the store's files hold of the person; nothing was looked for where None.
    """

    lead_id: str
    removed: Mapping[str, int] = field(default_factory=dict)
    found_after: Mapping[str, int] = field(default_factory=dict)
    linked: tuple[str, ...] = ()
    traces: Traces | None = None


def distinct(ids: Iterable[str]) -> list[str]:
    """Return the ids that stand in a text for the person alone: no numbers, none very short."""
    return [each for each in ids if len(each) >= _LEAST_DISTINCT and not each.isdigit()]


def erase(connection: Connection, lead_id: str) -> Receipt:
    """Delete every row that names a lead, and remember not to take any in again.

    Ids that were merged with this lead, one into the other, are the same person, and go with it.

    Parameters
    ----------
    connection : within a transaction of the caller, which has written nothing yet: on PostgreSQL
        the erasure waits for who asks `kept_out`, and who asks later waits for the erasure.
    lead_id : the person; unknown ones have no rows.

    Raises
    ------
    StoreError : a row names the person still; the caller must take everything back.
    """
    _lock(connection, "EXCLUSIVE")
    ids = same_person(connection, lead_id)
    removed = _delete(connection, ids)
    if any(removed.values()):
        _remember(connection, ids)
    return Receipt(
        lead_id, removed, _proof(connection, lead_id, ids), tuple(e for e in ids if e != lead_id)
    )


def erase_too(connection: Connection, lead_id: str, erased_id: str) -> None:
    """Erase a lead that turned out to be a person who was erased under another id.

    Both are readmitted together.

    Parameters
    ----------
    connection : within a transaction of the caller.
    lead_id : with rows of its own, or none, or erased by itself.
    erased_id : the id that the person was erased under.

    Raises
    ------
    StoreError : as for `erase`.
    """
    _lock(connection, "EXCLUSIVE")
    ids = same_person(connection, lead_id)
    _delete(connection, ids)
    _remember(connection, [*ids, erased_id])
    _proof(connection, lead_id, ids)


def same_person(connection: Connection, lead_id: str) -> list[str]:
    """Return a lead's id with all that it was merged with, in either direction."""
    ids, fresh = {lead_id}, {lead_id}
    while fresh:
        merged = select(MOVED.c.old_id, MOVED.c.new_id).where(
            MOVED.c.new_id.is_not(None), or_(MOVED.c.old_id.in_(fresh), MOVED.c.new_id.in_(fresh))
        )
        fresh = {str(each) for row in connection.execute(merged) for each in row} - ids
        ids |= fresh
    return sorted(ids)


def readmit(connection: Connection, lead_id: str) -> int:
    """Let rows of a person in again, who asked for it, under every id that was linked.

    Returns
    -------
    How many ids were kept out; none where nobody of this id was erased.
    """
    _lock(connection, "EXCLUSIVE")
    ours = ERASED.c.digest == _digest(_key(connection), lead_id)
    row = connection.execute(select(ERASED.c.person).where(ours)).first()
    if row is not None and row.person is not None:
        ours = ERASED.c.person == row.person
    return int(connection.execute(ERASED.delete().where(ours)).rowcount)


def hold_erasures(connection: Connection) -> None:
    """Let nobody be erased until the transaction ends.

    Whoever asks `kept_out` and writes by the answer begins with this, before any other lock: an
    erasure in between would leave what is written after it. SQLite has one writer anyway.
    """
    _lock(connection, "ROW SHARE")


def _lock(connection: Connection, mode: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
        connection.exec_driver_sql(f"LOCK TABLE {ERASED.name} IN {mode} MODE")


def _delete(connection: Connection, ids: list[str]) -> dict[str, int]:
    return {
        table.name: int(connection.execute(table.delete().where(ours)).rowcount)
        for table, ours in _naming(ids)
    }


def _remember(connection: Connection, ids: Iterable[str]) -> None:
    """Keep digests of the ids, linked with each other and with what they were linked with."""
    key = _key(connection)
    digests = sorted({_digest(key, each) for each in ids})
    query = select(ERASED.c.digest, ERASED.c.person).where(ERASED.c.digest.in_(digests))
    known = {row.digest: row.person for row in connection.execute(query)}
    linked = sorted({each for each in known.values() if each is not None})
    person = linked[0] if linked else digests[0]
    same = or_(ERASED.c.digest.in_(digests), ERASED.c.person.in_(linked))
    connection.execute(ERASED.update().where(same).values(person=person))
    fresh = [{"digest": each, "person": person} for each in digests if each not in known]
    if fresh:
        connection.execute(ERASED.insert(), fresh)


def _proof(connection: Connection, lead_id: str, ids: list[str]) -> dict[str, int]:
    found = search(connection, ids)
    if any(found.values()):
        raise StoreError(f"{lead_id!r} is still named; nothing was erased")
    return found


def without_erased(connection: Connection, conformed: Conformed) -> Conformed:
    """Leave out the rows of people who were erased, those that do not fit as well.

    Parameters
    ----------
    connection : within a transaction of the caller.
    conformed : what came of a table.

    Returns
    -------
    The rest, with the count of what was left out.
    """
    if connection.execute(select(ERASED.c.digest).limit(1)).first() is None:
        return conformed
    key, frame = _key(connection), conformed.frame
    column = "lead_id" if "lead_id" in frame.columns else "entity_id"
    gone = pd.Series(False, index=frame.index)
    if column in frame.columns:
        named = _erased(connection, key, frame[column].dropna().astype(str).unique())
        gone = frame[column].isin(named)
        if column == "entity_id":
            gone &= frame["entity"] == "lead"
    raw = {reject.raw: _ids_in(reject) for reject in conformed.rejects}
    ours = _erased(connection, key, {each for ids in raw.values() for each in ids})
    kept = [reject for reject in conformed.rejects if not raw[reject.raw] & ours]
    left_out = int(gone.sum()) + len(conformed.rejects) - len(kept)
    if not left_out:
        return conformed
    rest = frame[~gone.to_numpy()].reset_index(drop=True)
    return replace(conformed, frame=rest, rejects=kept, erased=left_out)


def _naming(ids: list[str]) -> list[tuple[Table, ColumnElement[bool]]]:
    """Return every table that can name a lead, with the condition that it names one of these."""
    found: list[tuple[Table, ColumnElement[bool]]] = []
    for table in metadata.sorted_tables:
        named: list[ColumnElement[bool]] = [
            table.c[name].in_(ids) for name in _IDS if name in table.c
        ]
        if "entity_id" in table.c:
            named.append(and_(table.c.entity == "lead", table.c.entity_id.in_(ids)))
        if table is QUARANTINE:
            named += [
                table.c.raw.contains(form, autoescape=True) for each in ids for form in _forms(each)
            ]
            named.append(table.c.value.in_(ids))
        if named:
            found.append((table, or_(*named)))
    return found


def _forms(lead_id: str) -> list[str]:
    """Return how an id may stand in a row that is kept as JSON: as text, or as a number."""
    number = [f": {lead_id},", f": {lead_id}}}"] if lead_id.isdigit() else []
    return [json.dumps(lead_id), *number]


def search(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Count the rows of each table in which an id stands, wherever that may be.

    This is the proof of an erasure, and shares nothing with the conditions that it deleted by:
    every text column is looked at, for the id as it is and as JSON writes it. An id that is a
    number or very short stands in texts by chance: of those the columns are looked at that hold
    ids by their name.
    """
    alone = distinct(ids)
    found = {}
    for table in metadata.sorted_tables:
        named: list[ColumnElement[bool]] = []
        for column in table.columns:
            if not isinstance(column.type, Text):
                continue
            if alone:
                named.append(column.in_(alone))
                named += [column.contains(json.dumps(each), autoescape=True) for each in alone]
            if column.name.endswith("_id") or column.name in _IDS:
                named.append(_of_a_lead(table, column.in_(ids)))
        if named:
            count = select(func.count()).select_from(table).where(or_(*named))
            found[table.name] = int(connection.execute(count).scalar_one())
    return found


def _of_a_lead(table: Table, same: ColumnElement[bool]) -> ColumnElement[bool]:
    """Leave out accounts that bear the id of a lead."""
    if table.name == "accounts":
        return false()
    return and_(table.c.entity == "lead", same) if "entity" in table.c else same


def kept_out(connection: Connection, lead_ids: Iterable[str]) -> set[str]:
    """Return those of the ids that were erased: what is written of leads later leaves them out."""
    if connection.execute(select(ERASED.c.digest).limit(1)).first() is None:
        return set()
    return _erased(connection, _key(connection), lead_ids)


def _key(connection: Connection) -> str:
    key = get_meta(connection, _KEY)
    if key is None:
        key = secrets.token_hex(32)
        set_meta(connection, _KEY, key)
    return str(key)


def _digest(key: str, lead_id: str) -> str:
    return hmac.new(bytes.fromhex(key), lead_id.encode(), "sha256").hexdigest()


def _erased(connection: Connection, key: str, lead_ids: Iterable[str]) -> set[str]:
    """Return those of the ids that were erased."""
    asked = {_digest(key, each): each for each in lead_ids}
    query = select(ERASED.c.digest)
    if len(asked) <= _MANY:
        query = query.where(ERASED.c.digest.in_(list(asked)))
    return {asked[each] for each in connection.execute(query).scalars() if each in asked}


def _ids_in(reject: Reject) -> set[str]:
    """Return what may be the id of a lead in a row that did not fit."""
    try:
        row = json.loads(reject.raw)
    except ValueError:
        return set()
    values = row.values() if isinstance(row, dict) else ()
    return {str(each) for each in values if isinstance(each, str | int)}
