"""Scores of leads, known or not, without anything of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features import compute_features
from features.snapshots import is_open
from history import History, HistoryError, Store
from history.conform import conform
from history.tables import LEADS, ENGAGEMENTS
from models import score
from serving.champion import Champion
from serving.contract import HorizonProbability, LeadScore, LeadToScore, Reason
from settings import Settings

_WEEK = pd.Timedelta(days=7)
_STEADY_POINTS = 5.0


@dataclass(frozen=True)
class Wanted:
    """A lead to score, as understood.

    Parameters
    ----------
    place : its place in the request.
    lead_id, as_of : the snapshot.
    lead : a row of the leads table, where the body describes the lead.
    engagements : rows of the engagements table from the body.
    """

    place: int
    lead_id: str
    as_of: pd.Timestamp
    lead: pd.DataFrame | None
    engagements: pd.DataFrame | None


class Scorer:
    """Scores leads with one champion.

    Parameters
    ----------
    champion : the model.
    settings : thresholds and zone.
    store : the live history; None where only leads described in the body are scored.
    deal : value of a win, 0 when unknown.
    """

    def __init__(
        self, champion: Champion, settings: Settings, store: Store | None, deal: float
    ) -> None:
        self.champion = champion
        self.settings = settings
        self.store = store
        self.deal = deal

    def score(
        self, leads: Sequence[tuple[int, LeadToScore]], top_reasons: int, now: pd.Timestamp
    ) -> dict[int, LeadScore]:
        """Score leads; each gets an answer of its own, whatever becomes of the others.

        Parameters
        ----------
        leads : with their places in the request.
        top_reasons : reasons per lead.
        now : the cutoff of leads that name none.

        Returns
        -------
        Answers by place.
        """
        answers: dict[int, LeadScore] = {}
        wanted: list[Wanted] = []
        for place, lead in leads:
            try:
                wanted.append(self._understand(place, lead, now))
            except HistoryError as error:
                answers[place] = self.refuse(lead.lead_id, lead.as_of or "", "invalid", str(error))
        for batch in _batches(wanted):
            answers.update(self._score(batch, top_reasons, now))
        return answers

    def refuse(self, lead_id: str, as_of: str, status: str, message: str) -> LeadScore:
        """Answer for a lead that cannot be scored: every key is there, the numbers are 0."""
        horizons = self.champion.model.horizons
        return LeadScore(
            lead_id=lead_id,
            as_of=as_of,
            probability=0.0,
            horizon_days=horizons[-1],
            probabilities=[HorizonProbability(horizon_days=h, probability=0.0) for h in horizons],
            score=0.0,
            grade="",
            trend="unknown",
            expected_value=0.0,
            reasons=[],
            model_version=self.champion.version,
            status=status,
            message=message,
        )

    def _understand(self, place: int, lead: LeadToScore, now: pd.Timestamp) -> Wanted:
        zone = self.settings.history.timezone
        as_of = now
        if lead.as_of is not None:
            asked = pd.DataFrame({"lead_id": [lead.lead_id], "created_at": [lead.as_of]})
            read = conform(LEADS, asked.rename(columns={}), origin="as_of", timezone=zone)
            as_of = read.frame["created_at"].iloc[0]
        touches = None
        if lead.engagements:
            raw = pd.DataFrame(lead.engagements).assign(lead_id=lead.lead_id)
            touched = conform(ENGAGEMENTS, raw, origin="engagements", timezone=zone)
            if touched.rejects:
                raise HistoryError(str(touched.rejects[0]))
            touches = touched.frame
        described = lead.attributes is not None or touches is not None
        row = self._lead_row(lead, as_of, touches) if described else None
        return Wanted(place, lead.lead_id, as_of, row, touches)

    def _lead_row(
        self, lead: LeadToScore, as_of: pd.Timestamp, touches: pd.DataFrame | None
    ) -> pd.DataFrame:
        """Describe a lead by the body; without a time of creation its first engagement counts."""
        attributes: dict[str, Any] = dict(lead.attributes or {})
        first = as_of - pd.Timedelta(microseconds=1)
        if touches is not None:
            first = min(first, touches["occurred_at"].min())
        attributes.setdefault("created_at", first.isoformat())
        raw = pd.DataFrame([{**attributes, "lead_id": lead.lead_id}])
        zone = self.settings.history.timezone
        read = conform(LEADS, raw, origin="attributes", timezone=zone)
        if read.frame["created_at"].iloc[0] >= as_of:
            raise HistoryError(
                f"attributes, created_at: the lead is created at {attributes['created_at']}, not "
                f"before the cutoff {as_of.isoformat()}"
            )
        return read.frame

    def _score(
        self, batch: Sequence[Wanted], top_reasons: int, now: pd.Timestamp
    ) -> dict[int, LeadScore]:
        history = self._history(batch, now)
        created = history.leads.set_index("lead_id")["created_at"]
        answers, known = {}, []
        for each in batch:
            if each.lead_id not in created.index:
                answers[each.place] = self.refuse(
                    each.lead_id, each.as_of.isoformat(), "unknown_lead",
                    f"the history knows no lead {each.lead_id!r}; send its attributes or "
                    "engagements to score it from the request alone",
                )
            elif created[each.lead_id] >= each.as_of:
                answers[each.place] = self.refuse(
                    each.lead_id, each.as_of.isoformat(), "invalid",
                    f"as_of: the lead was created at {created[each.lead_id].isoformat()}, not "
                    "before the cutoff",
                )
            else:
                known.append(each)
        if known:
            answers.update(self._answers(history, known, created, top_reasons))
        return answers

    def _answers(
        self, history: History, known: Sequence[Wanted], created: pd.Series, top_reasons: int
    ) -> dict[int, LeadScore]:
        snapshots = pd.DataFrame(
            {"lead_id": [w.lead_id for w in known], "as_of": [w.as_of for w in known]}
        )
        model, grades = self.champion.model, self.settings.grades
        before = snapshots.assign(as_of=snapshots["as_of"] - _WEEK)
        older = (before["as_of"] > before["lead_id"].map(created)).to_numpy()
        both = pd.concat([snapshots, before[older]], ignore_index=True)
        matrix = compute_features(history, both, model.features)
        count = len(snapshots)
        now_rows, then_rows = np.arange(count), np.arange(count, len(both))
        scored = score(
            model, matrix.take(now_rows), grades=grades, top_reasons=top_reasons,
            version=self.champion.version,
        ).frame
        earlier = np.full(count, np.nan)
        if len(then_rows):
            then = score(model, matrix.take(then_rows), grades=grades, top_reasons=0).frame
            earlier[older] = then["score"].to_numpy()
        still_open = is_open(history, snapshots)
        return {
            wanted.place: self._answer(row, earlier[i], bool(still_open[i]))
            for i, (wanted, row) in enumerate(zip(known, scored.to_dict("records"), strict=True))
        }

    def _answer(self, row: Mapping[Any, Any], earlier: float, still_open: bool) -> LeadScore:
        horizons = self.champion.model.horizons
        chances = [float(row[f"probability_{h}d"]) for h in horizons]
        return LeadScore(
            lead_id=row["lead_id"],
            as_of=row["as_of"].isoformat(),
            probability=chances[-1],
            horizon_days=horizons[-1],
            probabilities=[
                HorizonProbability(horizon_days=h, probability=p)
                for h, p in zip(horizons, chances, strict=True)
            ],
            score=float(row["score"]),
            grade=str(row["grade"]),
            trend=_trend(float(row["score"]), earlier),
            expected_value=round(chances[-1] * self.deal, 2),
            reasons=[_reason(each) for each in row["reasons"]],
            model_version=self.champion.version,
            status="ok" if still_open else "closed",
            message="" if still_open else "the lead was closed before the cutoff",
        )

    def _history(self, batch: Sequence[Wanted], now: pd.Timestamp) -> History:
        """Return the stored history of the leads, with what the request adds to it."""
        history = History.from_frames({}, observed_until=now)
        if self.store is not None:
            ids = [each.lead_id for each in batch]
            history = self.store.lead_history(ids, observed_until=now)
        known = set(history.leads["lead_id"])
        new = [w.lead for w in batch if w.lead is not None and w.lead_id not in known]
        more = [_overlay(w.lead) for w in batch if w.lead is not None and w.lead_id in known]
        touches = [each.engagements for each in batch if each.engagements is not None]
        if not new and not touches and not more:
            return history
        frames = history.frames()
        leads = frames["leads"]
        for described in more:
            leads = _described(leads, described)
        frames["leads"] = pd.concat([leads, *new], ignore_index=True)
        joined = pd.concat([frames["engagements"], *touches], ignore_index=True)
        frames["engagements"] = joined.drop_duplicates("engagement_id", keep="last")
        return History.from_frames(frames, observed_until=now, current_only=history.current_only)


def _overlay(lead: pd.DataFrame) -> pd.DataFrame:
    """Keep of a known lead's description what is an attribute."""
    return lead.drop(columns=[name for name in ("created_at", "account_id") if name in lead])


