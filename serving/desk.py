"""What the endpoints and the pages ask for: the live store, the champion, and the open leads."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from starlette.exceptions import HTTPException

from features import FeatureMatrix, compute_features, open_leads
from history import History, HistoryError, Store, StoreError, open_store
from history.conform import Reject
from history.upsert import Counts
from models import Scores, score
from models.errors import ModelError
from models.explanation import importance
from serving.champion import Champion, ChampionSource
from serving.contract import LeadToScore
from serving.scorer import Scorer, stored_deal
from settings import Settings

_LOOK_EVERY_S = 5.0
_QUEUE_FOR_S = 60.0


class NotReady(Exception):  # noqa: N818  a state, not a mistake
    """There is no model to score with; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class _Snapshot:
    """The open leads as they were scored a moment ago."""

    history: History
    matrix: FeatureMatrix
    scores: Scores
    made: float


class Desk:
    """Holds the champion and the store for the life of the service.

    Parameters
    ----------
    settings : of the installation.
    source : where the champion comes from.
    """

    def __init__(self, settings: Settings, source: ChampionSource) -> None:
        self.settings = settings
        self.source = source
        self.problem = "the champion has not been looked for yet"
        self._lock = threading.Lock()
        self._scorer: Scorer | None = None
        self._looked = float("-inf")
        self._open: _Snapshot | None = None
        self._store: Store | None = None

    def now(self) -> pd.Timestamp:
        """Return this instant, in UTC; the only clock of the service."""
        return pd.Timestamp(datetime.now(UTC)).as_unit("us")

    def ready(self) -> bool:
        """Tell whether there is a champion to score with; look for one if it is time."""
        try:
            self.scorer()
        except NotReady:
            return False
        return True

    def scorer(self) -> Scorer:
        """Return the scorer of the champion; a promotion takes effect within seconds.

        A new champion that cannot be loaded leaves the old one serving.

        Raises
        ------
        NotReady : there is no champion, or it is damaged.
        """
        with self._lock:
            if time.monotonic() - self._looked > _LOOK_EVERY_S:
                self._looked = time.monotonic()
                self._look()
            if self._scorer is None:
                raise NotReady(self.problem)
            return self._scorer

    def write(self, table: str, rows: Sequence[dict[str, Any]]) -> tuple[Counts, list[Reject]]:
        """Write rows; they are on disk when this returns.

        Raises
        ------
        HistoryError : the rows as a whole break the contract, or the store cannot be written.
        """
        if not rows:
            return Counts(), []
        return self._live_store().upsert(
            table,
            pd.DataFrame(list(rows)),
            now=self.now(),
            timezone=self.settings.history.timezone,
        )

    def lead(self, lead_id: str) -> dict[str, Any]:
        """Return all that is known of a lead: attributes, timeline, score and reasons.

        Raises
        ------
        HTTPException : 404 for a lead that the history does not know.
        """
        now = self.now()
        history = self._live_store().lead_history([lead_id], observed_until=now)
        mine = history.leads[history.leads["lead_id"] == lead_id]
        if mine.empty:
            raise HTTPException(404, f"the history knows no lead {lead_id[:100]!r}")
        only = history.for_leads([lead_id])
        answer = {"lead": _records(mine)[0], "timeline": _timeline(only)}
        if self.ready():
            reasons = self.settings.serving.default_reasons
            wanted = LeadToScore(lead_id=lead_id)
            answer["score"] = self.scorer().score([(0, wanted)], reasons, now)[0].model_dump()
        return answer

    def queue(self, limit: int) -> dict[str, Any]:
        """Return the open leads, best first."""
        current = self._snapshot()
        frame = current.scores.frame
        last = f"probability_{current.scores.horizons[-1]}d"
        best = frame.sort_values([last, "lead_id"], ascending=[False, True]).head(limit)
        return {"open_leads": len(frame), "leads": _records(best)}

    def importance(self) -> dict[str, Any]:
        """Return what drives conversion among the open leads, by feature."""
        table = importance(self.scorer().champion.model, self._snapshot().matrix)
        return {
            "note": "Importance is association: it does not say what would happen if it changed.",
            "features": _records(table),
        }

    def about(self) -> dict[str, Any]:
        """Return what the model is, or why there is none."""
        try:
            champion = self.scorer().champion
        except NotReady as reason:
            return {"ready": False, "version": "", "message": str(reason), "horizons": [], "metadata": {}}
        return {
            "ready": True,
            "version": champion.version,
            "message": champion.model.message,
            "problem": self.problem,
            "horizons": list(champion.model.horizons),
            "target": champion.model.target,
            "metadata": dict(champion.model.metadata),
        }

    def _look(self) -> None:
        try:
            version = self.source.version()
            if self._scorer is None or self._scorer.champion.version != version:
                champion = self.source.load()
                self._scorer = self._make_scorer(champion)
                self._open = None
            self.problem = ""
        except (ModelError, HistoryError) as error:
            self.problem = str(error)

    def _make_scorer(self, champion: Champion) -> Scorer:
        store, deal = None, self.settings.serving.average_deal or 0.0
        try:
            store = self._live_store()
            deal = stored_deal(self.settings, store.history())
        except StoreError:
            # An empty or missing history leaves leads to be scored from the request alone.
            deal = self.settings.serving.average_deal or 0.0
        return Scorer(champion, self.settings, store, deal)

    def _live_store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.settings.history.url)
        return self._store

    def _snapshot(self) -> _Snapshot:
        scorer = self.scorer()
        with self._lock:
            fresh = self._open is not None and time.monotonic() - self._open.made < _QUEUE_FOR_S
            if self._open is None or not fresh:
                self._open = self._score_open_leads(scorer)
            return self._open

    def _score_open_leads(self, scorer: Scorer) -> _Snapshot:
        history = self._live_store().history(current_only=self.settings.history.current_only)
        model = scorer.champion.model
        matrix = compute_features(history, open_leads(history, self.now()), model.features)
        scores = score(
            model,
            matrix,
            grades=self.settings.grades,
            top_reasons=self.settings.serving.default_reasons,
            version=scorer.champion.version,
        )
        return _Snapshot(history, matrix, scores, time.monotonic())


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(row) for row in plain.to_dict("records")]


def _timeline(history: History) -> list[dict[str, Any]]:
    """Return everything that happened with a lead, the newest first."""
    parts = []
    for table in ("engagements", "outcomes", "dispositions"):
        rows = _records(getattr(history, table))
        parts += [{"what": table.removesuffix("s"), **row} for row in rows]
    return sorted(parts, key=lambda row: row["occurred_at"], reverse=True)

