"""Reading the live store beside its writers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import pandas as pd
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from history import Store, StoreError
from history.history import micros
from history.schema import STORED


class HasStore(Protocol):
    """Somebody who may hold the live store."""

    url: str | None

    def now(self) -> pd.Timestamp:
        """Return this instant."""

    @property
    def store(self) -> Store:
        """The store."""


def history_age(holder: HasStore) -> float | None:
    """Return the seconds since the newest engagement or outcome was learned of.

    None where there is no history, it holds none, or it cannot be read: whoever scrapes must
    get the other figures all the same.
    """
    if holder.url is None:
        return None
    try:
        with reading(holder.store) as connection:
            found = [
                connection.execute(select(func.max(STORED[name].c.recorded_at))).scalar_one()
                for name in ("engagements", "outcomes")
            ]
    except StoreError:
        return None
    newest = max((int(each) for each in found if each is not None), default=None)
    return None if newest is None else max(0.0, (micros(holder.now()) - newest) / 1e6)


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """Open a connection that takes no lock of a writer.

    Everything that the service reads goes through the store's own connections: a second SQLite
    library in this process, as Arrow's driver brings one, would break the locks that keep
    acknowledged records safe.

    Raises
    ------
    StoreError : the store cannot be read.
    """
    try:
        with store.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(f"{store.name}: {cause}") from error
