"""The outbox: one row a CRM and record, in the store's own database.

A row is written before anybody is told that it will be sent, and marked as sent only when the
vendor has said so. A newer score replaces the one that still waits; a score that the vendor has
already is not put in at all. While a row is on its way nobody can say what the vendor has, so that
until it has answered every score counts as news to it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Engine, Row, select
from sqlalchemy.exc import IntegrityError

from history.erasure import hold_erasures, kept_out
from history.meta import get_meta, set_meta
from history.schema import OUTBOX

TO_SCORE, WAITING, SENT, DEAD = "to_score", "waiting", "sent", "dead"
_LEASE = pd.Timedelta(minutes=5)
_SPACE = uuid.UUID("6b1f3c1e-8f5c-5d43-9b0e-0d8d7a6f2c11")
_UNSURE = "?"
"""Stands in place of the digest of what the vendor has while nobody knows."""
_KEY, _ASKED = "_key", "_asked"
"""Stored beside a payload, and never sent: the key of a row, and that it is still to be scored."""


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
    key : the same however often this content is sent, another one when it comes back after a
        different one.
    unsure : it was on its way before, and nobody knows whether the vendor took it.
    """

    target: str
    record: str
    payload: Mapping[str, Any]
    digest: str
    attempts: int
    key: str = ""
    unsure: bool = False


@dataclass(frozen=True)
class Hold:
    """That nothing is to be sent to a target for a while.

    Parameters
    ----------
    until : when it may be called again.
    tries : how many calls in a row have failed.
    """

    until: pd.Timestamp
    tries: int


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

    def ask(self, target: str, payloads: Mapping[str, Mapping[str, Any]]) -> None:
        """Note the records that are to be scored, with what is to be sent beside their scores.

        Those of people who were erased are left out. When this returns, it is on disk.
        """
        with self.engine.begin() as connection:
            hold_erasures(connection)
            erased = kept_out(connection, payloads)
            for record, payload in payloads.items():
                if record not in erased:
                    _put(connection, target, record, {**payload, _ASKED: True}, TO_SCORE)

    def claim(self, now: pd.Timestamp, state: str, limit: int, target: str = "") -> list[Item]:
        """Take rows that are due, for a few minutes: nobody else takes them meanwhile.

        From then on it is not known what the vendor has, until `sent` says so.
        """
        with self.engine.begin() as connection:
            due = _due(now, state, target)
            query = select(OUTBOX).where(*due).order_by(OUTBOX.c.not_before, OUTBOX.c.record)
            taken = []
            values: dict[str, Any] = {"not_before": _micros(now + _LEASE)}
            for row in connection.execute(query.limit(limit)).all():
                lease = OUTBOX.update().where(*_of(row.target, row.record), *due)
                unsure = {"accepted": _UNSURE} if state == WAITING else {}
                if connection.execute(lease.values(**values, **unsure)).rowcount:
                    taken.append(_item(row))
            return taken

    def renew(self, items: Iterable[Item], now: pd.Timestamp) -> None:
        """Keep rows for a few minutes more, before a further call is made about them."""
        with self.engine.begin() as connection:
            for item in items:
                own = (*_of(item.target, item.record), OUTBOX.c.digest == item.digest)
                lease = OUTBOX.update().where(*own, OUTBOX.c.state == WAITING)
                connection.execute(lease.values(not_before=_micros(now + _LEASE)))

    def postpone(self, target: str, now: pd.Timestamp, until: pd.Timestamp, problem: str) -> int:
        """Let all that is due wait for something that is missing; return how many there are."""
        with self.engine.begin() as connection:
            late = OUTBOX.update().where(*_due(now, WAITING, target))
            values = {"not_before": _micros(until), "problem": problem[:500]}
            return int(connection.execute(late.values(**values)).rowcount)

    def held(self, target: str) -> Hold | None:
        """Return whether a target is to be left alone, and until when."""
        with self.engine.connect() as connection:
            found = get_meta(connection, _hold_name(target))
        if not found:
            return None
        return Hold(pd.Timestamp(found["until"], unit="us", tz="UTC"), int(found["tries"]))

    def hold(self, target: str, hold: Hold | None) -> None:
        """Leave a target alone until a time, whoever sends and whatever is put in; None ends it."""
        told = {} if hold is None else {"until": _micros(hold.until), "tries": hold.tries}
        try:
            with self.engine.begin() as connection:
                set_meta(connection, _hold_name(target), told)
        except IntegrityError:
            return  # another sender has just said the same

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

    def again(
        self,
        item: Item,
        when: pd.Timestamp,
        problem: str,
        *,
        counts: bool = True,
        untouched: bool = False,
    ) -> None:
        """Try a row again at a later time.

        Parameters
        ----------
        item : the row.
        when : not before this time.
        problem : why it was not sent.
        counts : as a try.
        untouched : the vendor did not take it for certain, nor any try before this one.
        """
        values: dict[str, Any] = {"not_before": _micros(when), "problem": problem[:500]}
        if untouched and not item.unsure:
            values["accepted"] = ""
        tried = item.attempts + (1 if counts else 0)
        with self.engine.begin() as connection:
            own = (*_of(item.target, item.record), OUTBOX.c.digest == item.digest)
            connection.execute(OUTBOX.update().where(*own).values(**values, attempts=tried))

    def dead(self, item: Item, problem: str) -> None:
        """Set a row aside; `replay` brings it back."""
        with self.engine.begin() as connection:
            own = (*_of(item.target, item.record), OUTBOX.c.digest == item.digest)
            connection.execute(
                OUTBOX.update().where(*own).values(state=DEAD, problem=problem[:500])
            )

    def replay(self, target: str = "") -> int:
        """Let dead rows wait again, to be scored those that never were; return how many."""
        with self.engine.begin() as connection:
            wanted = [OUTBOX.c.state == DEAD] + ([OUTBOX.c.target == target] if target else [])
            rows = connection.execute(select(OUTBOX).where(*wanted)).all()
            for row in rows:
                own = OUTBOX.update().where(*_of(row.target, row.record))
                state = TO_SCORE if _is_asked(json.loads(row.payload)) else WAITING
                connection.execute(own.values(state=state, attempts=0, not_before=0, problem=""))
            return len(rows)

    def payloads(self, target: str) -> dict[str, dict[str, Any]]:
        """Return what a target was told last, or is to be told, by record."""
        query = select(OUTBOX).where(OUTBOX.c.target == target)
        with self.engine.connect() as connection:
            items = [_item(row) for row in connection.execute(query)]
        return {item.record: dict(item.payload) for item in items}

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
    digest = _digest(payload)
    own = _of(target, record)
    before = connection.execute(select(OUTBOX).where(*own)).first()
    if before is None:
        text = _text(payload, _next_key("", record, digest))
        values = {"payload": text, "digest": digest, "attempts": 0, "not_before": 0}
        row = {"target": target, "record": record, "state": state, "accepted": "", "problem": ""}
        connection.execute(OUTBOX.insert().values({**row, **values}))
        return 1
    key = str(json.loads(before.payload).get(_KEY, ""))
    if state == WAITING and before.accepted == digest:
        values = {"state": SENT, "payload": _text(payload, key), "digest": digest, "problem": ""}
        connection.execute(OUTBOX.update().where(*own).values(**values))
        return 0
    # What was refused as it stands is not tried again by itself: `replay` does.
    same = (state, DEAD) if state == WAITING else (state,)
    if before.digest == digest and before.state in same:
        return 0
    text = _text(payload, _next_key(key, record, digest))
    values = {"payload": text, "digest": digest, "attempts": 0, "not_before": 0}
    connection.execute(OUTBOX.update().where(*own).values(**values, state=state, problem=""))
    return 1


