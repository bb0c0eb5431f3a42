"""What is known of the model beside itself, for the pages; the registry tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from models import ConversionModel
from models.errors import ModelError
from models.versions import ModelVersion

if TYPE_CHECKING:
    # The registry needs MLflow, which a packed service does without.
    from models import Registry


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of the model beside itself, empty where nobody keeps it.

    Parameters
    ----------
    figures : `Evaluation.figures` of its training.
    reliability : promised against observed, as `Evaluation.reliability`.
    fairness : declared groups compared, as `Evaluation.fairness`.
    segments : promised against observed by part of the leads, as `Evaluation.segments`.
    weekly : wins of each order of work, as `Evaluation.weekly`.
    learning : figures of ever more data, as `Evaluation.learning`.
    notes : what a reader has to know about these figures.
    versions : one dict per registered version: version, created_at, champion, who, why, chosen,
        log_loss.
    earlier : the champion before, to compare with, and its version.
    """

    figures: pd.DataFrame = field(default_factory=pd.DataFrame)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    fairness: pd.DataFrame = field(default_factory=pd.DataFrame)
    segments: pd.DataFrame = field(default_factory=pd.DataFrame)
    weekly: pd.DataFrame = field(default_factory=pd.DataFrame)
    learning: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: Sequence[str] = ()
    versions: Sequence[dict[str, Any]] = ()
    earlier: ConversionModel | None = None
    earlier_version: str = ""


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
    except (ModelError, OSError):
        # A version whose files were moved away still serves: its page shows what there is.
        told = {}
    earlier = [each for each in registry.reign().earlier if each != number]
    try:
        before = registry.load(registry.version(earlier[0])) if earlier else None
    except (ModelError, OSError):
        before = None
    names = ("figures", "reliability", "fairness", "segments", "weekly", "learning")
    tables = {name: pd.DataFrame(told.get(name, ())) for name in names}
    return Facts(
        **tables,
        notes=[str(each) for each in told.get("notes", ())],
        versions=versions,
        earlier=before,
        earlier_version=str(earlier[0]) if before else "",
    )


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
