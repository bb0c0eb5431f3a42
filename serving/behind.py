"""Work that is done behind the answers: noted at once, done in batches a moment later."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Noted = TypeVar("Noted")
_EVERY_S = 0.2
_MOST_WAITING = 20_000
_log = logging.getLogger("smarketing.behind")


class Behind(Generic[Noted]):
    """Keeps notes until a thread of its own works them off, a few times a second.

    Taking a note wakes nobody: a thread that is woken by each request takes Python's lock from the
    next one, which costs more than the work itself. Work that fails costs the notes it was handed
    and a line in the log; those that come later are worked off all the same.

    Parameters
    ----------
    name : of the thread.
    work : is handed what was noted, in order; one call at a time.
    """

    def __init__(self, name: str, work: Callable[[Sequence[Noted]], None]) -> None:
        self._name, self._work = name, work
        self._waiting: deque[Noted] = deque()
        self._working = threading.Lock()
        self._stopping = threading.Event()
        self._failing = False
        self._thread: threading.Thread | None = None

    def note(self, what: Noted) -> bool:
        """Take a note; tell whether there was room for it."""
        if len(self._waiting) >= _MOST_WAITING:
            return False
        self._waiting.append(what)
        if self._thread is None:
            self._start()
        return True

    def flush(self) -> None:
        """Work off now what is waiting."""
        with self._working:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not batch:
                return
            try:
                self._work(batch)
            except Exception:
                # Once, until it works again: five times a second would drown all else.
                if not self._failing:
                    _log.exception("%s: %d notes were lost", self._name, len(batch))
                self._failing = True
            else:
                self._failing = False

    def close(self, patience: float = 5.0) -> None:
        """Work off what is waiting, and stop; whoever closes waits so many seconds at most."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            thread.join(patience)

    def _start(self) -> None:
        with self._working:
            if self._thread is None:
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self.flush()
        self.flush()
