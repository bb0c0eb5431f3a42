"""The outbox: one row a CRM and record, in the store's own database.

A row is written before anybody is told that it will be sent, and marked as sent only when the
vendor has said so. A newer score replaces the one that still waits; a score that the vendor has
already is not put in at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, select

from history.erasure import hold_erasures, kept_out
from history.schema import OUTBOX

TO_SCORE, WAITING, SENT, DEAD = "to_score", "waiting", "sent", "dead"
_LEASE = pd.Timedelta(minutes=5)


@dataclass(frozen=True)
class Item:
    """A row that is to be sent, or scored.

    Parameters
    ----------
    target : the CRM.
    record : id of the record there.
    payload : what it is to be told.
    digest : of the payload.
    attempts : how often it was tried in vain.
    """

    target: str
    record: str
    payload: Mapping[str, Any]
    digest: str
    attempts: int


class Outbox:
    """Rows to be sent, on disk.

    Parameters
    ----------
    engine : of the history's store.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def put(self, target: str, payloads: Mapping[str, Mapping[str, Any]]) -> int:
        """Put payloads by record in, those that the vendor does not have yet; return how many.

        Those of people who were erased meanwhile are left out.
        """
        with self.engine.begin() as connection:
            hold_erasures(connection)
            erased = kept_out(connection, payloads)
            return sum(
                _put(connection, target, record, payload, WAITING)
                for record, payload in payloads.items()
                if record not in erased
            )

    def ask(self, target: str, record: str, payload: Mapping[str, Any]) -> None:
        """Note that a record is to be scored, unless the person was erased; then it is on disk."""
        with self.engine.begin() as connection:
            hold_erasures(connection)
            if not kept_out(connection, [record]):
                _put(connection, target, record, payload, TO_SCORE)

    def claim(self, now: pd.Timestamp, state: str, limit: int, target: str = "") -> list[Item]:
        """Take rows that are due, for a few minutes: nobody else takes them meanwhile."""
        with self.engine.begin() as connection:
            due = [OUTBOX.c.state == state, OUTBOX.c.not_before <= _micros(now)]
            due += [OUTBOX.c.target == target] if target else []
            query = select(OUTBOX).where(*due).order_by(OUTBOX.c.not_before, OUTBOX.c.record)
            taken = []
            for row in connection.execute(query.limit(limit)).all():
                lease = OUTBOX.update().where(*_of(row.target, row.record), *due)
                mine = connection.execute(lease.values(not_before=_micros(now + _LEASE)))
                if mine.rowcount:
                    payload = json.loads(row.payload)
                    taken.append(Item(row.target, row.record, payload, row.digest, row.attempts))
            return taken

    def sent(self, items: Iterable[Item]) -> None:
        """Mark rows as accepted; one that has changed meanwhile goes on waiting."""
        with self.engine.begin() as connection:
            for item in items:
                own = _of(item.target, item.record)
                told = OUTBOX.update().where(*own).values(accepted=item.digest, attempts=0)
                connection.execute(told)
                same = OUTBOX.update().where(*own, OUTBOX.c.digest == item.digest)
                connection.execute(same.values(state=SENT, problem=""))
                connection.execute(
                    OUTBOX.update()
                    .where(*own, OUTBOX.c.digest != item.digest, OUTBOX.c.state == WAITING)
                    .values(not_before=0)
                )

    def again(self, item: Item, when: pd.Timestamp, problem: str, *, counts: bool = True) -> None:
        """Try a row again at a later time."""
        values = {"not_before": _micros(when), "problem": problem[:500]}
        tried = item.attempts + (1 if counts else 0)
        with self.engine.begin() as connection:
            own = _of(item.target, item.record)
            connection.execute(OUTBOX.update().where(*own).values(**values, attempts=tried))

    def dead(self, item: Item, problem: str) -> None:
        """Set a row aside; `replay` brings it back."""
        with self.engine.begin() as connection:
            own = (*_of(item.target, item.record), OUTBOX.c.digest == item.digest)
            connection.execute(
                OUTBOX.update().where(*own).values(state=DEAD, problem=problem[:500])
            )

    def replay(self) -> int:
        """Let dead rows wait again; return how many."""
        with self.engine.begin() as connection:
            dead = OUTBOX.update().where(OUTBOX.c.state == DEAD)
            return int(
                connection.execute(
                    dead.values(state=WAITING, attempts=0, not_before=0, problem="")
                ).rowcount
            )

    def payloads(self, target: str) -> dict[str, dict[str, Any]]:
        """Return what a target was told last, or is to be told, by record."""
        query = select(OUTBOX.c.record, OUTBOX.c.payload).where(OUTBOX.c.target == target)
        with self.engine.connect() as connection:
            return {str(row.record): json.loads(row.payload) for row in connection.execute(query)}

    def rows(self) -> pd.DataFrame:
        """Return all rows: target, record, state, attempts, not_before and problem."""
        columns = ["target", "record", "state", "attempts", "not_before", "problem"]
        with self.engine.connect() as connection:
            query = select(*(OUTBOX.c[name] for name in columns))
            found = connection.execute(query.order_by(OUTBOX.c.target, OUTBOX.c.record)).all()
        return pd.DataFrame(found, columns=columns)


def _put(
    connection: Connection, target: str, record: str, payload: Mapping[str, Any], state: str
) -> int:
    text = json.dumps(payload, sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    before = connection.execute(select(OUTBOX).where(*_of(target, record))).first()
    values = {"payload": text, "digest": digest, "state": state, "attempts": 0, "not_before": 0}
    if before is None:
        row = {"target": target, "record": record, "accepted": "", "problem": "", **values}
        connection.execute(OUTBOX.insert().values(row))
        return 1
    if state == WAITING and before.accepted == digest:
        unchanged = OUTBOX.update().where(*_of(target, record))
        connection.execute(unchanged.values(state=SENT, payload=text, digest=digest, problem=""))
        return 0
    if before.digest == digest and before.state == state:
        return 0
    connection.execute(OUTBOX.update().where(*_of(target, record)).values(**values, problem=""))
    return 1


def _of(target: str, record: str) -> tuple[Any, Any]:
    return OUTBOX.c.target == target, OUTBOX.c.record == record


def _micros(stamp: pd.Timestamp) -> int:
    return (
        int(stamp.as_unit("us").value // 1000)
        if stamp.unit == "ns"
        else int(stamp.as_unit("us").asm8.astype("int64"))
    )
