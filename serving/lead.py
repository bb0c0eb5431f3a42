"""What is known of one lead: its history, its score and why, and what was made of it before."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from alignment.outlook import BACK, outlook
from history.history import micros
from history.score_reading import read_scores
from serving.contract import LeadToScore
from serving.desk import Desk
from serving.errors import UnknownLeadError
from serving.rows import records, scores_over_time, timeline

_SHOWN = 200
"""Past scores of a lead that are shown."""


def lead(desk: Desk, lead_id: str) -> dict[str, Any]:
    """Return all that is known of a lead: attributes, timeline, score, reasons, past scores.

    Raises
    ------
    UnknownLeadError : the history does not know it.
    """
    now = desk.now()
    around = desk.store.lead_history([lead_id], observed_until=now)
    history = around.for_leads([lead_id])
    if history.leads.empty:
        raise UnknownLeadError(f"the history knows no lead {lead_id[:100]!r}")
    # Before it is scored: what is shown does not depend on how quickly the log is written.
    past = read_scores(desk.store, lead_id=lead_id, newest=_SHOWN)
    score = told = None
    if desk.ready:
        wanted = LeadToScore(lead_id=lead_id)
        top = desk.settings.serving.default_reasons
        score = asdict(desk.scorer.score([(0, wanted)], top, micros(now))[0])
        if score["status"] == "ok":
            known = beside(desk, lead_id, now)
            told = outlook(
                around,
                lead_id,
                desk.scorer.champion.model,
                now=now,
                floors=known["floors"],
                earlier=known["earlier"],
            ).as_dict()
    return {
        "lead": records(history.leads)[0],
        "timeline": timeline(history),
        "score": score,
        "outlook": told,
        "scores": scores_over_time(past),
    }


def beside(desk: Desk, lead_id: str, now: pd.Timestamp) -> dict[str, Any]:
    """Return what is known of a lead beside its history, as far as it is at hand.

    Returns
    -------
    ``floors`` below which it is left, ``earlier`` (the model that scored it a week ago, where
    that was the champion before), and ``handoffs`` (its rows of the ledger).
    """
    situation = desk.ranking.newest
    if situation is None:
        return {"floors": None, "earlier": None, "handoffs": None}
    facts, logged = situation.facts, situation.logged
    earlier = None
    if facts.earlier is not None:
        since = read_scores(desk.store, until=now - BACK, lead_id=lead_id, newest=1)
        if since["model_version"].tolist() == [facts.earlier_version]:
            earlier = facts.earlier
    mine = None if logged is None else logged[logged["lead_id"] == lead_id]
    return {"floors": situation.floors, "earlier": earlier, "handoffs": mine}
