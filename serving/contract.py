"""What callers send and get.

Flat objects, every key always present, numbers as doubles, strings instead of enumerations and
no unions in the answers, so that flow builders of CRMs can read the document. Scores are plain
data classes: what we make ourselves needs no validation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

MAX_TEXT = 500
MAX_ATTRIBUTE = 10_000
MAX_ENGAGEMENTS = 100_000
_NUMBERS = frozenset({int, float, bool, type(None)})
_PLAIN = (str, int, float, type(None))


def _printable(text: str) -> str:
    """Refuse what no database keeps and no page shows."""
    if text and min(text) < " ":
        raise ValueError("must not contain control characters")
    return text


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Refuse attributes that are no plain values.

    Raises
    ------
    ValueError : names the field.
    """
    if fields and set(map(type, fields.values())) <= _NUMBERS:
        lengths = set(map(len, fields))
        if min(lengths) > 0 and max(lengths) <= MAX_TEXT:
            return fields  # sixty numbers are looked at once, not one by one
    for name, value in fields.items():
        if not name or len(name) > MAX_TEXT:
            raise ValueError(f"a field's name has 1 to {MAX_TEXT} letters (got {name[:40]!r})")
        if not isinstance(value, _PLAIN):
            raise ValueError(f"the field {name!r} must be a text, a number, true, false or null")
        if isinstance(value, str) and (len(value) > MAX_ATTRIBUTE or "\x00" in value):
            raise ValueError(
                f"the field {name!r} must be a text of at most {MAX_ATTRIBUTE} letters, none of "
                "them NUL"
            )
    return fields


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_printable)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_printable)]
Attributes = Annotated[
    dict[str, Any],
    Field(max_length=1000),
    AfterValidator(_flat),
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Touch(_Input):
    """An engagement in a request, with the columns of the engagements table. It is not stored."""

    occurred_at: Text = Field(
        description="When it happened, ISO 8601 with a zone.", examples=["2025-06-01T10:00:00Z"]
    )
    kind: Id = Field(description="What happened.", examples=["web_visit"])
    engagement_id: Text | None = Field(
        None, description="Its id; derived from its content where missing.", examples=["E17"]
    )
    recorded_at: Text | None = Field(
        None,
        description="When the system learned of it; occurred_at where missing.",
        examples=["2025-06-01T10:00:05Z"],
    )
    team: Text | None = Field(None, description="marketing or sales.", examples=["marketing"])
    channel: Text | None = Field(None, description="The way it came.", examples=["web"])
    campaign: Text | None = Field(None, description="Its campaign.", examples=["spring"])
    direction: Text | None = Field(None, description="inbound or outbound.", examples=["inbound"])
    value: float | None = Field(None, description="Money or points.", examples=[25.0])
    duration_s: float | None = Field(None, description="Seconds.", examples=[90.0])


class LeadToScore(_Input):
    """One lead: a known one by its id, an unknown one with all that matters about it."""

    lead_id: Id = Field(
        description="Id of a lead in the history, or any id for a new one.", examples=["L000042"]
    )
    as_of: Text | None = Field(
        None,
        description="Cutoff, ISO 8601 with a zone: only what was recorded before it counts. Now "
        "where missing.",
        examples=["2025-06-30T00:00:00Z"],
    )
    attributes: Attributes | None = Field(
        None,
        description="Attributes of the lead as in the leads table. For a lead that the history "
        "does not know, created_at and account_id may be among them; for a known lead they are "
        "taken as its values at the cutoff.",
        examples=[{"source": "referral", "job_level": "manager"}],
    )
    account: Attributes | None = Field(
        None,
        description="Attributes of the lead's account as in the accounts table.",
        examples=[{"industry": "software", "employees": 250}],
    )
    engagements: list[Touch] | None = Field(
        None,
        max_length=MAX_ENGAGEMENTS,
        description="Engagements that count beside those in the history; they are not stored.",
        examples=[[{"occurred_at": "2025-06-01T10:00:00Z", "kind": "web_visit"}]],
    )


class ScoreRequest(_Input):
    """Leads to score, and how many reasons to give for each."""

    leads: list[Any] = Field(
        description="The leads; a bad one does not fail its neighbours.",
        examples=[[{"lead_id": "L000042"}]],
    )
    top_reasons: int | None = Field(
        None, ge=0, le=50, description="Reasons per lead; 0 skips the explanation.", examples=[5]
    )


@dataclass(slots=True)
class Reason:
    """Why a lead scored as it did."""

    feature: Annotated[
        str, Field(description="Name of the feature.", examples=["pricing_visit_30d"])
    ]
    label: Annotated[
        str,
        Field(
            description="The feature in plain words.",
            examples=["pricing visit in the last 30 days"],
        ),
    ]
    value: Annotated[
        str,
        Field(description="Its value for this lead, as text; empty when unknown.", examples=["3"]),
    ]
    effect: Annotated[
        float,
        Field(
            description="Its part of the probability, in points of probability.", examples=[0.04]
        ),
    ]


@dataclass(slots=True)
class HorizonProbability:
    """The probability within one horizon."""

    horizon_days: Annotated[int, Field(ge=1, description="Days after the cutoff.", examples=[30])]
    probability: Annotated[
        float,
        Field(ge=0, le=1, description="Calibrated probability of a conversion.", examples=[0.12]),
    ]


@dataclass(slots=True)
class LeadScore:
    """The score of one lead. When `status` is unknown_lead or invalid, every number is 0."""

    lead_id: Annotated[str, Field(description="As sent.", examples=["L000042"])]
    as_of: Annotated[
        str, Field(description="The cutoff that was used.", examples=["2025-06-30T00:00:00+00:00"])
    ]
    probability: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Calibrated probability within the longest horizon.",
            examples=[0.21],
        ),
    ]
    horizon_days: Annotated[int, Field(description="The longest horizon, in days.", examples=[90])]
    probabilities: Annotated[
        list[HorizonProbability],
        Field(
            description="The probability within each horizon.",
            examples=[[{"horizon_days": 30, "probability": 0.12}]],
        ),
    ]
    score: Annotated[
        float, Field(ge=0, le=100, description="Percentile rank among open leads.", examples=[93.5])
    ]
    grade: Annotated[
        str, Field(description="A, B, C or D by the agreed thresholds.", examples=["A"])
    ]
    trend: Annotated[
        str,
        Field(
            description="improving, steady, declining or unknown, against a week before.",
            examples=["improving"],
        ),
    ]
    expected_value: Annotated[
        float,
        Field(
            description="Probability times the value of a win; 0 when that is unknown.",
            examples=[1520.0],
        ),
    ]
    reasons: Annotated[
        list[Reason],
        Field(description="The strongest reasons, largest effect first.", examples=[[]]),
    ]
    model_version: Annotated[
        str, Field(description="Version of the model that scored.", examples=["3"])
    ]
    status: Annotated[
        str,
        Field(
            description="ok; closed (the lead is won or lost, and is scored as if it were not); "
            "unknown_lead; invalid.",
            examples=["ok"],
        ),
    ]
    message: Annotated[
        str, Field(description="What is wrong and what to do, empty when ok.", examples=[""])
    ]


