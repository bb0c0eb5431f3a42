"""Writes served scores behind the answer: one thread, a bounded queue, flushed on a clean stop."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from history import Store, StoreError
from history.score_log import ServedScore, write_scores

_MOST_WAITING = 20_000
_AT_ONCE = 1_000
_GATHER_S = 0.1
_AGAIN_S = 1.0
_log = logging.getLogger("smarketing.score_log")


class ScoreLog:
    """Takes scores at once, and writes them in batches; a store that is away is tried again.

    When the store stays away until the queue is full, further scores are dropped and counted:
    answers go on.

    Parameters
    ----------
    store : opens the store.
    most : how many scores may wait.
    """

    def __init__(self, store: Callable[[], Store], most: int = _MOST_WAITING) -> None:
        self._store = store
        self._waiting: queue.Queue[ServedScore] = queue.Queue(most)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def note(self, served: Sequence[ServedScore]) -> None:
        """Take scores; they are written a moment later."""
        if self._thread is None:
            self._start()
        for place, each in enumerate(served):
            try:
                self._waiting.put_nowait(each)
            except queue.Full:
                lost = len(served) - place
                if not self.dropped:
                    _log.error("the score log is full: scores are served but not logged")
                self.dropped += lost
                return

    def close(self, patience: float = 30.0) -> None:
        """Write what is waiting, and stop; whoever closes waits so many seconds at most."""
        self._stopping.set()
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(patience)
            if thread.is_alive():
                _log.error("the score log could not be written before the stop")
        if self.dropped:
            _log.error("%d scores were served but not logged", self.dropped)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name="score log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._waiting.empty()):
            batch = self._gather()
            failures = 0
            while batch and not self._written(batch, failures):
                failures += 1
                # Not the event: it is set once the service stops, and would spin.
                time.sleep(_AGAIN_S)

    def _gather(self) -> list[ServedScore]:
        try:
            batch = [self._waiting.get(timeout=_GATHER_S)]
        except queue.Empty:
            return []
        # A moment more, so that scores of one moment share one transaction.
        self._stopping.wait(_GATHER_S if self._waiting.qsize() < _AT_ONCE else 0.0)
        while len(batch) < _AT_ONCE and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        return batch

    def _written(self, batch: list[ServedScore], failures: int) -> bool:
        try:
            write_scores(self._store(), batch)
        except StoreError as error:
            if not failures:
                _log.warning("the score log cannot be written, and is tried again: %s", error)
            return False
        return True
