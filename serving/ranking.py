"""The open leads, scored now and then for the pages, so that no page waits for a whole history."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
from sqlalchemy import select

from alignment.agreement import Agreement, in_force
from alignment.situation import Facts, Situation, observe
from history import Store, StoreError
from history.assignments import assign, assignments
from history.history import micros
from history.schema import STORED
from history.teamwork import agreements, changes, hand_over, handoffs
from serving.errors import EmptyHistoryError
from serving.live import reading
from serving.scorer import Scorer
from settings import Settings

_log = logging.getLogger("smarketing.ranking")

FRESH_S = 60.0
"""An older queue is shown once more while a new one is made."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """The open leads as they were scored a moment ago.

    Parameters
    ----------
    situation : with their features, scores, and what both teams agreed on.
    made : when, on the monotonic clock.
    """

    situation: Situation
    made: float


class Ranking:
    """Keeps the newest ranking. Only the first caller waits; later ones get what there is.

    Parameters
    ----------
    settings : of the installation.
    facts : tells what is known of a version of the model.
    """

    def __init__(
        self, settings: Settings, facts: Callable[[str], Facts] = lambda _version: Facts()
    ) -> None:
        self.settings = settings
        self.facts = facts
        self._making = threading.Lock()
        self._ranked: Ranked | None = None

    @property
    def newest(self) -> Situation | None:
        """The situation as it was made last; None before the first one. Nobody waits for it."""
        ranked = self._ranked
        return None if ranked is None else ranked.situation

    def forget(self) -> None:
        """Drop the ranking: another model serves now."""
        self._ranked = None

    def get(self, scorer: Scorer, store: Store, now: Callable[[], pd.Timestamp]) -> Ranked:
        """Return the ranking of the open leads.

        Raises
        ------
        EmptyHistoryError : there are no leads yet.
        StoreError : the history cannot be read.
        """
        ranked = self._ranked
        if ranked is not None and time.monotonic() - ranked.made < FRESH_S:
            return ranked
        if ranked is not None:
            # Nobody waits: the old one is shown once more while a thread makes a new one.
            threading.Thread(target=self._renew, args=(ranked, scorer, store, now)).start()
            return ranked
        with self._making:
            if self._ranked is None:
                self._ranked = self._rank(scorer, store, now())
            return self._ranked

    def _renew(
        self, old: Ranked, scorer: Scorer, store: Store, now: Callable[[], pd.Timestamp]
    ) -> None:
        if not self._making.acquire(blocking=False):
            return
        try:
            if self._ranked is old:
                self._ranked = self._rank(scorer, store, now())
        except (StoreError, EmptyHistoryError) as error:
            _log.warning("the queue could not be made anew: %s", error)
        finally:
            self._making.release()

    def _rank(self, scorer: Scorer, store: Store, now: pd.Timestamp) -> Ranked:
        history = store.lead_history(_lead_ids(store, now), observed_until=now)
        records = agreements(store)
        versions = [Agreement.from_record(each) for each in records]
        version = scorer.champion.version
        situation = observe(
            history,
            scorer.champion.model,
            version,
            now=now,
            grades=self.settings.grades,
            agreement=in_force(records, self.settings.agreement),
            top_reasons=self.settings.serving.default_reasons,
            versions=versions,
            log=changes(store),
            logged=handoffs(store),
            assigned=assignments(store),
            deal=scorer.answers.deal,
            facts=self.facts(version),
        )
        if versions:
            # Until somebody has agreed to a policy, nothing crosses in its name.
            rows = situation.assigning_now
            if assign(store, rows, now) < len(rows):  # another worker was quicker with some
                situation = replace(situation, assigned=assignments(store), kept={})
            hand_over(store, situation.crossing_now)
        _ = situation.worklist  # made here, so that nobody who looks waits for it
        return Ranked(situation, time.monotonic())


def _lead_ids(store: Store, now: pd.Timestamp) -> list[str]:
    """Return the leads there are by now.

    Raises
    ------
    EmptyHistoryError : there are none.
    """
    leads = STORED["leads"]
    with reading(store) as connection:
        found = connection.execute(select(leads.c.lead_id).where(leads.c.created_at < micros(now)))
        ids = [str(row.lead_id) for row in found]
    if not ids:
        raise EmptyHistoryError(
            "the history holds no leads yet: POST /leads, or run smarketing ingest SOURCE"
        )
    return ids
