"""What was spent on each campaign, as it was written down, with who wrote it and when.

Nothing is overwritten: of one campaign and day the newest word counts, and the earlier ones stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import func, select

from history.history import micros
from history.schema import SPEND
from history.store import Store
from history.teamwork import lock
from history.upsert import Counts


def note_spend(store: Store, rows: Sequence[Mapping[str, Any]], now: pd.Timestamp) -> Counts:
    """Write down what was spent; saying the same twice changes nothing.

    Parameters
    ----------
    store : on disk.
    rows : with ``campaign``, ``day`` (a date: when, or from when on, it was spent), ``amount`` and
        ``who``.
    now : when it is written down.

    Returns
    -------
    New campaigns and days as accepted, those with another amount than before as updated.
    """
    accepted = updated = duplicate = 0
    with store.writing() as connection:
        lock(connection, SPEND)
        number = connection.execute(select(func.max(SPEND.c.number))).scalar_one() or 0
        for row in rows:
            day = date.isoformat(row["day"])
            same = (SPEND.c.campaign == row["campaign"], SPEND.c.day == day)
            newest = select(SPEND.c.amount).where(*same).order_by(SPEND.c.number.desc()).limit(1)
            before = connection.execute(newest).scalar_one_or_none()
            if before == row["amount"]:
                duplicate += 1
                continue
            number += 1
            told = {"number": number, "at": micros(now), **row, "day": day}
            connection.execute(SPEND.insert(), told)
            accepted, updated = accepted + (before is None), updated + (before is not None)
    return Counts(accepted=accepted, updated=updated, duplicate=duplicate)


def spend_log(store: Store) -> pd.DataFrame:
    """Return every word on spend, the newest first.

    Returns
    -------
    Frame with ``campaign``, ``day`` (text), ``amount``, ``who``, ``at`` (UTC) and ``counts``:
    whether it is the newest word on its campaign and day.
    """
    names = [column.name for column in SPEND.columns]
    with store.reading() as connection:
        rows = connection.execute(select(SPEND).order_by(SPEND.c.number.desc())).all()
    found = pd.DataFrame(rows, columns=names).drop(columns="number")
    found["at"] = pd.to_datetime(found["at"].astype("int64"), unit="us", utc=True)
    return found.assign(counts=~found.duplicated(["campaign", "day"]))


def spend_by_campaign(log: pd.DataFrame) -> dict[str, float]:
    """Return the money spent on each campaign, from `spend_log`."""
    sums = log[log["counts"]].groupby("campaign")["amount"].sum()
    return {str(campaign): float(amount) for campaign, amount in sums.items()}
