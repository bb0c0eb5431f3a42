"""The settings of an installation: `smarketing.toml`, overridden by the environment.

Every field has a default that works on one machine. A nested field is overridden by an
environment variable with double underscores, ``SMARKETING_HISTORY__URL`` for ``[history] url``.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from settings.agreement import AgreementSettings
from settings.crm import CrmSettings
from settings.monitoring import MonitoringSettings, RetrainingSettings

Stage = Literal["mql", "sal", "sql", "opportunity", "won"]


class SettingsError(ValueError):
    """The configuration cannot be used; the message says which entry and what was expected."""


def check_zone(name: str | None) -> str | None:
    """Return the name of a time zone, if it is one.

    Raises
    ------
    SettingsError : the tz database knows no such zone.
    """
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SettingsError(
                f"{name!r} is no time zone of the tz database, such as Europe/Berlin or UTC"
            ) from error
    return name


def check_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of attributes, if each says its table.

    Raises
    ------
    ValueError : one is not written as `leads.column` or `accounts.column`.
    """
    for name in names:
        table, _, column = name.partition(".")
        if table not in ("leads", "accounts") or not column:
            raise ValueError(f"{name!r} must be written as leads.column or accounts.column")
    return names


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HistorySettings(_Section):
    """Where the history lives and how its times are read."""

    url: str = Field("sqlite:///var/history.db", description="SQLAlchemy URL of the store")
    timezone: str | None = Field(None, description="zone of times that carry none, as in tzdata")
    observed_until: datetime | None = Field(
        None, description="the history is complete up to here; the latest recorded time if empty"
    )
    current_only: tuple[str, ...] = Field(
        (), description="`table.column` attributes of which only today's value is known"
    )
    personal: tuple[str, ...] = Field(
        (), description="`table.column` attributes that no feature, model, page or export may hold"
    )

    @field_validator("current_only", "personal")
    @classmethod
    def _columns(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return check_columns(names)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        return check_zone(name)

    @field_validator("observed_until")
    @classmethod
    def _aware(cls, instant: datetime | None) -> datetime | None:
        if instant is not None and instant.tzinfo is None:
            raise ValueError("observed_until needs a zone, as in 2025-06-30T00:00:00Z")
        return instant


class TrainingSettings(_Section):
    """What is predicted, from which snapshots, and how long the search may take."""

    target: Stage = Field("won", description="the stage that counts as a conversion")
    horizons: tuple[int, ...] = Field((30, 60, 90), description="days, rising")
    ages: tuple[int, ...] = Field(
        (1, 3, 7, 14, 30, 60, 90, 180), description="days after creation at which leads are seen"
    )
    trials: int = Field(30, ge=1, le=10_000)
    timeout_s: float | None = Field(None, gt=0)
    folds: int = Field(3, ge=2, le=20)
    seed: int = 7
    min_conversions: int = Field(30, ge=1, description="below it the model is a prior")
    min_boosting: int = Field(100, ge=1, description="below it the model is a logistic regression")
    waived: tuple[str, ...] = Field(
        (), description="audit findings accepted by name, as in `L101:leads.tags`"
    )
    fairness: tuple[str, ...] = Field(
        (), description="`table.column` of groups that every training is to compare"
    )

    @field_validator("fairness")
    @classmethod
    def _columns(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return check_columns(names)

    @field_validator("horizons", "ages")
    @classmethod
    def _rising(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not days or list(days) != sorted(set(days)) or days[0] < 0 or days[-1] > 3650:
            raise ValueError("expected rising whole days between 0 and 3650")
        return days

    @field_validator("horizons")
    @classmethod
    def _positive(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if days[0] < 1:
            raise ValueError("a horizon is at least one day")
        return days


class GradeSettings(_Section):
    """Least score (0-100, percentile among open leads) of each grade; below C is D."""

    a: float = Field(90.0, ge=0, le=100)
    b: float = Field(70.0, ge=0, le=100)
    c: float = Field(40.0, ge=0, le=100)

    @model_validator(mode="after")
    def _falling(self) -> GradeSettings:
        if not self.a > self.b > self.c:
            raise ValueError("grades must fall: a > b > c")
        return self


class TrackingSettings(_Section):
    """Where runs, models and the search are kept."""

    uri: str = Field("sqlite:///mlruns/mlflow.db", description="any MLflow tracking URI")
    artifacts: str = Field("mlruns/artifacts", description="folder or URI of the artefacts")
    experiment: str = "smarketing"
    model: str = Field("smarketing", description="name in the model registry")
    search_storage: str | None = Field(None, description="Optuna storage URL to resume from")


class ServingSettings(_Section):
    """How the service listens and what it accepts."""

    host: str = "127.0.0.1"
    port: int = Field(3000, ge=1, le=65535)
    workers: int = Field(1, ge=1, le=64)
    max_leads: int = Field(1000, ge=1, le=10_000, description="leads in one request")
    default_reasons: int = Field(3, ge=0, le=20)
    average_deal: float | None = Field(
        None, ge=0, description="value of a win for expected_value; median won amount if empty"
    )
    requests_per_s: float = Field(200.0, gt=0, le=1e6, description="sustained, of one API key")
    burst: int = Field(400, ge=1, le=1_000_000, description="requests at once, of one API key")
    max_in_flight: int = Field(
        128, ge=1, le=10_000, description="requests at work in one worker; more are told to wait"
    )
    max_body_mb: int = Field(16, ge=1, le=1024, description="largest body of a request")
    max_bulk_mb: int = Field(256, ge=1, le=4096, description="largest body of /score/bulk")
    timeout_s: float = Field(20.0, gt=0, le=600, description="after so long a request gets a 504")
    bulk_timeout_s: float = Field(600.0, gt=0, le=86_400, description="the same for /score/bulk")
    score_log_days: float | None = Field(
        None, gt=0, le=36_500, description="served scores are kept so long; for ever if empty"
    )
    access_log: float = Field(
        1.0, ge=0, le=1, description="share of requests in the access log; errors always are"
    )


class Settings(BaseSettings):
    """All that may be configured, validated once at the start of a command or of the service."""

    model_config = SettingsConfigDict(
        env_prefix="SMARKETING_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
    )

    history: HistorySettings = HistorySettings()
    training: TrainingSettings = TrainingSettings()
    grades: GradeSettings = GradeSettings()
    tracking: TrackingSettings = TrackingSettings()
    serving: ServingSettings = ServingSettings()
    agreement: AgreementSettings = AgreementSettings()
    crm: CrmSettings = CrmSettings()
    mapping: dict[str, Any] | None = Field(
        None, description="own mapping of foreign tables; docs/sources.md"
    )
    monitoring: MonitoringSettings = MonitoringSettings()
    retraining: RetrainingSettings = RetrainingSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  likewise
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file that `load` hands in."""
        return env_settings, init_settings

    @classmethod
    def in_folder(cls, folder: Path | str) -> Settings:
        """Return the defaults with everything that is stored in one folder, as for a notebook.

        The history lies in ``history.db``, runs and models in ``mlflow.db`` and ``artifacts``. The
        environment does not change these three.

        Parameters
        ----------
        folder : an existing folder.
        """
        home = Path(folder).resolve()
        settings = cls()
        history = {"url": f"sqlite:///{home}/history.db"}
        tracking = {"uri": f"sqlite:///{home}/mlflow.db", "artifacts": f"{home}/artifacts"}
        return settings.model_copy(
            update={
                "history": settings.history.model_copy(update=history),
                "tracking": settings.tracking.model_copy(update=tracking),
            }
        )

    def as_environment(self) -> dict[str, str]:
        """Return variables with which another process loads the same settings."""
        sections = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            f"SMARKETING_{name.upper()}": (
                section.model_dump_json() if isinstance(section, BaseModel) else json.dumps(section)
            )
            for name, section in sections.items()
            if section is not None
        }

    @classmethod
    def load(cls, path: Path | None = None) -> Settings:
        """Read `path`, else ``$SMARKETING_CONFIG``, else ``smarketing.toml`` if there is one.

        Raises
        ------
        SettingsError : the file is missing or not TOML, an entry is unknown or out of bounds.
        """
        named = path or (
            Path(os.environ["SMARKETING_CONFIG"]) if "SMARKETING_CONFIG" in os.environ else None
        )
        file = named or Path("smarketing.toml")
        values: dict[str, Any] = {}
        if file.exists():
            try:
                values = TomlConfigSettingsSource(cls, toml_file=file)()
            except ValueError as error:
                raise SettingsError(f"{file}: not a TOML file: {error}") from error
        elif named is not None:
            raise SettingsError(f"{file}: there is no such configuration file")
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsError(_sentence(file, error)) from error


def _sentence(file: Path, error: ValidationError) -> str:
    """Say which entry is wrong, where it was written, and what was expected."""
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    named = next(
        (
            name
            for name in os.environ
            if name.upper() == "__".join(["SMARKETING_" + parts[0], *parts[1:]]).upper()
        ),
        None,
    )
    where = named or f"{file}: {'.'.join(parts)}"
    if first["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; smarketing.toml in the repository lists all"
    return f"{where}: {first['msg'].removeprefix('Value error, ')} (got {first['input']!r})"
