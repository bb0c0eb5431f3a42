"""What the registry knows of the champion, brought to what the pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from alignment.situation import Facts
from models.errors import ModelError
from models.versions import ModelVersion

if TYPE_CHECKING:
    # The registry needs MLflow, which a packed service does without.
    from models import Registry


def facts_of(registry: Registry, number: int) -> Facts:
    """Gather what is known of a version; what cannot be read is left out.

    Parameters
    ----------
    registry : of models.
    number : the version that serves.
    """
    version = registry.version(number)
    versions = [_row(each) for each in sorted(registry.versions(), key=lambda one: -one.version)]
    try:
        told = registry.evaluation_report(version)
        figures, reliability = pd.DataFrame(told["figures"]), pd.DataFrame(told["reliability"])
    except (ModelError, OSError):
        # A version whose files were moved away still serves: its page shows what there is.
        figures, reliability = pd.DataFrame(), pd.DataFrame()
    earlier = [each for each in registry.reign().earlier if each != number]
    try:
        before = registry.load(registry.version(earlier[0])) if earlier else None
    except (ModelError, OSError):
        before = None
    return Facts(figures, reliability, versions, before, str(earlier[0]) if before else "")


def _row(each: ModelVersion) -> dict[str, Any]:
    loss = [value for name, value in each.metrics.items() if name.endswith("log_loss")]
    return {
        "version": each.version,
        "created_at": f"{each.created_at:%Y-%m-%d}",
        "champion": "serves" if each.is_champion else "",
        "chosen": each.tags.get("chosen", ""),
        "log_loss": f"{loss[-1]:.4f}" if loss else "-",
        "who": each.tags.get("who", ""),
        "why": each.tags.get("why", ""),
    }
