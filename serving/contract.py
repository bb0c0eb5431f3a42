"""What callers send and get.

Flat objects, every key always present, numbers as doubles, strings instead of enumerations and
no unions in the answers, so that flow builders of CRMs can read the document.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MAX_TEXT = 500
MAX_ENGAGEMENTS = 100_000

Id = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Scalar = str | float | bool | None


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


class LeadToScore(_Input):
    """One lead: a known one by its id, an unknown one with all that matters about it."""

    lead_id: Id = Field(description="Id of the lead in the history, or any id of a new one.", examples=["L000042"])
    as_of: str | None = Field(
        None,
        max_length=64,
        description="Cutoff, ISO 8601 with a zone; only what was recorded before counts. Now by default.",
        examples=["2025-06-30T00:00:00Z"],
    )
    attributes: dict[str, Scalar] | None = Field(
        None,
        max_length=1_000,
        description="Attributes of the lead, as in the leads table; created_at and account_id may be among them.",
        examples=[{"source": "referral", "job_level": "manager"}],
    )
    engagements: list[dict[str, Scalar]] | None = Field(
        None,
        max_length=MAX_ENGAGEMENTS,
        description="Engagements with the columns of the engagements table; they are not stored.",
        examples=[[{"occurred_at": "2025-06-01T10:00:00Z", "kind": "web_visit", "channel": "web"}]],
    )


class ScoreRequest(_Input):
    """Leads to score, and how many reasons to give for each."""

    leads: list[Any] = Field(description="The leads; a bad one does not fail its neighbours.")
    top_reasons: int | None = Field(
        None, ge=0, le=50, description="Reasons per lead; 0 skips the explanation.", examples=[5]
    )


class Reason(BaseModel):
    """Why a lead scored as it did."""

    feature: str = Field(description="Name of the feature.", examples=["pricing_visit_30d"])
    label: str = Field(description="The feature in plain words.", examples=["pricing visit in the last 30 days"])
    value: str = Field(description="Its value for this lead, as text; empty when unknown.", examples=["3"])
    effect: float = Field(description="Its part of the probability, in points of probability.", examples=[0.04])


class HorizonProbability(BaseModel):
    """The probability within one horizon."""

    horizon_days: int = Field(description="Days after the cutoff.", examples=[30])
    probability: float = Field(description="Calibrated probability of a conversion.", examples=[0.12])


class LeadScore(BaseModel):
    """What is known of one lead. When `status` is not ok, the numbers are 0 and mean nothing."""

    lead_id: str = Field(description="As sent.", examples=["L000042"])
    as_of: str = Field(description="The cutoff that was used.", examples=["2025-06-30T00:00:00+00:00"])
    probability: float = Field(description="Calibrated probability within the longest horizon.", examples=[0.21])
    horizon_days: int = Field(description="The longest horizon, in days.", examples=[90])
    probabilities: list[HorizonProbability] = Field(description="The probability within each horizon.")
    score: float = Field(description="Percentile rank among open leads, 0 to 100.", examples=[93.5])
    grade: str = Field(description="A, B, C or D by the agreed thresholds.", examples=["A"])
    trend: str = Field(description="improving, steady, declining or unknown, against a week before.", examples=["improving"])
    expected_value: float = Field(description="Probability times the value of a win; 0 when that is unknown.", examples=[1520.0])
    reasons: list[Reason] = Field(description="The strongest reasons, largest effect first.")
    model_version: str = Field(description="Version of the model that scored.", examples=["3"])
    status: str = Field(description="ok, closed, unknown_lead or invalid.", examples=["ok"])
    message: str = Field(description="What is wrong and what to do, empty when ok.", examples=[""])


class ScoreAnswer(BaseModel):
    """One answer per lead, in the order sent."""

    scores: list[LeadScore] = Field(description="The scores, in the order of the leads.")


class Refusal(BaseModel):
    """A row that was set aside."""

    row: int = Field(description="Which row of the request, from 1.", examples=[2])
    field: str = Field(description="The field that is wrong.", examples=["occurred_at"])
    value: str = Field(description="What it held.", examples=["yesterday"])
    reason: str = Field(description="What was expected.", examples=["is no ISO 8601 time"])


class Written(BaseModel):
    """What became of the rows. Accepted rows are on disk before this answer is sent."""

    accepted: int = Field(description="New rows.", examples=[10])
    updated: int = Field(description="Rows that replaced older content of the same id.", examples=[0])
    duplicate: int = Field(description="Rows that were there already.", examples=[1])
    rejected: int = Field(description="Rows in quarantine.", examples=[0])
    reasons: list[Refusal] = Field(description="Why rows were rejected.")


class Problem(BaseModel):
    """A request that cannot be answered."""

    error: str = Field(description="What is wrong, where, and what was expected.")
