"""What both teams keep beside the history: agreements, hand-offs, and what was changed and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Table, func, select

from history.conform import conform
from history.erasure import kept_out
from history.errors import ConflictError, HistoryError
from history.history import UTC_MICROSECONDS, micros
from history.schema import AGREEMENTS, CHANGES, HANDOFFS, STORED
from history.store import Store
from history.tables import TABLES
from history.upsert import upsert


def agreements(store: Store) -> list[dict[str, Any]]:
    """Return every version that was agreed on, oldest first: version, content, who, why, at."""
    with store.reading() as connection:
        rows = connection.execute(select(AGREEMENTS).order_by(AGREEMENTS.c.version)).all()
    return [
        {**row._mapping, "content": json.loads(row.content), "at": _instant(row.at)} for row in rows
    ]


def agree(
    store: Store,
    content: Mapping[str, Any],
    *,
    who: str,
    why: str,
    seen: int,
    now: pd.Timestamp,
    changed: Mapping[str, Any] | None = None,
) -> int:
    """Keep a new version of the agreement.

    Parameters
    ----------
    store : on disk.
    content : the terms, as plain data.
    who, why : kept with it; neither may be empty.
    seen : the version that the writer had before them; 0 where there was none.
    now : from when it holds.
    changed : an entry of the log of changes to write with it: said, changed, figure, before.

    Returns
    -------
    The new version.

    Raises
    ------
    ConflictError : another version was agreed on meanwhile.
    HistoryError : `who` or `why` is empty.
    """
    for name, value in (("who", who), ("why", why)):
        if not value.strip():
            raise HistoryError(
                f"{name}: a change of the agreement is kept with who made it and why"
            )
    with store.writing() as connection:
        lock(connection, AGREEMENTS)
        latest = connection.execute(select(func.max(AGREEMENTS.c.version))).scalar_one() or 0
        if latest != seen:
            raise ConflictError(
                f"version {latest} was agreed on meanwhile, and you looked at {seen}: look again"
            )
        row = {
            "version": latest + 1,
            "content": json.dumps(content, sort_keys=True),
            "who": who.strip(),
            "why": why.strip(),
            "at": micros(now),
        }
        connection.execute(AGREEMENTS.insert(), row)
        if changed is not None:
            entry = {**changed, "who": who.strip(), "at": micros(now)}
            mark = json.dumps([latest + 1, entry["changed"]])
            connection.execute(CHANGES.insert(), {**entry, "change_id": _digest(mark)})
    return int(latest) + 1


def changes(store: Store) -> list[dict[str, Any]]:
    """Return the log of what sales said and what was changed for it, the newest first."""
    with store.reading() as connection:
        rows = connection.execute(select(CHANGES).order_by(CHANGES.c.at.desc())).all()
    return [{**row._mapping, "at": _instant(row.at)} for row in rows]


def hand_over(store: Store, rows: Sequence[Mapping[str, Any]]) -> int:
    """Write leads that cross to sales into the ledger, once each; nobody who was erased.

    Parameters
    ----------
    store : on disk.
    rows : with the columns of the handoffs table but its id; ``handed_at`` a timestamp, ``reasons``
        a list. ``cycle`` tells the crossings of one lead apart: how often it was given back.

    Returns
    -------
    How many were not there before.
    """
    ready = [_handoff(row) for row in rows]
    if not ready:
        return 0
    with store.writing() as connection:
        lock(connection, HANDOFFS)
        there: set[str] = set()
        ids = [row["handoff_id"] for row in ready]
        for start in range(0, len(ids), 500):
            chosen = HANDOFFS.c.handoff_id.in_(ids[start : start + 500])
            there |= {
                str(row[0])
                for row in connection.execute(select(HANDOFFS.c.handoff_id).where(chosen))
            }
        erased = kept_out(connection, {row["lead_id"] for row in ready})
        new = [
            row for row in ready if row["handoff_id"] not in there and row["lead_id"] not in erased
        ]
        if new:
            connection.execute(HANDOFFS.insert(), new)
    return len(new)


def handoffs(store: Store) -> pd.DataFrame:
    """Return the ledger as it was written, by lead and time."""
    order = (HANDOFFS.c.lead_id, HANDOFFS.c.handed_at)
    with store.reading() as connection:
        rows = connection.execute(select(HANDOFFS).order_by(*order)).all()
    frame = pd.DataFrame(rows, columns=[column.name for column in HANDOFFS.columns])
    frame["handed_at"] = pd.to_datetime(frame["handed_at"].astype("int64"), unit="us", utc=True)
    frame["handed_at"] = frame["handed_at"].astype(UTC_MICROSECONDS)
    return frame.astype({"explored": bool})


def dispose(
    store: Store,
    row: Mapping[str, Any],
    *,
    seen: int,
    stage: str | None,
    now: pd.Timestamp,
) -> int:
    """Write what sales decided of a lead, unless somebody else has decided meanwhile.

    Parameters
    ----------
    store : on disk.
    row : ``lead_id``, ``action``, and ``reason`` and ``owner`` where there are some.
    seen : how many dispositions of the lead the writer had seen.
    stage : the stage that the lead moves to with it, None where it stays.
    now : when it happened.

    Returns
    -------
    How many dispositions the lead has now.

    Raises
    ------
    ConflictError : there are others than were seen; the message says whose.
    HistoryError : no such lead, or the row breaks the contract.
    """
    lead_id = str(row["lead_id"])
    given, leads = STORED["dispositions"], STORED["leads"]
    with store.writing() as connection:
        locked = select(leads.c.lead_id).where(leads.c.lead_id == lead_id).with_for_update()
        if connection.execute(locked).first() is None:
            raise HistoryError(f"lead_id: the history knows no lead {lead_id[:100]!r}")
        mine = select(given.c.action, given.c.owner, given.c.occurred_at).where(
            given.c.lead_id == lead_id
        )
        there = connection.execute(mine.order_by(given.c.occurred_at.desc())).all()
        if len(there) != seen:
            raise ConflictError(_quicker(lead_id, there))
        told: dict[str, Any] = {**row, "occurred_at": now.isoformat()}
        _write(connection, "dispositions", told, now)
        if stage is not None:
            moved: dict[str, Any] = {
                key: told[key]
                for key in ("lead_id", "occurred_at", "reason", "owner")
                if key in told
            }
            _write(connection, "outcomes", {**moved, "stage": stage}, now)
    return seen + 1


def disposition_counts(connection: Connection, lead_ids: Sequence[str]) -> dict[str, int]:
    """Return how many dispositions each of these leads has."""
    given = STORED["dispositions"]
    found: dict[str, int] = {}
    for start in range(0, len(lead_ids), 500):
        query = (
            select(given.c.lead_id, func.count())
            .where(given.c.lead_id.in_(lead_ids[start : start + 500]))
            .group_by(given.c.lead_id)
        )
        found |= {str(lead): int(count) for lead, count in connection.execute(query)}
    return found


def disposed_since(connection: Connection, since: pd.Timestamp) -> dict[str, str]:
    """Return the last action on each lead whose disposition was recorded since an instant."""
    given = STORED["dispositions"]
    query = select(given.c.lead_id, given.c.action).where(given.c.recorded_at >= micros(since))
    return {
        str(lead): str(action)
        for lead, action in connection.execute(query.order_by(given.c.recorded_at))
    }


def _quicker(lead_id: str, there: Sequence[Any]) -> str:
    if not there:
        return (
            f"lead {lead_id}: nobody has acted on it, and you say that you saw somebody: look again"
        )
    action, owner, at = there[0]
    done = {"accept": "accepted", "reject": "rejected", "recycle": "given back to marketing"}
    who = owner or "somebody"
    return (
        f"lead {lead_id} was {done.get(action, action)} by {who} at "
        f"{_instant(at).isoformat()}, before you: look again"
    )


def _write(connection: Connection, table: str, row: Mapping[str, Any], now: pd.Timestamp) -> None:
    frame = pd.DataFrame([{key: value for key, value in row.items() if value is not None}])
    conformed = conform(TABLES[table], frame, origin="the queue", timezone=None)
    if conformed.rejects:
        first = conformed.rejects[0]
        raise HistoryError(f"{first.field}: {first.reason} (got {first.value[:80]!r})")
    upsert(connection, table, conformed, now)


def _handoff(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {column.name: row[column.name] for column in HANDOFFS.columns if column.name in row}
    return {
        **kept,
        "handoff_id": _digest(json.dumps([row["lead_id"], int(row["cycle"])])),
        "handed_at": micros(row["handed_at"]),
        "reasons": json.dumps(row["reasons"]),
        "explored": int(row["explored"]),
    }


def lock(connection: Connection, table: Table) -> None:
    """Keep other writers of a table waiting; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _instant(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="us", tz="UTC").as_unit("us")
