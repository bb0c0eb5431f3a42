"""What the registry says about its models: versions, and who made which of them champion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import pandas as pd

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
PROMOTION_TAG: Final = "promotion."
_DESCRIBING: Final = (
    "data_digest",
    "history_digest",
    "definitions_digest",
    "trained_until",
    "recalibrated_until",
    "observed_until",
    "target",
    "horizons",
    "chosen",
    "seed",
    "clock",
    "snapshots",
    "leads",
    "conversions",
)


@dataclass(frozen=True)
class ModelVersion:
    """One registered model.

    Parameters
    ----------
    version : its number, from 1.
    aliases : ``champion``, ``challenger``, or none.
    created_at : when it was registered, UTC.
    metrics : its held-out figures, as ``future_90d_log_loss``.
    tags : who, when and why; digests of data and definitions; what it was trained on.
    run_id : of the training in MLflow.
    model_id : of the model in MLflow.
    """

    version: int
    aliases: tuple[str, ...]
    created_at: pd.Timestamp
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    run_id: str
    model_id: str = ""

    @property
    def is_champion(self) -> bool:
        """Whether it is the one that serves."""
        return CHAMPION in self.aliases

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        plain = {**asdict(self), "created_at": self.created_at.isoformat()}
        return {**plain, "aliases": list(self.aliases)}


@dataclass(frozen=True)
class Promotion:
    """One change of champion.

    Parameters
    ----------
    kind : ``promote`` or ``rollback``.
    version : the champion from then on.
    earlier : the champions that a rollback returns to, newest first.
    replaced : the champion until then, None if there was none.
    who, why : as given.
    at : when, UTC, ISO 8601.
    """

    kind: Literal["promote", "rollback"]
    version: int
    earlier: tuple[int, ...]
    replaced: int | None
    who: str
    why: str
    at: str

    def to_json(self) -> str:
        """Return it as the value of a tag."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Promotion:
        """Rebuild from `to_json`."""
        data = json.loads(text)
        return cls(**{**data, "earlier": tuple(data["earlier"])})


@dataclass(frozen=True)
class Reign:
    """Who is champion, and who was before.

    Parameters
    ----------
    champion : version that serves, None before the first promotion.
    earlier : the champions that a rollback returns to, newest first.
    entries : the log, oldest first.
    """

    champion: int | None
    earlier: tuple[int, ...] = ()
    entries: tuple[Promotion, ...] = field(default=())

    @classmethod
    def of(cls, champion: int | None, entries: Sequence[Promotion]) -> Reign:
        """Derive it from the alias and the log.

        The alias decides: where somebody moved it by MLflow's own means, the last champion of
        the log is the one before it.
        """
        log = tuple(entries)
        if not log or champion is None:
            return cls(champion, (), log)
        last = log[-1]
        if last.version == champion:
            return cls(champion, last.earlier, log)
        return cls(champion, (last.version, *last.earlier), log)

    def promoted(self, version: int, who: str, why: str, at: str) -> Promotion:
        """Return the entry that makes another version champion."""
        before = () if self.champion is None else (self.champion, *self.earlier)
        return Promotion("promote", version, before, self.champion, who, why, at)

    def rolled_back(self, who: str, why: str, at: str) -> Promotion:
        """Return the entry that makes the previous champion serve again."""
        version, *rest = self.earlier
        return Promotion("rollback", version, tuple(rest), self.champion, who, why, at)


def describing(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what of a model's metadata is worth a tag of its version."""
    return {name: str(metadata[name]) for name in _DESCRIBING if name in metadata}


def parameters(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was chosen and how, for MLflow's table of parameters."""
    recipe = metadata.get("recipe", {})
    named = {f"recipe.{key}": value for key, value in recipe.items() if key != "parts"}
    for number, part in enumerate(recipe.get("parts", ()), start=1):
        named |= {f"recipe.{number}.{key}": value for key, value in part.items()}
    asked = ("chosen", "seed", "target", "clock")
    return named | {key: metadata[key] for key in asked if key in metadata}