def _described(leads: pd.DataFrame, lead: pd.DataFrame) -> pd.DataFrame:
    """Return the leads with one lead's attributes as the request describes them."""
    described = leads.copy()
    mine = (described["lead_id"] == lead["lead_id"].iloc[0]).to_numpy()
    for name in lead.columns.drop("lead_id"):
        column = described[name].astype(object) if name in described else pd.Series(np.nan, index=described.index, dtype=object)
        column[mine] = lead[name].iloc[0]
        described[name] = column
    return described


def _batches(wanted: Sequence[Wanted]) -> list[list[Wanted]]:
    """Put leads that name the same id into batches of their own: their bodies may differ."""
    batches: list[list[Wanted]] = []
    seen: dict[str, int] = {}
    for each in wanted:
        number = seen.get(each.lead_id, 0)
        seen[each.lead_id] = number + 1
        while len(batches) <= number:
            batches.append([])
        batches[number].append(each)
    return batches


def _trend(points: float, earlier: float) -> str:
    if np.isnan(earlier):
        return "unknown"
    if abs(points - earlier) < _STEADY_POINTS:
        return "steady"
    return "improving" if points > earlier else "declining"


def _reason(reason: Mapping[str, Any]) -> Reason:
    value = reason["value"]
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return Reason(
        feature=reason["feature"],
        label=reason["label"],
        value=text,
        effect=float(reason["effect"]),
    )


def stored_deal(settings: Settings, history: History) -> float:
    """Return the value of a win: as configured, else the median of the won amounts."""
    if settings.serving.average_deal is not None:
        return settings.serving.average_deal
    won = history.outcomes.loc[(history.outcomes["stage"] == "won").to_numpy(), "amount"]
    return float(won.median()) if won.notna().any() else 0.0

