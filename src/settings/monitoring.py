"""How the installation is watched."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MonitoringSettings(BaseModel):
    """What the newest weeks are compared with, and how many false alarms a year are accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference_weeks: int = Field(26, ge=8, le=260, description="weeks to compare with")
    alarms_a_year: float = Field(
        2.5, gt=0, le=52, description="false alarms a year at most; most for verdicts of sales"
    )


class RetrainingSettings(BaseModel):
    """When `smarketing retrain` trains anew. Days are days of the history, not of the clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_days: int | None = Field(
        90, ge=1, le=3650, description="days that a champion serves until it is trained anew"
    )
    conversions: int | None = Field(
        200, ge=1, description="leads that turned out converted since the champion was trained"
    )
    drift: bool = Field(True, description="train when the monitor tells of drift")
    promises: bool = Field(True, description="train when served promises were not kept")
    rest_days: int = Field(28, ge=0, le=3650, description="least days between two trainings")
    trials: int | None = Field(
        None, ge=1, le=10_000, description="trials of the search; as in [training] if unset"
    )
