"""How the installation is watched."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MonitoringSettings(BaseModel):
    """What the newest weeks are compared with, and how many false alarms a year are accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference_weeks: int = Field(26, ge=8, le=260, description="weeks to compare with")
    alarms_a_year: float = Field(
        0.5, gt=0, le=52, description="false alarms a year that weekly runs may raise"
    )
