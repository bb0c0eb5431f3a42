"""Scores of leads, known or not, without anything of HTTP."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from features import LiveEngine
from history import Store
from history.errors import NotInPlaceError
from history.lead_rows import LeadRows
from history.score_log import ServedScore
from models.scoring import Grades, score_rows
from serving.answers import Answers
from serving.assembly import assembled, batches, stored_rows
from serving.body import Wanted, understand
from serving.champion import Champion
from serving.contract import LeadScore, LeadToScore, Touch
from serving.touches import EPOCH
from settings import Settings

_WEEK = timedelta(days=7)
_WEEK_US = 7 * 86_400_000_000
_US = 1_000_000


@dataclass(frozen=True, eq=False)
class Served:
    """What was scored at once, for the score log and the metrics.

    Parameters
    ----------
    scores : one for each lead.
    feature_s, model_s : seconds that all of them took.
    """

    scores: Sequence[ServedScore]
    feature_s: float
    model_s: float


def _nobody(_served: Served) -> None:
    return None


class Scorer:
    """Scores leads with one champion. Threads may share it.

    Its `grades` are those of the configuration, until it is told what the two teams agreed on.

    Parameters
    ----------
    champion : the model.
    settings : thresholds and zone.
    store : the live history; None where only leads described in the request are scored.
    deal : value of a win in money, 0 when unknown.
    tell : is told what was scored.
    personal : ``table.column`` of attributes that are kept from the model.
    """

    def __init__(
        self,
        champion: Champion,
        settings: Settings,
        store: Store | None,
        deal: float,
        tell: Callable[[Served], None] = _nobody,
        personal: Collection[str] = (),
    ) -> None:
        self.champion = champion
        self.settings = settings
        self.store = store
        self.answers = Answers(champion.model.horizons, champion.version, deal)
        self.grades: Grades = settings.grades
        self._tell = tell
        self.personal = frozenset(personal)
        self.engine = LiveEngine(champion.model.features, self.personal)
        self.of_colleagues = self.engine.of_colleagues
        self._names = tuple(champion.model.names)

    def score(
        self,
        leads: Sequence[tuple[int, LeadToScore]],
        top_reasons: int,
        now: int,
        *,
        in_place: bool = False,
    ) -> dict[int, LeadScore]:
        """Score leads; each gets an answer of its own, whatever becomes of the others.

        Parameters
        ----------
        leads : with their places in the request.
        top_reasons : reasons per lead.
        now : the cutoff of leads that name none, UTC microseconds.
        in_place : score only if that takes no longer than an event loop may wait.

        Returns
        -------
        Answers by place.

        Raises
        ------
        StoreError : the history cannot be read.
        NotInPlaceError : it cannot be read in place.
        """
        answers, served = self._score_all(leads, top_reasons, now, in_place)
        if served is not None:
            self._tell(served)
        return answers

    def warm(self, now: int) -> None:
        """Score a lead that does not exist, so that compiled code is ready for the first one."""
        moment = EPOCH + timedelta(microseconds=now)
        touch = Touch(occurred_at=(moment - _WEEK).isoformat(), kind="warm-up")
        created = (moment - 2 * _WEEK).isoformat()
        lead = LeadToScore(
            lead_id="warm-up",
            attributes={"created_at": created, "account_id": "warm-up"},
            engagements=[touch],
        )
        self._score_all([(0, lead)], 1, now)

    def _score_all(
        self,
        leads: Sequence[tuple[int, LeadToScore]],
        top_reasons: int,
        now: int,
        in_place: bool = False,
    ) -> tuple[dict[int, LeadScore], Served | None]:
        wanted, unclear = understand(leads, now, self.settings.history.timezone)
        answers = {
            each.place: self.answers.refusal(each.lead_id, each.as_of, "invalid", each.message)
            for each in unclear
        }
        served: list[Served] = []
        if in_place and not self.champion.model.is_quick:
            raise NotInPlaceError("the champion may take any time")
        if wanted:
            begun = time.perf_counter()
            stored = stored_rows(self.store, wanted, self.of_colleagues, in_place=in_place)
            for batch in batches(stored, wanted):
                known = assembled(stored, batch)
                served += self._score(known, batch, top_reasons, now, begun, answers)
                begun = time.perf_counter()
        if not served:
            return answers, None
        return answers, Served(
            [score for each in served for score in each.scores],
            math.fsum(each.feature_s for each in served),
            math.fsum(each.model_s for each in served),
        )

    def _score(
        self,
        known: LeadRows,
        batch: Sequence[Wanted],
        top_reasons: int,
        now: int,
        begun: float,
        answers: dict[int, LeadScore],
    ) -> list[Served]:
        """Answer a batch, and return what was scored of it, if anything was."""
        ready: list[Wanted] = []
        for each in batch:
            refusal = self._refusal(each, known)
            if refusal is None:
                ready.append(each)
            else:
                answers[each.place] = refusal
        if not ready:
            return []
        older = [
            place
            for place, each in enumerate(ready)
            if each.cutoff - _WEEK_US > known.leads[each.lead_id].created
        ]
        values = self.engine.compute(
            known,
            [each.lead_id for each in ready] + [ready[place].lead_id for place in older],
            np.array(
                [each.cutoff for each in ready]
                + [ready[place].cutoff - _WEEK_US for place in older],
                dtype=np.int64,
            ),
        )
        between = time.perf_counter()
        model = self.champion.model
        rows = score_rows(
            model,
            model.encode_lines(values.numbers, values.texts),
            grades=self.grades,
            columns=lambda: values.columns,
            explained=len(ready),
            top_reasons=top_reasons,
        )
        spent = (between - begun, time.perf_counter() - between)
        points = rows.points.tolist()
        earlier = dict(zip(older, points[len(ready) :], strict=True))
        scores = []
        for place, (each, chances, score, graded) in enumerate(
            zip(ready, rows.probabilities.tolist(), points, rows.grades.tolist(), strict=False)
        ):
            reasons = rows.reasons[place] if rows.reasons else []
            answers[each.place] = answer = self.answers.answer(
                each.lead_id,
                each.as_of,
                chances,
                score,
                graded,
                reasons,
                earlier=earlier.get(place, math.nan),
                still_open=bool(values.still_open[place]),
            )
            scores.append(
                ServedScore(
                    lead_id=each.lead_id,
                    as_of=each.cutoff,
                    scored_at=now,
                    model_version=self.champion.version,
                    horizons=self.answers.horizons,
                    probabilities=tuple(chances),
                    score=score,
                    grade=graded,
                    status=answer.status,
                    reasons=reasons,
                    names=self._names,
                    features=values.row(place),
                    feature_us=int(spent[0] * _US / len(ready)),
                    model_us=int(spent[1] * _US / len(ready)),
                )
            )
        return [Served(scores, *spent)]

    def _refusal(self, wanted: Wanted, known: LeadRows) -> LeadScore | None:
        lead = known.leads.get(wanted.lead_id)
        if lead is not None and lead.created < wanted.cutoff:
            return None
        as_of = wanted.as_of
        if lead is None:
            message = (
                f"the history knows no lead {wanted.lead_id!r}; send its attributes or "
                "engagements to score it from the request alone"
            )
            return self.answers.refusal(wanted.lead_id, as_of, "unknown_lead", message)
        born = pd.Timestamp(lead.created, unit="us", tz="UTC").isoformat()
        message = f"as_of: the lead was created at {born}, which is not before the cutoff {as_of}"
        return self.answers.refusal(wanted.lead_id, as_of, "invalid", message)
