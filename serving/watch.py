"""What the monitor finds in the live history, made now and then and shown at once."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from history import Store, StoreError
from history.score_log import read_promises
from monitoring import Report, monitor
from monitoring.promises import told
from monitoring.shadow import Comparison, compare_shadow
from serving.errors import EmptyHistoryError
from settings import Settings

_log = logging.getLogger("smarketing.watch")

FRESH_S = 3600.0
"""Shares of whole weeks do not move by the minute."""


@dataclass(frozen=True)
class Watched:
    """One look at the live history.

    Parameters
    ----------
    report : what changed by more than noise.
    outcomes : what served scores promised beside what came, by horizon.
    shadow : challengers beside the champion, on the same leads.
    made : when, on the monotonic clock.
    """

    report: Report
    outcomes: list[dict[str, Any]]
    shadow: list[Comparison]
    made: float

    def as_json(self) -> dict[str, Any]:
        """Return it as `GET /monitor` answers, and as `smarketing monitor --json` prints."""
        return {
            **self.report.as_json(),
            "outcomes": self.outcomes,
            "shadow": [asdict(each) for each in self.shadow],
        }


class Watch:
    """Keeps the newest look. Only the first caller waits; later ones get what there is.

    Parameters
    ----------
    settings : of the installation.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._looking = threading.Lock()
        self._watched: Watched | None = None

    @property
    def newest(self) -> Watched | None:
        """What was found last; None before the first look. Nobody waits for it."""
        return self._watched

    def get(self, store: Store, now: pd.Timestamp) -> Watched:
        """Return what the monitor finds, at most about an hour old.

        Raises
        ------
        EmptyHistoryError : there are no leads yet.
        StoreError : the history cannot be read.
        """
        watched = self._watched
        if watched is None:
            with self._looking:
                if self._watched is None:
                    self._watched = self._look(store, now)
                return self._watched
        if time.monotonic() - watched.made > FRESH_S:
            threading.Thread(target=self._renew, args=(watched, store, now), daemon=True).start()
        return watched

    def _renew(self, old: Watched, store: Store, now: pd.Timestamp) -> None:
        if not self._looking.acquire(blocking=False):
            return
        try:
            if self._watched is old:
                self._watched = self._look(store, now)
        except (EmptyHistoryError, StoreError) as error:
            _log.warning("the monitor could not look anew: %s", error)
        finally:
            self._looking.release()

    def _look(self, store: Store, now: pd.Timestamp) -> Watched:
        asked = self.settings.training
        if not store.counts()["leads"]:
            raise EmptyHistoryError
        history = store.history(observed_until=now).without_personal()
        report = monitor(history, now, **self.settings.monitoring.model_dump())
        served = read_promises(store, horizons=asked.horizons)
        wanted: dict[str, Any] = {"horizons": asked.horizons, "target": asked.target}
        kept = told(served, history, now, **wanted)
        unseen = read_promises(store, horizons=asked.horizons, shadow=True)
        beside = compare_shadow(served, unseen, history, now, **wanted)
        return Watched(report, kept, beside, time.monotonic())
