"""What the two teams agree on before anybody has agreed: the defaults of an installation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class GradeFloors(BaseModel):
    """Least probability of each grade; below C is D. B begins at the cut."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    a: float = Field(ge=0, le=1)
    b: float = Field(ge=0, le=1)
    c: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _falling(self) -> GradeFloors:
        if not self.a >= self.b >= self.c:
            raise ValueError("grades must fall: a >= b >= c")
        return self


class OwnerTerms(BaseModel):
    """Somebody of sales who is given leads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200)
    per_week: float = Field(gt=0, le=100_000, description="leads that may be given in seven days")
    segments: tuple[str, ...] = Field((), description="that are taken; every one if empty")


class AgreementSettings(BaseModel):
    """Version 0 of the agreement of sales and marketing; later versions are made on the page.

    What is empty is proposed from the quarter before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target_wins: float | None = Field(None, ge=0, description="conversions a quarter")
    target_revenue: float | None = Field(None, ge=0, description="money a quarter")
    target_leads: float | None = Field(None, ge=0, description="leads handed to sales a quarter")
    mql_to_sal: float | None = Field(None, ge=0, le=1)
    sal_to_sql: float | None = Field(None, ge=0, le=1)
    sql_to_opportunity: float | None = Field(None, ge=0, le=1)
    opportunity_to_won: float | None = Field(None, ge=0, le=1)
    handoff_hours: float = Field(48.0, gt=0, le=8760, description="until the first touch by sales")
    follow_ups: int = Field(4, ge=1, le=100, description="touches by sales before a lead is left")
    follow_up_days: int = Field(21, ge=1, le=365, description="within so many days")
    capacity_per_week: float | None = Field(None, gt=0, description="leads sales can pick up")
    win_value: float | None = Field(None, ge=0, description="money; median won amount if empty")
    lead_cost: float = Field(0.0, ge=0, description="money that working one lead costs")
    least_probability: float | None = Field(
        None, ge=0, le=1, description="a lead crosses to sales from here on; solved if empty"
    )
    grades: GradeFloors | None = Field(
        None, description="probability from which each grade begins; solved when both teams agree"
    )
    least_engagements: int = Field(0, ge=0, description="in 30 days, to cross")
    excluded: tuple[str, ...] = Field(
        (), description="fit rules: leads with `field=value` do not cross, as in `source=partner`"
    )
    exploration_share: float = Field(
        0.0, ge=0, le=0.5, description="share of leads below the cut that cross all the same"
    )
    holdout_share: float = Field(
        0.0, ge=0, le=0.5, description="share of leads worked in order of arrival, not of score"
    )
    owners: tuple[OwnerTerms, ...] = Field(
        (), description="who is given the leads that cross; nobody is given any if empty"
    )
    spend: dict[str, float] = Field(
        default_factory=dict, description="money spent by campaign, as in `email_01 = 4000.0`"
    )

    @model_validator(mode="after")
    def _one_cut(self) -> AgreementSettings:
        cut, grades = self.least_probability, self.grades
        if cut is not None and grades is not None and grades.b != cut:
            raise ValueError("grade b begins at the cut: leave least_probability or grades out")
        return self

    @field_validator("owners")
    @classmethod
    def _once_each(cls, owners: tuple[OwnerTerms, ...]) -> tuple[OwnerTerms, ...]:
        names = [each.name for each in owners]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is named twice")
        return owners
