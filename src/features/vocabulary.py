"""What a history speaks of: the values and fields that features are declared for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from features.declaration import Source
from history import History
from history.tables import STAGES

KINDS, CHANNELS, CAMPAIGNS = 8, 6, 4
"""How many kinds, channels and campaigns have features of their own; the rest count in totals."""

MOST_LEVELS = 50
"""An attribute of more distinct strings than this names rather than describes a lead."""


@dataclass(frozen=True)
class Vocabulary:
    """What a history speaks of, as far as it was known when the features were declared.

    Parameters
    ----------
    kinds, channels, campaigns, teams, directions : values of engagements, the frequent ones
        first.
    stages : stages that leads have reached, in funnel order.
    numbers : number columns of engagements that hold any.
    attributes : (entity, field, categorical) of every usable attribute.
    accounts, dispositions : whether there are any.
    """

    kinds: tuple[str, ...]
    channels: tuple[str, ...]
    campaigns: tuple[str, ...]
    teams: tuple[str, ...]
    directions: tuple[str, ...]
    stages: tuple[str, ...]
    numbers: tuple[str, ...]
    attributes: tuple[tuple[Source, str, bool], ...]
    accounts: bool
    dispositions: bool

    @classmethod
    def of(cls, history: History) -> Vocabulary:
        """Read the vocabulary of a history."""
        engagements = history.engagements
        reached = set(history.outcomes["stage"].dropna().unique())
        return cls(
            kinds=_frequent(engagements["kind"], KINDS),
            channels=_frequent(engagements["channel"], CHANNELS),
            campaigns=_frequent(engagements["campaign"], CAMPAIGNS),
            teams=_frequent(engagements["team"], 2),
            directions=_frequent(engagements["direction"], 2),
            stages=tuple(stage for stage in STAGES if stage in reached),
            numbers=tuple(
                name for name in ("value", "duration_s") if engagements[name].notna().any()
            ),
            attributes=tuple(_attributes(history)),
            accounts=bool(
                history.leads["account_id"]
                .duplicated(keep=False)
                .mul(history.leads["account_id"].notna())
                .any()
            ),
            dispositions=len(history.dispositions) > 0,
        )


def _frequent(values: pd.Series, most: int) -> tuple[str, ...]:
    """Return the most frequent values; equal counts in alphabetical order."""
    counts = values.dropna().astype("str").value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return tuple(str(value) for value, count in ranked[:most] if count > 0)


def _attributes(history: History) -> Iterator[tuple[Source, str, bool]]:
    changing = history.attribute_history
    for entity, frame in (("lead", history.leads), ("account", history.accounts)):
        declared = {"lead_id", "account_id", "created_at"}
        ours = changing[changing["entity"] == entity]
        fields = [name for name in frame.columns if name not in declared]
        fields += sorted(set(ours["field"].dropna().astype(str)) - set(fields))
        for field in fields:
            if f"{entity}s.{field}" in history.current_only:
                continue
            rows = ours.loc[(ours["field"] == field).to_numpy(), "value"]
            values = rows if len(rows) else frame[field]
            kind = _kind_of(values.dropna())
            if kind is not None:
                yield ("lead" if entity == "lead" else "account"), field, kind


def _kind_of(values: pd.Series) -> bool | None:
    """Tell whether values are categories, or None where they describe nothing."""
    if isinstance(values.dtype, pd.DatetimeTZDtype) or not len(values):
        return None
    numeric = pd.to_numeric(values.astype(object), errors="coerce").notna().all()
    if numeric:
        return False if values.nunique() > 1 else None
    levels = values.astype(str).nunique()
    return True if 1 < levels <= MOST_LEVELS else None
