"""What the endpoints and the pages ask for: the live store, the champion, and the open leads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from alignment.agreement import in_force
from alignment.situation import Situation
from history import History, Store, StoreError, open_store
from history.personal import marked
from history.reading import read_rows
from history.rejects import Reject
from history.teamwork import agreements
from history.upsert import Counts
from models.errors import ModelError
from models.personal import outdated
from serving.champion import ChampionSource
from serving.errors import EmptyHistoryError, NotReadyError
from serving.live import reading
from serving.metrics import Meters
from serving.prepared import Prepared, Wanted
from serving.ranking import Ranking
from serving.score_log import ScoreLog
from serving.scorer import Scorer, Served
from serving.shadow import Shadow
from serving.shelf import PATIENCE_S, Worker
from serving.watch import Watch, Watched
from settings import Settings

_LOOK_EVERY_S = 3.0
_PATIENCE_S = 10.0

_log = logging.getLogger("smarketing.desk")


class Desk:
    """Holds the champion and the store for the life of the service.

    Nothing is read before `open`; from then on a thread looks for a new champion every few
    seconds, so that a promotion takes effect without a restart and no request waits for it.

    Parameters
    ----------
    settings : of the installation.
    source : where the champion comes from.
    url : of the live history; None where there is none.
    """

    patience_s = PATIENCE_S
    """For a first queue: people see a page meanwhile."""
    view_patience_s = 1.5
    """For what is made of a queue that is there, which takes less: a filter, another cut."""
    api_patience_s = 2.0
    """For programs, which would have to come back."""

    def __init__(self, settings: Settings, source: ChampionSource, url: str | None) -> None:
        self.settings = settings
        self.source = source
        self.url = url
        self.problem = "the service is starting: the champion has not been looked for yet"
        self._workers = slow, quick = Worker("queue"), Worker("pages")
        self.prepared = Prepared(quick)
        self.ranking = Ranking(settings, source.facts, slow, self._ranked)
        self.watch = Watch(settings, slow)
        self.meters = Meters()
        self.shadow = Shadow(source)
        self.score_log = None if url is None else self._make_score_log()
        self._scorer: Scorer | None = None
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._opened = False
        self._closed = threading.Event()

    def open(self) -> None:
        """Look for the champion now, and again every few seconds until `close`."""
        self._opened = True
        self.look()
        self._rank_early()
        threading.Thread(target=self._watch, name="champion", daemon=True).start()

    def close(self) -> None:
        """Stop looking, write the scores that are waiting, and let go of the store."""
        self._closed.set()
        for worker in self._workers:
            worker.close()
        if self.score_log is not None:
            self.score_log.close()
        if self._store is not None:
            self._store.close()

    def moment(self) -> int:
        """Return this instant as UTC microseconds; the only clock of the service."""
        return time.time_ns() // 1000

    def now(self) -> pd.Timestamp:
        """Return this instant, in UTC."""
        return pd.Timestamp(self.moment(), unit="us", tz="UTC").as_unit("us")

    @property
    def ready(self) -> bool:
        """Whether there is a champion to score with."""
        return self._scorer is not None

    @property
    def scorer(self) -> Scorer:
        """The scorer of the champion.

        Raises
        ------
        NotReadyError : there is no champion, or it is damaged; the message says what to do.
        """
        if self._scorer is None:
            raise NotReadyError(self.problem)
        return self._scorer

    @property
    def store(self) -> Store:
        """The live history, opened when first needed.

        Raises
        ------
        StoreError : there is none, or it cannot be opened.
        """
        if self.url is None:
            raise StoreError(
                "no history is configured: set SMARKETING_HISTORY__URL to the URL of one"
            )
        with self._opening:
            if self._store is None:
                # Shorter than a request may take: who waits for a locked database is told so.
                patience = min(_PATIENCE_S, self.settings.serving.timeout_s / 2)
                self._store = open_store(self.url, patience, self.settings.history.personal)
            return self._store

    def look(self) -> None:
        """Load the champion if it is another one than before, or may know other fields.

        Whatever is wrong with it, the service goes on, with the champion before if there was one,
        and says so.
        """
        try:
            version = self.source.version()
            personal, scorer = self._personal(), self._scorer
            if scorer is None or (scorer.champion.version, scorer.personal) != (version, personal):
                self._scorer = scorer = self._make_scorer(personal)
                self.ranking.forget()
                self.prepared.forget()
            self.heed()
            self.shadow.look()
            self._warn(outdated(scorer.champion.model, version, personal))
        except ModelError as error:
            self._note(str(error))
        except Exception as error:
            self._note(f"the champion cannot be used: {type(error).__name__}: {error}", error)

    def heed(self) -> None:
        """Grade by what the two teams agreed on last; by what was before where it cannot be read.

        Raises
        ------
        AgreementError : what is stored cannot stand.
        """
        if self._scorer is None:
            return
        try:
            records = [] if self.url is None else agreements(self.store)
        except StoreError as error:
            _log.warning("the agreement could not be read: %s", error)
            return
        agreed = in_force(records, self.settings.agreement)
        self._scorer.grades = agreed.grades(self.settings.grades)

    def write(self, table: str, rows: Sequence[dict[str, Any]]) -> tuple[Counts, list[Reject]]:
        """Write rows; they are on disk when this returns.

        Raises
        ------
        HistoryError : the rows as a whole break the contract, or the store cannot be written.
        """
        if not rows:
            return Counts(), []
        now = self.now()
        return self.store.upsert(
            table,
            pd.DataFrame(list(rows)),
            now=now,
            timezone=self.settings.history.timezone,
            origin=f"POST /{table} at {now.isoformat()}",
        )

    def situation(self, patience_s: float | None = None) -> Situation:
        """Return the open leads and what both teams agreed on, as of a moment ago.

        Parameters
        ----------
        patience_s : how long to wait for the first one; a moment where missing.

        Raises
        ------
        NotReadyError, EmptyHistoryError, StoreError : no champion or no queue yet, no leads, or
            no history.
        """
        patience = self.patience_s if patience_s is None else patience_s
        return self.ranking.get(self.scorer, self.store, self.now, patience).situation

    def shown(self, wanted: Wanted, patience_s: float | None = None) -> Any:
        """Return something that is shown of the situation; raises as `situation` does."""
        patience = self.view_patience_s if patience_s is None else patience_s
        return self.prepared.get(self.situation(patience_s), wanted, patience)

    def watched(self, patience_s: float | None = None) -> Watched:
        """Return what the monitor found last; raises as `situation` does."""
        patience = self.patience_s if patience_s is None else patience_s
        return self.watch.get(self.store, self._history, self.now, patience)

    def reread(self) -> None:
        """Follow what both teams have just agreed on, or written down.

        Raises
        ------
        StoreError : the store cannot be read.
        """
        self.heed()
        self.ranking.reread(self.store)
        self.prepared.forget()
        situation = self.ranking.newest
        if situation is not None and self._opened:
            self.prepared.prepare(situation)

    def about(self) -> dict[str, Any]:
        """Return what the model is, or why there is none."""
        scorer = self._scorer
        if scorer is None:
            return {
                "ready": False,
                "version": "",
                "message": self.problem,
                "problem": self.problem,
                "horizons": [],
                "target": "",
                "metadata": {},
            }
        model = scorer.champion.model
        return {
            "ready": True,
            "version": scorer.champion.version,
            "message": model.message,
            "problem": self.problem,
            "horizons": list(model.horizons),
            "target": model.target,
            "metadata": dict(model.metadata),
        }

    def _personal(self) -> frozenset[str]:
        """Return the fields marked as personal; those known before where they cannot be read."""
        if self.url is None:
            return frozenset(self.settings.history.personal)
        try:
            with self.store.reading() as connection:
                return marked(connection)
        except StoreError as error:
            _log.warning("the marks of personal fields could not be read: %s", error)
            known = self.settings.history.personal
            return frozenset(known) if self._scorer is None else self._scorer.personal

    def _warn(self, problem: str) -> None:
        """Say what is wrong with the champion that serves; nothing where all is well."""
        if problem and problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem

    def _note(self, problem: str, defect: Exception | None = None) -> None:
        if problem != self.problem:
            _log.warning("no new champion: %s", problem, exc_info=defect)
        self.problem = problem

    def _rank_early(self) -> None:
        """Have the first queue made before somebody asks for it."""
        try:
            self.situation(0.0)
        except (NotReadyError, EmptyHistoryError, StoreError) as error:
            _log.info("no queue yet: %s", error)

    def _ranked(self, situation: Situation) -> None:
        """Have made what people look at first, and let the monitor look."""
        if not self._opened:
            return
        self.prepared.prepare(situation)
        with suppress(NotReadyError):
            self.watch.get(self.store, self._history, self.now, 0.0)

    def _history(self) -> History:
        """Return what happened, without reading it again where the queue has just done so."""
        situation = self.ranking.newest
        if situation is not None:
            return situation.history
        if not self.store.counts("leads")["leads"]:
            raise EmptyHistoryError
        return self.store.live_history(self.now())

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_EVERY_S):
            before = self.ranking.newest
            self.look()
            if before is not None and self.ranking.newest is None:
                self._rank_early()  # another model serves

    def _make_score_log(self) -> ScoreLog:
        return ScoreLog(
            lambda: self.store,
            days=self.settings.serving.score_log_days,
            now=self.now,
            beside=self.shadow.scores,
        )

    def _make_scorer(self, personal: frozenset[str]) -> Scorer:
        champion = self.source.load()
        try:
            store = None if self.url is None else self.store
            deal = self._deal(store)
        except StoreError as error:
            raise ModelError(f"the history cannot be opened: {error}") from error
        scorer = Scorer(champion, self.settings, store, deal, self._told, personal)
        scorer.warm(self.moment())
        return scorer

    def _told(self, served: Served) -> None:
        """Take note of what was scored."""
        grades = [each.grade for each in served.scores]
        self.meters.scored(grades, served.feature_s, served.model_s)
        if self.score_log is not None:
            self.score_log.note(served.scores)

    def _deal(self, store: Store | None) -> float:
        """Return the value of a win: as configured, else the median of the won amounts."""
        configured = self.settings.serving.average_deal
        if configured is not None or store is None:
            return configured or 0.0
        with reading(store) as connection:
            won = read_rows(connection, "outcomes", "stage", ["won"])["amount"]
        return float(won.median()) if won.notna().any() else 0.0
