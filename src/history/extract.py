"""What a reader hands over: tables as read, and what the source says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd


@dataclass(frozen=True, eq=False)
class RawTable:
    """One table as read: canonical column names, values as they came.

    Parameters
    ----------
    frame : the rows.
    origin : the file or table that they came from, for messages.
    """

    frame: pd.DataFrame
    origin: str


@dataclass(frozen=True, eq=False)
class Extract:
    """A source as read.

    Parameters
    ----------
    format : the reader that read it.
    tables : the canonical tables that it holds.
    current_only : ``table.column`` of attributes of which only today's value is known.
    observed_until : until when the source is complete, where it says so.
    timezone : the zone of its naive times, where the format fixes it.
    notes : what a person should know about how it was read.
    """

    format: str
    tables: Mapping[str, RawTable]
    current_only: frozenset[str] = field(default_factory=frozenset)
    observed_until: pd.Timestamp | None = None
    timezone: str | None = None
    notes: tuple[str, ...] = ()

    def observed(self, until: pd.Timestamp) -> Extract:
        """Return the extract with somebody's word on until when it is complete."""
        return replace(self, observed_until=until)
