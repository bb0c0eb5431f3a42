"""What a feature is: a declaration, as data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Source = Literal[
    "engagements",
    "colleagues",
    "stages",
    "colleague_stages",
    "dispositions",
    "members",
    "lead",
    "account",
    "timing",
    "ratio",
]
Aggregate = Literal[
    "count",
    "sum",
    "mean",
    "max",
    "last",
    "days_since_last",
    "days_since_first",
    "active_days",
    "distinct",
    "gap_mean_days",
    "gap_std_days",
    "any",
    "current",
    "attribute",
    "clock",
    "ratio",
]
Group = Literal[
    "channel", "campaign", "engagement", "sales effort", "fit", "timing", "account", "stage"
]


@dataclass(frozen=True, eq=True)
class Feature:
    """One feature, declared once, computed the same way everywhere.

    Parameters
    ----------
    name : the column's name: lower case, unique.
    label : the plain words that a marketer reads, as in "e-mail clicks in the last 30 days".
    source : what it looks at: the lead's own ``engagements``, those of its ``colleagues`` at the
        account, its ``stages`` (outcomes recorded before the cutoff), those of its colleagues
        (``colleague_stages``), its ``dispositions``, the other ``members`` of its account, an
        attribute of the ``lead`` or ``account`` as of the cutoff, the ``timing`` of the snapshot
        itself, or the ``ratio`` of two other features.
    aggregate : what is computed of it: ``count``, ``sum``, ``mean``, ``max`` and ``last`` of a
        number column; ``any`` is 1 or 0; ``days_since_last`` and ``days_since_first``;
        ``active_days`` (distinct UTC days); ``distinct`` values of a category column; mean and
        deviation of the gaps between rows; ``current``, the last value of a category column;
        an ``attribute``; a ``clock`` reading; a ``ratio``. The sum of nothing is 0, its mean,
        maximum and recency are missing.
    column : the column aggregated (``value``, ``duration_s``, ``kind``, ``channel`` ...), the
        attribute's name, or the clock: ``age_days``, ``created_weekday``, ``created_hour``,
        ``as_of_weekday``, ``as_of_month``.
    where : only rows with one of these values in each of these columns.
    window_days : rows that occurred in [as_of - window, as_of); None is ever.
    group : the business group under which importance is summed.
    unit : of the value: "count", "days", "money", "seconds", "share", "category" ...
    of : for a ratio, the names of numerator and denominator.
    categorical : whether the values are strings.
    monotone : +1 or -1 where the business words say which way it must act, else 0.
    """

    name: str
    label: str
    source: Source
    aggregate: Aggregate
    column: str | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    window_days: int | None = None
    group: Group = "engagement"
    unit: str = "count"
    of: tuple[str, str] | None = None
    categorical: bool = False
    monotone: int = 0

    @property
    def is_text(self) -> bool:
        """Whether the values are strings, missing as NaN; all others are floats."""
        return self.aggregate == "current" or (
            self.source in ("lead", "account") and self.categorical
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the declaration as plain JSON data."""
        return {**asdict(self), "where": {key: list(values) for key, values in self.where.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Feature:
        """Rebuild a declaration from what `as_dict` gave."""
        pair = data.get("of")
        where = {key: tuple(values) for key, values in data.get("where", {}).items()}
        return cls(**{**data, "where": where, "of": tuple(pair) if pair else None})


def definitions_digest(features: Iterable[Feature]) -> str:
    """Return a fingerprint of declarations; their order counts, their wording does not."""
    plain = [{**feature.as_dict(), "label": None} for feature in features]
    return hashlib.blake2b(json.dumps(plain, sort_keys=True).encode(), digest_size=8).hexdigest()
