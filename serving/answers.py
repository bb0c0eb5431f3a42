"""Answers about leads: every key always present, numbers as doubles, texts instead of unions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.contract import HorizonProbability, LeadScore, Reason

STEADY_POINTS = 5.0
"""A score that moved by less than this within a week is steady."""


@dataclass(frozen=True)
class Answers:
    """Makes answers about leads.

    Parameters
    ----------
    horizons : of the model, in days, rising.
    version : of the model.
    deal : value of a win in money, 0 when unknown.
    """

    horizons: tuple[int, ...]
    version: str
    deal: float

    def answer(
        self,
        lead_id: str,
        as_of: str,
        chances: Sequence[float],
        score: float,
        grade: str,
        reasons: Sequence[Mapping[str, Any]],
        *,
        earlier: float,
        still_open: bool,
    ) -> LeadScore:
        """Return the answer about a scored lead.

        Parameters
        ----------
        lead_id, as_of : the snapshot, the cutoff as ISO 8601.
        chances : probability within each horizon.
        score, grade, reasons : as of `models.Scores`.
        earlier : its score a week before, NaN when unknown.
        still_open : whether it was neither won nor lost at the cutoff.
        """
        return LeadScore(
            lead_id=lead_id,
            as_of=as_of,
            probability=chances[-1],
            horizon_days=self.horizons[-1],
            probabilities=self._probabilities(chances),
            score=score,
            grade=grade,
            trend=trend(score, earlier),
            expected_value=round(chances[-1] * self.deal, 2),
            reasons=[_reason(each) for each in reasons],
            model_version=self.version,
            status="ok" if still_open else "closed",
            message="" if still_open else "the lead was won, lost or disqualified by the cutoff",
        )

    def refusal(self, lead_id: str, as_of: str, status: str, message: str) -> LeadScore:
        """Return the answer about a lead that cannot be scored: every number is 0."""
        return LeadScore(
            lead_id=lead_id,
            as_of=as_of,
            probability=0.0,
            horizon_days=self.horizons[-1],
            probabilities=self._probabilities([0.0] * len(self.horizons)),
            score=0.0,
            grade="",
            trend="unknown",
            expected_value=0.0,
            reasons=[],
            model_version=self.version,
            status=status,
            message=message,
        )

    def _probabilities(self, chances: Sequence[float]) -> list[HorizonProbability]:
        return [
            HorizonProbability(horizon_days=horizon, probability=chance)
            for horizon, chance in zip(self.horizons, chances, strict=True)
        ]


def trend(score: float, earlier: float) -> str:
    """Return improving, steady, declining, or unknown where there is no earlier score."""
    if math.isnan(earlier):
        return "unknown"
    if abs(score - earlier) < STEADY_POINTS:
        return "steady"
    return "improving" if score > earlier else "declining"


def _reason(reason: Mapping[str, Any]) -> Reason:
    value = reason["value"]
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return Reason(
        feature=reason["feature"],
        label=reason["label"],
        value=text,
        effect=float(reason["effect"]),
    )
