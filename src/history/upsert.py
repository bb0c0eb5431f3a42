"""Writing conformed rows into the store: new ones, changed ones, and the ones already there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
from sqlalchemy import Column as StoredColumn
from sqlalchemy import Connection, MetaData, Table, and_, func, literal_column, not_, select, text

from history.history import micros
from history.rejects import Conformed, Reject
from history.schema import QUARANTINE, STORED
from history.tables import TABLES
from history.values import json_value

_STAGE = "incoming"
_CHUNK = 50_000


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one table.

    Parameters
    ----------
    accepted : new rows.
    updated : rows that replaced older content of the same id.
    duplicate : rows that were there already, or twice in the source.
    rejected : rows in quarantine.
    erased : rows of people who were forgotten, which are left out.
    """

    accepted: int = 0
    updated: int = 0
    duplicate: int = 0
    rejected: int = 0
    erased: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def upsert(connection: Connection, name: str, conformed: Conformed, now: pd.Timestamp) -> Counts:
    """Write the rows of a table that conform, within the caller's transaction.

    A known row is updated in the columns that the source has: what it does not say stays. A
    changed attribute of a known lead or account never overwrites the old one: it goes into the
    attribute history, valid from `now`, which is when the system learned of it.
    """
    frame = conformed.frame
    if frame.empty:
        return Counts()
    stored = STORED[name]
    stage = _stage(connection, stored, frame)
    known = _known(connection, stored, stage)
    changes = 0
    if known and TABLES[name].attributes:
        changes = _keep_attributes(connection, name, stored, stage, now)
    changed = _replace_changed(connection, stored, stage, conformed.given) if known else 0
    _insert_new(connection, stored, stage)
    connection.execute(text(f"DROP TABLE {_STAGE}"))
    updated = max(changed, changes)
    return Counts(accepted=len(frame) - known, updated=updated, duplicate=max(0, known - updated))


def counted(written: Counts, conformed: Conformed) -> Counts:
    """Return the counts of what was written together with what was not."""
    rejected, erased = len(conformed.rejects), conformed.erased
    return written + Counts(duplicate=conformed.duplicates, rejected=rejected, erased=erased)


def quarantine(
    connection: Connection, rejects: list[Reject], now: pd.Timestamp, *, keep: bool = False
) -> None:
    """Keep rejected rows; what an origin had there before is replaced by what it has now.

    Where only a part of the origin was read, `keep` leaves its other rows there.
    """
    for origin, table in {(reject.origin, reject.table) for reject in rejects if not keep}:
        clear_quarantine(connection, table, origin)
    for reject in rejects if keep else ():
        again = and_(QUARANTINE.c.origin == reject.origin, QUARANTINE.c.raw == reject.raw)
        connection.execute(
            QUARANTINE.delete().where(again, QUARANTINE.c.table_name == reject.table)
        )
    if keep:  # the same row may have been read twice
        rejects = list({_reject_id(reject): reject for reject in rejects}.values())
    if rejects:
        connection.execute(
            QUARANTINE.insert(),
            [
                {
                    "quarantine_id": _reject_id(reject),
                    "table_name": reject.table,
                    "origin": reject.origin,
                    "row": reject.row,
                    "field": reject.field,
                    "value": reject.value,
                    "reason": reject.reason,
                    "raw": reject.raw,
                    "seen_at": micros(now),
                }
                for reject in rejects
            ],
        )


def clear_quarantine(connection: Connection, table: str, origin: str) -> None:
    """Forget what is in quarantine of one table of one origin."""
    same = and_(QUARANTINE.c.origin == origin, QUARANTINE.c.table_name == table)
    connection.execute(QUARANTINE.delete().where(same))


