"""The open leads, scored now and then for the pages, so that no page waits for a whole history."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlalchemy import select

from alignment.agreement import Agreement, in_force
from alignment.facts import Facts
from alignment.observing import observe
from alignment.situation import Situation
from history import Store
from history.assignments import assign, assignments
from history.history import micros
from history.schema import STORED
from history.spend import spend_log
from history.teamwork import agreements, changes, disposed_since, hand_over, handoffs
from serving.errors import EmptyHistoryError
from serving.live import reading
from serving.scorer import Scorer
from serving.shelf import PATIENCE_S, Shelf, Worker
from settings import Settings

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
    """Keeps the newest ranking, which is made in a thread of its own.

    Parameters
    ----------
    settings : of the installation.
    facts : tells what is known of a version of the model.
    worker : makes the rankings.
    arrived : told of each new situation, in the worker's thread.
    """

    def __init__(
        self,
        settings: Settings,
        facts: Callable[[str], Facts] = lambda _version: Facts(),
        worker: Worker | None = None,
        arrived: Callable[[Situation], None] = lambda _situation: None,
    ) -> None:
        self.settings = settings
        self.facts = facts
        self._shelf: Shelf[Ranked] = Shelf(
            worker or Worker("queue"),
            "the queue is being made",
            lambda made: arrived(made.situation),
        )

    @property
    def newest(self) -> Situation | None:
        """The situation as it was made last; None before the first one. Nobody waits for it."""
        ranked = self._shelf.newest
        return None if ranked is None else ranked.situation

    def forget(self) -> None:
        """Drop the ranking, and one that is on its way: another model serves now."""
        self._shelf.forget()

    def get(
        self,
        scorer: Scorer,
        store: Store,
        now: Callable[[], pd.Timestamp],
        patience_s: float = PATIENCE_S,
    ) -> Ranked:
        """Return the ranking of the open leads; an old one while a new one is made.

        Raises
        ------
        EmptyHistoryError : there are no leads yet.
        BeingMadeError : it is being made for the first time, and takes longer than `patience_s`.
        StoreError : the history cannot be read.
        """
        return self._shelf.get(
            lambda: self._rank(scorer, store, now()), lambda ranked: ranked.fresh, patience_s
        )

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
        self._shelf.change(lambda ranked: self._agreed_anew(ranked, store))

    def _agreed_anew(self, ranked: Ranked, store: Store) -> Ranked:
        situation = ranked.situation.agreed_anew(self.settings.grades, **self._teamwork(store))
        return replace(self._ready(situation, store, 0.0), made=ranked.made, took=ranked.took)

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
