"""The plain features in the SQL that somebody would write instead, for more than one engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from features import Feature


@dataclass(frozen=True)
class Dialect:
    """Where engines differ.

    Parameters
    ----------
    micros : writes the microseconds since 1970 of an expression.
    """

    micros: Callable[[str], str]

    def columns(self, features: list[Feature]) -> str:
        """Return a filtered aggregate a feature, of engagements ``e`` before snapshots ``s``."""
        return ", ".join(f"{self._column(feature)} AS {feature.name}" for feature in features)

    def _column(self, feature: Feature) -> str:
        conditions = ["e.lead_id IS NOT NULL"]
        if feature.window_days:
            conditions.append(f"e.occurred_at >= s.as_of - INTERVAL {feature.window_days} DAYS")
        conditions += [f"e.{name} = '{values[0]}'" for name, values in feature.where.items()]
        chosen = f"FILTER (WHERE {' AND '.join(conditions)})"
        if feature.aggregate == "count":
            return f"CAST(count(*) {chosen} AS DOUBLE)"
        if feature.aggregate == "sum":
            cents = f"CAST(round(e.{feature.column} * 100) AS BIGINT)"
            return f"coalesce(sum({cents}) {chosen}, 0) / CAST(100 AS DOUBLE)"
        last = self.micros(f"max(e.occurred_at) {chosen}")
        return f"({self.micros('s.as_of')} - {last}) / CAST(86400000000 AS DOUBLE)"


DUCKDB = Dialect(micros=lambda text: f"epoch_us({text})")
SPARK = Dialect(micros=lambda text: f"unix_micros({text})")
