"""Past weeks lived through one by one, with nothing known that was recorded later.

Every week does what an installation does: take in what is new, ask the monitor, train anew when the
policy says so, score, and hand the best leads over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment.handoff import WORKED
from features import FeatureMatrix, compute_features, open_leads
from features.snapshots import STAGE_FEATURE
from history import History, open_store
from history.extract import Extract
from history.history import micros
from history.score_log import BulkScores, write_bulk
from history.score_reading import read_promises
from history.teamwork import hand_over
from models import ConversionModel
from models.baselines import PointsScheme
from models.capacity import NEWEST
from models.registry import Registry
from models.scoring import grade, percentile_scores
from models.versions import ModelVersion
from monitoring import monitor
from pipelines import context
from pipelines.failures import UsageError
from pipelines.retrain import Retrained, retrain
from settings import Settings

Floats = npt.NDArray[np.float64]
LOOP, FROZEN, POINTS = "the loop", "never retrained", "points scheme"
ORDERS = (LOOP, FROZEN, POINTS, NEWEST)
"""By what the leads of marketing are put in order; of each a column in the queue."""
WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class Week:
    """What happened in a week.

    Parameters
    ----------
    number : from 1.
    as_of : when it was looked at: everything recorded before was known.
    rows : taken in.
    scored, handed : open leads, and those that crossed to sales.
    alerts : of the monitor, as `code subject`.
    champion : version that serves at the end of the week.
    trained, way : version that was trained, and how; None and empty where none was.
    promoted : whether it serves.
    why : the ruling of the policy, and the verdict of the gate where it was asked.
    """

    number: int
    as_of: str
    rows: int
    scored: int
    handed: int
    alerts: tuple[str, ...]
    champion: int
    trained: int | None
    way: str
    promoted: bool
    why: str


class Life:
    """An installation that lives through the weeks of a history.

    Parameters
    ----------
    settings : of the installation, whose store and registry are empty.
    history : what happened, later weeks too: they are taken in when their time has come.
    begin : of the first week; what was recorded before is there from the start.
    per_week : leads that sales works a week.

    Attributes
    ----------
    queue : one frame a week of the open leads that are with marketing: ``week``, ``lead_id``,
        ``as_of``, ``group`` (its account) and their strength by each of `ORDERS`.
    """

    def __init__(
        self, settings: Settings, history: History, begin: pd.Timestamp, per_week: int
    ) -> None:
        self.settings, self.begin, self.per_week = settings, begin, per_week
        self.queue: list[pd.DataFrame] = []
        self._history = history
        self._store = open_store(settings.history.url, personal=settings.history.personal)
        self._registry = Registry.of(settings.tracking)
        self._first: ConversionModel | None = None
        self._handed: set[str] = set()

    def weeks(self, count: int) -> Iterator[Week]:
        """Live through the weeks and yield each when it is over.

        Raises
        ------
        UsageError : so little is known in the first week that no model may serve.
        """
        for number in range(1, count + 1):
            now = self.begin + (number - 1) * WEEK
            with context.working(f"week {number} of {count}, {now:%Y-%m-%d}"):
                rows = self._take_in(None if number == 1 else now - WEEK, now)
                known = self._store.history(now, self._history.current_only)
                alerts = monitor(known, now, **self.settings.monitoring.model_dump()).alerts
                horizons = self.settings.training.horizons
                promises = read_promises(self._store, horizons=horizons)
            done = retrain(self.settings, known, alerts, promises, now=now)
            if self._registry.reign().champion is None:
                raise UsageError(f"in the first week no model may serve yet: {_verdict(done)}")
            champion = self._registry.champion()
            scored, handed = self._work(number, known, now, champion)
            yield Week(
                number=number,
                as_of=now.isoformat(),
                rows=rows,
                scored=scored,
                handed=handed,
                alerts=tuple(f"{each.code} {each.subject}" for each in alerts),
                champion=champion.version,
                trained=None if done.version is None else done.version.version,
                way=done.way,
                promoted=done.decision is not None and done.decision.promote,
                why=_verdict(done),
            )

    def _take_in(self, since: pd.Timestamp | None, now: pd.Timestamp) -> int:
        """Ingest what was recorded since the week before; return how many rows that was."""
        news = self._history.known_before(now)
        news = news if since is None else news.recorded_from(since)
        report = self._store.ingest(Extract.of(news, "replay"), now=now)
        if report.rejects:
            raise UsageError(f"a row of the history was refused: {report.rejects[0]}")
        return sum(len(frame) for frame in news.frames().values())

    def _work(
        self, number: int, known: History, now: pd.Timestamp, champion: ModelVersion
    ) -> tuple[int, int]:
        """Score and file the open leads, and hand over the best that are with marketing."""
        model = self._registry.load(champion)
        self._first = self._first or model
        snapshots = open_leads(known, now)
        matrix = compute_features(known, snapshots, model.features)
        chances = model.probabilities(matrix.values)
        points = percentile_scores(chances[:, -1], model.reference)
        grades = grade(points, chances[:, -1], self.settings.grades)
        self._file(matrix, now, champion, model, chances, points, grades)
        ids, accounts = matrix.snapshots["lead_id"], matrix.snapshots["account_id"]
        queue = pd.DataFrame(
            {
                "week": number,
                "lead_id": ids,
                "as_of": matrix.snapshots["as_of"],
                "group": accounts.astype(object).where(accounts.notna(), ids),
                LOOP: chances[:, -1],
                FROZEN: _forecast(self._first, known, matrix),
                POINTS: PointsScheme(model.features).points(matrix.values),
                NEWEST: -matrix.snapshots["age_days"],
                "score": points,
                "grade": grades,
            }
        )
        stage = compute_features(known, snapshots, (STAGE_FEATURE,)).values[STAGE_FEATURE.name]
        queue = queue[~stage.isin(WORKED).to_numpy()].reset_index(drop=True)
        self.queue.append(queue[["week", "lead_id", "as_of", "group", *ORDERS]])
        return len(snapshots), self._hand_over(queue, now, champion)

    def _file(
        self,
        matrix: FeatureMatrix,
        now: pd.Timestamp,
        champion: ModelVersion,
        model: ConversionModel,
        chances: Floats,
        points: Floats,
        grades: npt.NDArray[np.str_],
    ) -> None:
        """Write the scores into the score log, where the monitor finds what was promised."""
        count, instant = len(matrix), micros(now)
        write_bulk(
            self._store,
            BulkScores(
                lead_ids=matrix.snapshots["lead_id"].tolist(),
                as_of=np.full(count, instant, dtype=np.int64),
                scored_at=instant,
                model_version=str(champion.version),
                horizons=model.horizons,
                probabilities=chances,
                scores=points,
                grades=grades.tolist(),
                statuses=["ok"] * count,
                feature_us=0,
                model_us=0,
            ),
        )

    def _hand_over(self, queue: pd.DataFrame, now: pd.Timestamp, champion: ModelVersion) -> int:
        """Write the best leads that have not crossed before into the ledger."""
        fresh = queue[~queue["lead_id"].isin(self._handed)]
        best = fresh.sort_values(LOOP, ascending=False, kind="stable").head(self.per_week)
        self._handed.update(best["lead_id"])
        return hand_over(
            self._store,
            [
                {
                    "lead_id": row["lead_id"],
                    "cycle": 0,
                    "handed_at": now,
                    "owner": "",
                    "score": row["score"],
                    "grade": row["grade"],
                    "probability": row[LOOP],
                    "reasons": [],
                    "explored": False,
                    "agreement": 0,
                    "model_version": str(champion.version),
                }
                for row in best.to_dict("records")
            ],
        )


def _forecast(model: ConversionModel, known: History, matrix: FeatureMatrix) -> Floats:
    """Return the last probability by a model that may declare other features."""
    values = matrix.values
    if model.features != matrix.features:
        snapshots = matrix.snapshots[["lead_id", "as_of"]]
        values = compute_features(known, snapshots, model.features).values
    return model.probabilities(values)[:, -1]


def _verdict(done: Retrained) -> str:
    """Say what the policy ruled, and what the gate said where it was asked."""
    said = [done.ruling.words, done.note, "" if done.decision is None else done.decision.words]
    return " ".join(each for each in said if each)