def _item(row: Row[Any]) -> Item:
    stored = json.loads(row.payload)
    payload = {name: value for name, value in stored.items() if name not in (_KEY, _ASKED)}
    key = str(stored.get(_KEY) or _next_key("", row.record, row.digest))
    unsure = row.accepted == _UNSURE
    return Item(row.target, row.record, payload, row.digest, row.attempts, key, unsure)


def _digest(payload: Mapping[str, Any]) -> str:
    text = json.dumps(payload, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _text(payload: Mapping[str, Any], key: str) -> str:
    return json.dumps({**payload, _KEY: key}, sort_keys=True)


def _next_key(before: str, record: str, digest: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{before} {record} {digest}".strip()))


def _is_asked(stored: Mapping[str, Any]) -> bool:
    return bool(stored.get(_ASKED)) or "also" in stored


def _due(now: pd.Timestamp, state: str, target: str) -> list[ColumnElement[bool]]:
    due = [OUTBOX.c.state == state, OUTBOX.c.not_before <= _micros(now)]
    return due + ([OUTBOX.c.target == target] if target else [])


def _hold_name(target: str) -> str:
    return f"outbox_hold_{target}"


def _of(target: str, record: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return OUTBOX.c.target == target, OUTBOX.c.record == record


def _micros(stamp: pd.Timestamp) -> int:
    return (
        int(stamp.as_unit("us").value // 1000)
        if stamp.unit == "ns"
        else int(stamp.as_unit("us").asm8.astype("int64"))
    )
