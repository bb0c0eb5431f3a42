"""The registry that is configured. Importing MLflow takes a second: only who needs it does."""

from __future__ import annotations

from models.registry import Registry
from settings import Settings


def registry_of(settings: Settings) -> Registry:
    """Open the configured registry."""
    tracking = settings.tracking
    return Registry(tracking.uri, tracking.artifacts, tracking.experiment, tracking.model)
