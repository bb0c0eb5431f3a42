"""Which lead was given to whom, and why: one row for each time that a lead crosses to sales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import select

from history.erasure import kept_out
from history.history import UTC_MICROSECONDS, micros
from history.schema import ASSIGNMENTS
from history.store import Store
from history.teamwork import lock

_COLUMNS = ("lead_id", "turn", "owner", "why", "at")


def no_assignments() -> pd.DataFrame:
    """Return the frame of `assignments` without rows."""
    return _frame([])


def assignments(store: Store) -> pd.DataFrame:
    """Return what was given, the oldest first.

    Returns
    -------
    Frame with ``lead_id``, ``turn`` (0 for its first crossing), ``owner``, ``why`` and ``at``.
    """
    query = select(*(ASSIGNMENTS.c[name] for name in _COLUMNS))
    with store.reading() as connection:
        return _frame(connection.execute(query.order_by(ASSIGNMENTS.c.at)).all())


def assign(store: Store, rows: Sequence[Mapping[str, Any]], now: pd.Timestamp) -> int:
    """Write who was given which lead; a turn of a lead that somebody has already stays theirs.

    Parameters
    ----------
    store : on disk.
    rows : with ``lead_id``, ``turn``, ``owner`` and ``why``.
    now : when.

    Returns
    -------
    How many were not given before.
    """
    if not rows:
        return 0
    with store.writing() as connection:
        lock(connection, ASSIGNMENTS)
        taken = select(ASSIGNMENTS.c.lead_id, ASSIGNMENTS.c.turn)
        there = {(str(row.lead_id), int(row.turn)) for row in connection.execute(taken)}
        erased = kept_out(connection, {str(row["lead_id"]) for row in rows})
        new = [
            {**row, "at": micros(now)}
            for row in rows
            if (str(row["lead_id"]), int(row["turn"])) not in there
            and str(row["lead_id"]) not in erased
        ]
        if new:
            connection.execute(ASSIGNMENTS.insert(), new)
    return len(new)


def _frame(rows: Sequence[Any]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    times = pd.to_datetime(frame["at"].astype("int64"), unit="us", utc=True)
    frame["at"] = times.astype(UTC_MICROSECONDS)
    return frame.astype({"lead_id": object, "turn": "int64", "owner": object, "why": object})
