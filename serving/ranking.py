"""The open leads, scored now and then for the pages, so that no page waits for a whole history."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlalchemy import select

from alignment.agreement import Agreement, in_force
from alignment.facts import Facts
from alignment.situation import Situation, observe
from history import Store, StoreError
from history.assignments import assign, assignments
from history.history import micros
from history.schema import STORED
from history.spend import spend_log
from history.teamwork import agreements, changes, disposed_since, hand_over, handoffs
from serving.errors import EmptyHistoryError, NotReadyError
from serving.live import reading
from serving.scorer import Scorer
from settings import Settings

_log = logging.getLogger("smarketing.ranking")

FRESH_S = 60.0
"""An older queue is shown once more while a new one is made, unless making one takes long."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """The open leads as they were scored a moment ago.

    Parameters
    ----------
    situation : with their features, scores, and what both teams agreed on.
    made : when, on the monotonic clock.
    took : seconds that it took to make.
    """

    situation: Situation
    made: float
    took: float

    @property
    def fresh(self) -> bool:
        """Whether it need not be made anew: a long queue is made a tenth of the time at most."""
        return time.monotonic() - self.made < max(FRESH_S, 10 * self.took)


class Ranking:
    """Keeps the newest ranking. Only the first callers wait; later ones get what there is.

    A thread of its own makes it, so that a caller who is out of time does not end it.

    Parameters
    ----------
    settings : of the installation.
    facts : tells what is known of a version of the model.

    Attributes
    ----------
    prepare : makes again what somebody has looked at and would wait for; called with the old and
        the new situation.
    """

    def __init__(
        self, settings: Settings, facts: Callable[[str], Facts] = lambda _version: Facts()
    ) -> None:
        self.settings = settings
        self.facts = facts
        self.prepare: Callable[[Situation, Situation], None] = _nothing
        # Less than a request may take: who waits for too long is told why.
        self._patience_s = min(10.0, settings.serving.timeout_s / 2)
        self._making = threading.Lock()
        self._asking = threading.Lock()
        self._coming: Future[Ranked] | None = None
        self._swapping = threading.Lock()
        self._rereads = 0
        self._ranked: Ranked | None = None

    @property
    def newest(self) -> Situation | None:
        """The situation as it was made last; None before the first one. Nobody waits for it."""
        ranked = self._ranked
        return None if ranked is None else ranked.situation

    def forget(self) -> None:
        """Drop the ranking, and one that is on its way: another model serves now."""
        with self._asking:
            self._ranked = self._coming = None

    def get(self, scorer: Scorer, store: Store, now: Callable[[], pd.Timestamp]) -> Ranked:
        """Return the ranking of the open leads.

        Raises
        ------
        EmptyHistoryError : there are no leads yet.
        NotReadyError : it is being made for the first time, and takes longer than one may wait.
        StoreError : the history cannot be read.
        """
        ranked = self._ranked
        if ranked is not None and ranked.fresh:
            return ranked
        if ranked is not None:
            # Nobody waits: the old one is shown once more while a thread makes a new one.
            threading.Thread(target=self._renew, args=(ranked, scorer, store, now)).start()
            return ranked
        coming = self._first(scorer, store, now)
        if not wait([coming], self._patience_s).done:
            raise NotReadyError(
                "the queue is being made for the first time with this model, which takes a moment "
                "where there are many leads: ask again"
            )
        return coming.result()

    def _first(
        self, scorer: Scorer, store: Store, now: Callable[[], pd.Timestamp]
    ) -> Future[Ranked]:
        """Return the ranking that is on its way or has just come; a failed one is tried again."""
        with self._asking:
            coming = self._coming
            if coming is None:
                coming = Future()
                if self._ranked is not None:
                    coming.set_result(self._ranked)
                    return coming
                self._coming = coming
                words = (coming, scorer, store, now)
                threading.Thread(target=self._make_first, args=words, daemon=True).start()
            return coming

    def _make_first(
        self,
        coming: Future[Ranked],
        scorer: Scorer,
        store: Store,
        now: Callable[[], pd.Timestamp],
    ) -> None:
        try:
            with self._making:
                made = self._rank(scorer, store, now())
        except Exception as error:  # those who asked are told
            self._arrived(coming, None)
            coming.set_exception(error)
        else:
            self._arrived(coming, made)
            coming.set_result(made)

    def _arrived(self, coming: Future[Ranked], made: Ranked | None) -> None:
        with self._asking:
            if self._coming is coming:  # else another model serves meanwhile
                self._ranked, self._coming = made, None

    def _renew(
        self, old: Ranked, scorer: Scorer, store: Store, now: Callable[[], pd.Timestamp]
    ) -> None:
        if not self._making.acquire(blocking=False):
            return
        try:
            if self._ranked is old:
                self._replace(old.situation, scorer, store, now())
        except (StoreError, EmptyHistoryError) as error:
            _log.warning("the queue could not be made anew: %s", error)
        finally:
            self._making.release()

    def _replace(self, old: Situation, scorer: Scorer, store: Store, now: pd.Timestamp) -> None:
        """Make a new ranking and its slowest pages, and show it from then on."""
        rereads = self._rereads
        made = self._rank(scorer, store, now)
        self.prepare(old, made.situation)
        with self._swapping:
            if self._ranked is None:
                return  # another model serves meanwhile
            self._ranked = made
        if self._rereads != rereads:
            self.reread(store)  # something was agreed on while it was made

    def _rank(self, scorer: Scorer, store: Store, now: pd.Timestamp) -> Ranked:
        begun = time.monotonic()
        _check_filled(store, now)
        version = scorer.champion.version
        teamwork = self._teamwork(store)
        situation = observe(
            store.live_history(now),
            scorer.champion.model,
            version,
            now=now,
            grades=self.settings.grades,
            top_reasons=self.settings.serving.default_reasons,
            deal=scorer.answers.deal,
            facts=self.facts(version),
            **teamwork,
        )
        return self._ready(situation, store, begun)

    def reread(self, store: Store) -> None:
        """Follow what both teams have just agreed on, without scoring the leads anew.

        Raises
        ------
        StoreError : the store cannot be read.
        """
        with self._swapping:
            self._rereads += 1
            ranked = self._ranked
            if ranked is not None:
                situation = ranked.situation.agreed_anew(
                    self.settings.grades, **self._teamwork(store)
                )
                self._ranked = replace(
                    self._ready(situation, store, 0.0), made=ranked.made, took=ranked.took
                )

    def _teamwork(self, store: Store) -> dict[str, Any]:
        """Return what both teams keep beside the history."""
        records = agreements(store)
        return {
            "agreement": in_force(records, self.settings.agreement),
            "versions": [Agreement.from_record(each) for each in records],
            "log": changes(store),
            "logged": handoffs(store),
            "assigned": assignments(store),
            "spent": spend_log(store),
        }

    def _ready(self, situation: Situation, store: Store, begun: float) -> Ranked:
        """Hand over and assign what the agreement says; nobody who looks waits for the worklist."""
        if situation.versions:
            # Until somebody has agreed to a policy, nothing crosses in its name.
            with store.reading() as connection:
                done = disposed_since(connection, situation.now)
            rows = [row for row in situation.assigning_now if row["lead_id"] not in done]
            if assign(store, rows, situation.now) < len(rows):  # another worker was quicker
                situation = replace(situation, assigned=assignments(store), kept={})
            crossing = [row for row in situation.crossing_now if row["lead_id"] not in done]
            hand_over(store, crossing)
        _ = situation.worklist
        ended = time.monotonic()
        return Ranked(situation, ended, ended - begun)


def _nothing(_old: Situation, _new: Situation) -> None:
    return None


def _check_filled(store: Store, now: pd.Timestamp) -> None:
    """Make sure that there are leads by now.

    Raises
    ------
    EmptyHistoryError : there are none.
    """
    leads = STORED["leads"]
    with reading(store) as connection:
        some = select(leads.c.lead_id).where(leads.c.created_at < micros(now)).limit(1)
        if connection.execute(some).first() is None:
            raise EmptyHistoryError