class ScoreAnswer(BaseModel):
    """One answer per lead, in the order sent."""

    scores: list[LeadScore] = Field(
        description="The scores, in the order of the leads.", examples=[[]]
    )


class Refusal(BaseModel):
    """A row that was set aside."""

    row: int = Field(ge=1, description="Which row of the request, from 1.", examples=[2])
    field: str = Field(description="The field that is wrong.", examples=["occurred_at"])
    value: str = Field(description="What it held.", examples=["yesterday"])
    reason: str = Field(description="What was expected.", examples=["is no ISO 8601 time"])


class Written(BaseModel):
    """What became of the rows. Accepted rows are on disk before this answer is sent."""

    accepted: int = Field(ge=0, description="New rows.", examples=[10])
    updated: int = Field(
        ge=0, description="Rows that replaced older content of the same id.", examples=[0]
    )
    duplicate: int = Field(ge=0, description="Rows that were there already.", examples=[1])
    rejected: int = Field(ge=0, description="Rows in quarantine.", examples=[0])
    erased: int = Field(
        ge=0, description="Rows of people who were forgotten, left out.", examples=[0]
    )
    reasons: list[Refusal] = Field(description="Why rows were rejected.", examples=[[]])


class Spend(_Input):
    """What was spent on a campaign. Of one campaign and day the newest word counts."""

    campaign: Id = Field(description="The campaign, as engagements name it.", examples=["spring"])
    day: Annotated[date, WithJsonSchema({"type": "string", "maxLength": 10})] = Field(
        description="The day on which, or from which on, it was spent: YYYY-MM-DD.",
        examples=["2025-06-01"],
    )
    amount: float = Field(
        ge=-1e12, le=1e12, description="Money, in the currency of outcomes.", examples=[4000.0]
    )
    who: Text = Field("", description="Who says so.", examples=["ben"])


class SpendRequest(_Input):
    """What was spent on campaigns."""

    spend: list[Spend] = Field(
        max_length=10_000,
        description="What was spent.",
        examples=[[{"campaign": "spring", "day": "2025-06-01", "amount": 4000.0}]],
    )


class Problem(BaseModel):
    """A request that cannot be answered."""

    error: str = Field(
        description="What is wrong, where, and what was expected.",
        examples=["leads: at most 1000 in one request (got 1001)"],
    )