def rows(stored: Table, frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Return a conformed frame as tuples in the order of the stored columns."""
    contract = TABLES[stored.name]
    columns: list[list[Any]] = []
    for column in contract.columns:
        values = frame[column.name]
        if column.kind == "time":
            plain = values.astype("int64").astype(object).where(values.notna(), None)
        elif column.kind == "value":
            plain = values.map(lambda each: json.dumps(json_value(each)))
        else:
            plain = values.astype(object).where(values.notna(), None)
        columns.append(plain.tolist())
    if contract.attributes:
        columns.append(_attributes(frame, set(contract.names)))
    return list(zip(*columns, strict=True))


def _attributes(frame: pd.DataFrame, declared: set[str]) -> list[str]:
    names = [name for name in frame.columns if name not in declared]
    columns = [[json_value(each) for each in frame[name].tolist()] for name in names]
    if not names:
        return ["{}"] * len(frame)
    return [
        json.dumps(dict(zip(names, values, strict=True)), sort_keys=True)
        for values in zip(*columns, strict=True)
    ]


def _stage(connection: Connection, stored: Table, frame: pd.DataFrame) -> Table:
    """Put the rows into a temporary table, from where SQL compares them with what is there."""
    stage = Table(
        _STAGE,
        MetaData(),
        *(StoredColumn(column.name, column.type) for column in stored.columns),
        prefixes=["TEMPORARY"],
    )
    stage.create(connection)
    marks = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    names = ", ".join(f'"{column.name}"' for column in stored.columns)
    slots = ", ".join([marks] * len(stored.columns))
    for start in range(0, len(frame), _CHUNK):
        connection.exec_driver_sql(
            f"INSERT INTO {_STAGE} ({names}) VALUES ({slots})",  # noqa: S608  names are ours
            rows(stored, frame.iloc[start : start + _CHUNK]),
        )
    return stage


def _key(stored: Table) -> str:
    return TABLES[stored.name].key


def _known(connection: Connection, stored: Table, stage: Table) -> int:
    key = _key(stored)
    if connection.execute(select(stored.c[key]).limit(1)).first() is None:
        return 0
    match = stage.join(stored, stage.c[key] == stored.c[key])
    return int(connection.execute(select(func.count()).select_from(match)).scalar_one())


def _replace_changed(
    connection: Connection, stored: Table, stage: Table, given: frozenset[str]
) -> int:
    """Update rows whose content differs; attributes are never overwritten here."""
    key = _key(stored)
    compared = [column.name for column in stored.columns if column.name in given - {key}]
    if not compared:
        return 0
    same = and_(*(stored.c[name].is_not_distinct_from(stage.c[name]) for name in compared))
    differing = and_(stored.c[key] == stage.c[key], not_(same))
    result = connection.execute(
        stored.update().where(differing).values({name: stage.c[name] for name in compared})
    )
    return int(result.rowcount)


def _insert_new(connection: Connection, stored: Table, stage: Table) -> None:
    key = _key(stored)
    there = select(literal_column("1")).where(stored.c[key] == stage.c[key]).exists()
    fresh = select(*stage.columns).where(not_(there))
    connection.execute(stored.insert().from_select([c.name for c in stage.columns], fresh))


def _keep_attributes(
    connection: Connection, name: str, stored: Table, stage: Table, now: pd.Timestamp
) -> int:
    """Write changed attributes of known leads or accounts into the attribute history.

    Returns
    -------
    How many leads or accounts have changed.
    """
    key, entity = _key(stored), name.removesuffix("s")
    differing = select(
        stored.c[key], stored.c.created_at, stored.c.attributes, stage.c.attributes
    ).where(and_(stored.c[key] == stage.c[key], stored.c.attributes != stage.c.attributes))
    found = connection.execute(differing).all()
    latest = _latest_changes(connection, entity, [row[0] for row in found])
    changes: list[dict[str, Any]] = []
    for entity_id, created, old_text, new_text in found:
        old, new = json.loads(old_text), json.loads(new_text)
        for field, value in new.items():
            before = latest.get((entity_id, field), old.get(field))
            if before == value:
                continue
            if (entity_id, field) not in latest and before is not None and created is not None:
                changes.append(_change(entity, entity_id, field, before, created, created))
            changes.append(_change(entity, entity_id, field, value, micros(now), micros(now)))
    history = STORED["attribute_history"]
    unique = {change["change_id"]: change for change in changes}
    if unique:
        connection.execute(history.insert(), list(unique.values()))
    return len({change["entity_id"] for change in changes})


def _latest_changes(
    connection: Connection, entity: str, ids: list[str]
) -> dict[tuple[str, str], Any]:
    history = STORED["attribute_history"].c
    latest: dict[tuple[str, str], Any] = {}
    for start in range(0, len(ids), 500):
        found = connection.execute(
            select(history.entity_id, history.field, history.value)
            .where(history.entity == entity, history.entity_id.in_(ids[start : start + 500]))
            .order_by(history.valid_from, history.recorded_at)
        )
        for entity_id, field, value in found:
            latest[entity_id, field] = json.loads(value)
    return latest


def _change(
    entity: str, entity_id: str, field: str, value: Any, valid_from: int, recorded_at: int
) -> dict[str, Any]:
    content = json.dumps([entity, entity_id, field, value, valid_from])
    return {
        "change_id": hashlib.blake2b(content.encode(), digest_size=12).hexdigest(),
        "entity": entity,
        "entity_id": entity_id,
        "field": field,
        "value": json.dumps(value),
        "valid_from": valid_from,
        "recorded_at": recorded_at,
    }


def _reject_id(reject: Reject) -> str:
    content = json.dumps([reject.table, reject.origin, reject.row, reject.raw])
    return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()
