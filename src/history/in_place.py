"""Small reads in the thread of an event loop: they wait for nobody, and never read much."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from history.errors import NotInPlaceError


class InPlace:
    """A connection to a SQLite file, kept open for reading.

    Handing a read of some microseconds to another thread takes longer than the read itself. A
    reader of a file in WAL mode waits for no writer; should it have to wait all the same, it
    raises at once, and whoever asked reads in another thread, with patience.

    Parameters
    ----------
    engine : of the store.
    """

    def __init__(self, engine: Engine) -> None:
        self._path = engine.url.database if engine.dialect.name == "sqlite" else None
        self._connection: sqlite3.Connection | None = None
        self._using = threading.Lock()

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Open a cursor. Whoever begins a transaction need not end it.

        Raises
        ------
        NotInPlaceError : no file, one that is locked or cannot be read, or another thread reads.
        """
        if self._path is None or not self._using.acquire(blocking=False):
            raise NotInPlaceError("the store cannot be read in place")
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._path, timeout=0.0, isolation_level=None, check_same_thread=False
                )
            try:
                yield self._connection.cursor()
            finally:
                if self._connection.in_transaction:
                    self._connection.rollback()
        except sqlite3.Error as error:
            self._close()
            raise NotInPlaceError(f"the store cannot be read in place: {error}") from error
        finally:
            self._using.release()

    def close(self) -> None:
        """Close the file; it is opened again when somebody reads."""
        with self._using:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
