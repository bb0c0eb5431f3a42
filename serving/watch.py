"""What the monitor finds in the live history, made now and then and shown at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from history import History, Store
from history.score_reading import read_promises
from monitoring import Report, monitor
from monitoring.promises import told
from monitoring.shadow import Comparison, compare_shadow
from serving.shelf import PATIENCE_S, Shelf, Worker
from settings import Settings

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
    """Keeps the newest look, which is taken behind the scenes.

    Parameters
    ----------
    settings : of the installation.
    worker : takes the looks.
    """

    def __init__(self, settings: Settings, worker: Worker | None = None) -> None:
        self.settings = settings
        self._shelf: Shelf[Watched] = Shelf(
            worker or Worker("monitor"), "what arrives is being looked at"
        )

    @property
    def newest(self) -> Watched | None:
        """What was found last; None before the first look. Nobody waits for it."""
        return self._shelf.newest

    def get(
        self,
        store: Store,
        history: Callable[[], History],
        now: Callable[[], pd.Timestamp],
        patience_s: float = PATIENCE_S,
    ) -> Watched:
        """Return what the monitor finds, at most about an hour old.

        Parameters
        ----------
        store : holds the score log.
        history : gives what happened, without personal fields.
        now : gives this instant.
        patience_s : how long to wait for the first look.

        Raises
        ------
        EmptyHistoryError : there are no leads yet.
        BeingMadeError : the first look is being taken.
        StoreError : the history cannot be read.
        """
        return self._shelf.get(
            lambda: self._look(store, history(), now()),
            lambda watched: time.monotonic() - watched.made < FRESH_S,
            patience_s,
        )

    def _look(self, store: Store, history: History, now: pd.Timestamp) -> Watched:
        asked = self.settings.training
        report = monitor(history, now, **self.settings.monitoring.model_dump())
        served = read_promises(store, horizons=asked.horizons)
        wanted: dict[str, Any] = {"horizons": asked.horizons, "target": asked.target}
        kept = told(served, history, now, **wanted)
        unseen = read_promises(store, horizons=asked.horizons, shadow=True)
        beside = compare_shadow(served, unseen, history, now, **wanted)
        return Watched(report, kept, beside, time.monotonic())
