"""From history to a number that can be trusted.

Each name is loaded from its module when first asked for, so that the service, which only needs
to score, starts without the search and the registry and what those import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.conversion import ConversionModel
    from models.evaluation import Evaluation, evaluate
    from models.registry import Registry
    from models.scoring import Scores, score
    from models.search import TunedModel, tune

__all__ = [
    "ConversionModel",
    "Evaluation",
    "Registry",
    "Scores",
    "TunedModel",
    "evaluate",
    "score",
    "tune",
]

_HOMES = {
    "ConversionModel": "models.conversion",
    "Evaluation": "models.evaluation",
    "Registry": "models.registry",
    "Scores": "models.scoring",
    "TunedModel": "models.search",
    "evaluate": "models.evaluation",
    "score": "models.scoring",
    "tune": "models.search",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
