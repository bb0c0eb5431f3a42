"""What is done after a CRM has had its answer: score what was noted, and send what waits."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from dataclasses import asdict

import httpx
import pandas as pd
from pydantic import ValidationError

from delivery import RECEIVERS, Delivery, Outbox, deliver, escalate, target_of
from delivery.outbox import TO_SCORE, Item
from history import StoreError
from serving.contract import LeadToScore
from serving.crm.notes import Notes
from serving.desk import Desk
from serving.errors import EmptyHistoryError, NotReadyError

_AT_ONCE = 50
_PATIENCE = pd.Timedelta(seconds=30)
_log = logging.getLogger("smarketing.crm")


def score_noted(desk: Desk, outbox: Outbox) -> int:
    """Score the records that CRMs have named, and let their scores wait to be sent.

    A record that cannot be scored now is tried again; one that the history does not know is set
    aside, where `smarketing outbox` shows it.

    Returns
    -------
    How many were scored.
    """
    scored = 0
    while items := outbox.claim(desk.now(), TO_SCORE, _AT_ONCE):
        items = _readable(items, outbox)
        wanted = [
            (place, LeadToScore(lead_id=str(item.payload["lead_id"])))
            for place, item in enumerate(items)
        ]
        try:
            found = desk.scorer.score(wanted, desk.settings.serving.default_reasons, desk.moment())
        except (NotReadyError, StoreError) as error:
            for item in items:
                outbox.again(item, desk.now() + _PATIENCE, str(error), counts=False)
            return scored
        for place, item in enumerate(items):
            answer = found[place]
            if answer.status in ("ok", "closed"):
                target = target_of(item.target, desk.settings.crm)
                payload = {**target.payload(asdict(answer)), **item.payload.get("also", {})}
                outbox.put(item.target, {item.record: payload})
                scored += 1
            else:
                outbox.dead(item, answer.message)
    return scored


def _readable(items: Sequence[Item], outbox: Outbox) -> list[Item]:
    """Return what can be scored; what is no id would otherwise hold up all the others."""
    readable = []
    for item in items:
        try:
            LeadToScore(lead_id=str(item.payload["lead_id"]))
        except ValidationError as error:
            outbox.dead(item, f"lead_id: {error.errors()[0]['msg']}")
        else:
            readable.append(item)
    return readable


class Worker:
    """Works through the outbox when it is told to, in one thread however often it is told.

    Parameters
    ----------
    desk : of the service.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._wanted = threading.Event()
        self._busy = threading.Lock()

    def nudge(self) -> None:
        """Work now; if somebody does already, let them go on afterwards."""
        self._wanted.set()
        while self._wanted.is_set() and self._busy.acquire(blocking=False):
            try:
                self._wanted.clear()
                work(self.desk)
            finally:
                self._busy.release()


class Timer:
    """Works through the outbox every few seconds, for retries and for what a crash left.

    Parameters
    ----------
    desk : of the service.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._closed = threading.Event()

    def start(self, every_s: float = 5.0) -> None:
        """Start, where there is a history and a CRM that is written to."""
        crm = self.desk.settings.crm
        ready = any(not make(crm).problem for make in RECEIVERS.values())
        if self.desk.url is not None and ready:
            threading.Thread(target=self._run, args=(every_s,), name="outbox", daemon=True).start()

    def close(self) -> None:
        """Stop after the work at hand."""
        self._closed.set()

    def _run(self, every_s: float) -> None:
        while not self._closed.wait(every_s):
            try:
                if self.desk.settings.crm.overdue_url:
                    note_overdue(self.desk)
                work(self.desk)
            except Exception:
                _log.exception("the outbox could not be worked through; its rows wait")


def note_overdue(desk: Desk) -> int:
    """Let word of hand-offs that are overdue wait to be sent; return how many are new."""
    try:
        situation = desk.situation()
    except (NotReadyError, EmptyHistoryError, StoreError) as error:
        _log.info("nobody is overdue yet: %s", error)
        return 0
    return escalate(Outbox(desk.store.engine), situation.overdue_now)


def work(desk: Desk) -> Delivery:
    """Score what was noted and send what is due; called after an answer, and by a timer."""
    outbox = Outbox(desk.store.engine)
    Notes(desk.store.engine).move()
    score_noted(desk, outbox)
    with httpx.Client(timeout=desk.settings.crm.timeout_s) as client:
        done = deliver(outbox, desk.settings.crm, client, desk.now, random.SystemRandom())
    for target, problem in done.problems.items():
        _log.warning("nothing was sent to %s: %s", target, problem)
    return done
