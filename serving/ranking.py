"""The open leads, scored now and then for the pages, so that no page waits for a whole history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import select

from features import FeatureMatrix, compute_features, open_leads
from history import Store
from history.history import micros
from history.schema import STORED
from models import score
from serving.errors import EmptyHistoryError
from serving.live import reading
from serving.scorer import Scorer
from settings import Settings

FRESH_S = 60.0
"""An older queue is shown once more while a new one is made."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """The open leads as they were scored a moment ago.

    Parameters
    ----------
    matrix : their features.
    frame : as of `models.Scores`, best first.
    version : of the model.
    made : when, on the monotonic clock.
    """

    matrix: FeatureMatrix
    frame: pd.DataFrame
    version: str
    made: float


class Ranking:
    """Keeps the newest ranking. Only the first caller waits; later ones get what there is.

    Parameters
    ----------
    settings : of the installation.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._making = threading.Lock()
        self._ranked: Ranked | None = None

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
        # Whoever comes while another request is at it takes the old ranking, if there is one.
        if not self._making.acquire(blocking=ranked is None) and ranked is not None:
            return ranked
        try:
            newer = self._ranked
            if newer is None or newer is ranked:
                newer = self._ranked = self._rank(scorer, store, now())
            return newer
        finally:
            self._making.release()

    def _rank(self, scorer: Scorer, store: Store, now: pd.Timestamp) -> Ranked:
        history = store.lead_history(_lead_ids(store, now), observed_until=now)
        model, version = scorer.champion.model, scorer.champion.version
        matrix = compute_features(history, open_leads(history, now), model.features)
        scores = score(
            model,
            matrix,
            grades=self.settings.grades,
            top_reasons=self.settings.serving.default_reasons,
            version=version,
        )
        last = f"probability_{scores.horizons[-1]}d"
        ranked = scores.frame.sort_values(
            [last, "lead_id"], ascending=[False, True], ignore_index=True
        )
        return Ranked(matrix, ranked, version, time.monotonic())


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
