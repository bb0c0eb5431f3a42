"""Writes served scores behind the answer: one thread, bounded queues, flushed on a clean stop."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import pandas as pd

from history import Store, StoreError
from history.score_log import BulkScores, ServedScore, prune_scores, write_bulk, write_scores

Waiting = TypeVar("Waiting")
_MOST_WAITING = 20_000
_MOST_PARTS = 8
_AT_ONCE = 1_000
_GATHER_S = 0.1
_AGAIN_S = 1.0
_PART_PATIENCE_S = 5.0
_PRUNE_EVERY_S = 3600.0
_log = logging.getLogger("smarketing.score_log")


class ScoreLog:
    """Takes scores at once, and writes them in batches; a store that is away is tried again.

    When the store stays away until the queue is full, further scores are dropped and counted:
    answers go on. Bulk scores wait a few seconds for their turn first. Once an hour what is too
    old is deleted, a little at a time.

    Parameters
    ----------
    store : opens the store.
    most : how many scores may wait.
    days : for how long scores are kept; for ever where missing.
    now : the clock.
    beside : returns what else is to be written with scores, computed while nobody waits.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        most: int = _MOST_WAITING,
        *,
        days: float | None = None,
        now: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now("UTC"),
        beside: Callable[[Sequence[ServedScore]], Sequence[ServedScore]] = lambda _served: (),
    ) -> None:
        self._store, self._days, self._now, self._beside = store, days, now, beside
        self._waiting: queue.Queue[ServedScore] = queue.Queue(most)
        self._parts: queue.Queue[BulkScores] = queue.Queue(_MOST_PARTS)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pruned = -_PRUNE_EVERY_S
        self.dropped = 0

    def note(self, served: Sequence[ServedScore]) -> None:
        """Take scores; they are written a moment later."""
        if self._thread is None:
            self._start()
        for place, each in enumerate(served):
            try:
                self._waiting.put_nowait(each)
            except queue.Full:
                self._drop(len(served) - place)
                return

    def note_bulk(self, served: BulkScores) -> None:
        """Take a part of a bulk answer; whoever computes faster than can be written waits."""
        if self._thread is None:
            self._start()
        try:
            self._parts.put(served, timeout=_PART_PATIENCE_S)
        except queue.Full:
            self._drop(len(served.lead_ids))

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

    def prune(self) -> int:
        """Delete what is too old, batch by batch; return how many scores went.

        Raises
        ------
        StoreError : the store cannot be written.
        """
        if self._days is None:
            return 0
        before, gone = self._now() - pd.Timedelta(days=self._days), 0
        while not self._stopping.is_set() and self._waiting.empty():
            some = prune_scores(self._store(), before)
            gone += some
            if not some:
                break
        return gone

    def _drop(self, count: int) -> None:
        if not self.dropped:
            _log.error("the score log is full: scores are served but not logged")
        self.dropped += count

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name="score log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._waiting.empty() and self._parts.empty()):
            batch = self._gather()
            if batch:
                self._insist(write_scores, [*batch, *self._said_beside(batch)])
            try:
                part = self._parts.get_nowait()
            except queue.Empty:
                self._prune_at_times()
                continue
            self._insist(write_bulk, part)

    def _said_beside(self, batch: Sequence[ServedScore]) -> Sequence[ServedScore]:
        """Return what is to be written beside; a defect of it must not cost what was served."""
        try:
            return self._beside(batch)
        except Exception:
            _log.exception("scores in the shadow could not be made")
            return ()

    def _prune_at_times(self) -> None:
        if self._days is None or time.monotonic() - self._pruned < _PRUNE_EVERY_S:
            return
        self._pruned = time.monotonic()
        try:
            self.prune()
        except StoreError as error:
            _log.warning("old scores could not be deleted, and are tried again: %s", error)

    def _gather(self) -> list[ServedScore]:
        try:
            batch = [self._waiting.get(timeout=_GATHER_S if self._parts.empty() else 0.001)]
        except queue.Empty:
            return []
        # A moment more, so that scores of one moment share one transaction.
        self._stopping.wait(_GATHER_S if self._waiting.qsize() < _AT_ONCE else 0.0)
        while len(batch) < _AT_ONCE and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        return batch

    def _insist(self, write: Callable[[Store, Waiting], None], what: Waiting) -> None:
        """Write, again and again until it is written."""
        failures = 0
        while True:
            try:
                write(self._store(), what)
            except StoreError as error:
                if not failures:
                    _log.warning("the score log cannot be written, and is tried again: %s", error)
                failures += 1
                # Not the event: it is set once the service stops, and would spin.
                time.sleep(_AGAIN_S)
            else:
                return
