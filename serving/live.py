"""Reading the live store beside its writers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from history import Store, StoreError


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
