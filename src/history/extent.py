"""How far a stored history reaches, and its leads page by page, for work that cannot hold it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
from sqlalchemy import func, select

from history.errors import StoreError
from history.history import UTC_MICROSECONDS, micros
from history.schema import META, STORED
from history.store import Store


def observed_until(store: Store) -> pd.Timestamp:
    """Return the instant up to which the stored history is complete, as `Store.history` has it.

    Raises
    ------
    StoreError : the store holds no leads, or cannot be read.
    """
    with store.reading() as connection:
        named = select(META.c.value).where(META.c.name == "observed_until")
        told = connection.execute(named).scalar_one_or_none()
        if connection.execute(select(STORED["leads"].c.lead_id).limit(1)).first() is None:
            raise StoreError(
                f"{store.name}: the history is empty; fill it with: smarketing ingest SOURCE"
            )
        latest = []
        for table in STORED.values():
            when = table.c.recorded_at if "recorded_at" in table.c else table.c.created_at
            latest.append(connection.execute(select(func.max(when))).scalar_one())
    newest = max(
        each for each in (*latest, None if told is None else json.loads(told)) if each is not None
    )
    return pd.Timestamp(newest, unit="us", tz="UTC").as_unit(UTC_MICROSECONDS.unit)


def lead_pages(store: Store, before: pd.Timestamp, size: int) -> Iterator[list[str]]:
    """Yield the ids of the leads created before an instant, page by page, in order.

    Raises
    ------
    StoreError : the store cannot be read.
    """
    leads, last = STORED["leads"], None
    while True:
        query = select(leads.c.lead_id).where(leads.c.created_at < micros(before))
        if last is not None:
            query = query.where(leads.c.lead_id > last)
        with store.reading() as connection:
            found = connection.execute(query.order_by(leads.c.lead_id).limit(size)).scalars().all()
        if not found:
            return
        yield list(found)
        last = found[-1]
