"""What takes long, made behind the scenes: the last good one is shown, nobody waits for long.

The queue, the pages and the monitor all come from here. Whoever asks gets what there is. Where
that is stale a new one is put to work; where there is nothing yet, who asks waits for a moment and
is then told what is being made, and since when.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from history import StoreError
from serving.errors import BeingMadeError, EmptyHistoryError

_log = logging.getLogger("smarketing.shelf")

T = TypeVar("T")
PATIENCE_S = 0.1
"""How long somebody waits for the first one before they are told that it is being made."""


class Worker:
    """A thread that does one thing after the other, and ends when there is nothing to do.

    One at a time: a second one would not be done sooner, and the requests need the other cores.

    Parameters
    ----------
    name : of the thread.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._todo: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()
        self._busy = False

    def do(self, key: Hashable, work: Callable[[], None]) -> None:
        """Do something after all else that is waiting; it must not raise."""
        with self._lock:
            self._todo[key] = work
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def hurry(self, key: Hashable) -> None:
        """Do this next, if it is still waiting: somebody waits for it."""
        with self._lock:
            if key in self._todo:
                self._todo.move_to_end(key, last=False)

    def close(self) -> None:
        """Begin nothing that is still waiting."""
        with self._lock:
            self._todo.clear()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    self._busy = False
                    return
                _, work = self._todo.popitem(last=False)
            work()


class Shelf(Generic[T]):
    """One thing that takes long to make: the last good one, and the next on its way.

    Parameters
    ----------
    worker : makes it.
    words : what it is, in a sentence such as "the queue is being made".
    arrived : told of each new one, in the worker's thread.
    """

    def __init__(
        self, worker: Worker, words: str, arrived: Callable[[T], None] = lambda _made: None
    ) -> None:
        self.words = words
        self._worker = worker
        self._arrived = arrived
        self._lock = threading.Lock()
        self._kept: T | None = None
        self._coming: Future[T] | None = None
        self._asked = 0.0
        self._changes: list[Callable[[T], T]] = []

    @property
    def newest(self) -> T | None:
        """The last good one; None before the first. Nobody waits for it."""
        return self._kept

    def get(self, make: Callable[[], T], fresh: Callable[[T], bool], patience_s: float) -> T:
        """Return the last good one, and have a new one made where it is not fresh.

        Parameters
        ----------
        make : makes one, in the worker's thread.
        fresh : whether one need not be made anew.
        patience_s : how long to wait for the first one.

        Raises
        ------
        BeingMadeError : the first one is not there yet.
        Exception : what `make` raised, where somebody waited for it.
        """
        kept = self._kept
        if kept is not None and fresh(kept):
            return kept
        coming = self.ask(make)
        if kept is not None:
            return kept
        self._worker.hurry(coming)
        if not wait([coming], patience_s).done:
            raise BeingMadeError(self.words, time.monotonic() - self._asked)
        return coming.result()

    def ask(self, make: Callable[[], T]) -> Future[T]:
        """Have a new one made, unless one is on its way."""
        with self._lock:
            coming = self._coming
            if coming is None:
                self._coming = coming = Future()
                self._asked, self._changes = time.monotonic(), []
                made = coming
                self._worker.do(coming, lambda: self._make(made, make))
            return coming

    def change(self, how: Callable[[T], T]) -> None:
        """Change the last good one; one that is on its way is changed when it comes."""
        with self._lock:
            self._changes.append(how)
            if self._kept is not None:
                self._kept = how(self._kept)

    def forget(self) -> None:
        """Drop the last good one, and the one on its way: they hold no more."""
        with self._lock:
            self._kept = self._coming = None

    def _make(self, coming: Future[T], make: Callable[[], T]) -> None:
        try:
            made = self._put(coming, make())
        except Exception as error:
            with self._lock:
                if self._coming is coming:
                    self._coming = None
            expected = isinstance(error, StoreError | EmptyHistoryError)
            level = logging.INFO if isinstance(error, EmptyHistoryError) else logging.WARNING
            words = "%s, in vain: %s"
            _log.log(level, words, self.words, error, exc_info=not expected)
            coming.set_exception(error)
        else:
            coming.set_result(made)

    def _put(self, coming: Future[T], made: T) -> T:
        with self._lock:
            if self._coming is not coming:
                return made  # it was forgotten meanwhile: those who asked get it once
            for how in self._changes:
                made = how(made)
            self._kept, self._coming = made, None
        self._arrived(made)
        return made
