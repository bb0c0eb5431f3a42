"""What a reader hands over: tables as read, and what the source says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from history.history import History


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


@dataclass(frozen=True)
class Reading:
    """What became of the rows of one source table by one rule.

    Parameters
    ----------
    origin : the source table.
    into : the canonical table.
    rows : how many rows were there, of a later reading the new ones.
    read : how many canonical rows came of them; more than there were where they are joined with
        several others.
    left : how many rows were left out, by reason.
    """

    origin: str
    into: str
    rows: int
    read: int
    left: Mapping[str, int] = field(default_factory=dict)


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
    choices : what a reader without a mapping took for what, and what that means for truth in time;
        a dry run tells it.
    source : the name under which `marks` are kept.
    merged : leads that were merged into another one, and which.
    gone : leads that the source has deleted.
    marks : how far the source has been read, as JSON data; None where it is always read whole.
    partial : whether only rows that are new since the last marks are there.
    readings : what became of each source table.
    unread : source tables that the mapping says nothing of.
    """

    format: str
    tables: Mapping[str, RawTable]
    current_only: frozenset[str] = field(default_factory=frozenset)
    observed_until: pd.Timestamp | None = None
    timezone: str | None = None
    notes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    source: str = ""
    merged: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = field(default_factory=frozenset)
    marks: Mapping[str, Any] | None = None
    partial: bool = False
    readings: tuple[Reading, ...] = ()
    unread: tuple[str, ...] = ()

    @classmethod
    def of(cls, history: History, format: str) -> Extract:
        """Return a history in memory as a source, for `Store.ingest`.

        Parameters
        ----------
        history : what happened, such as the sample company.
        format : the name that the store keeps it under.
        """
        tables = {
            name: RawTable(frame, f"{format} {name}") for name, frame in history.frames().items()
        }
        return cls(format, tables, history.current_only, history.observed_until)

    def observed(self, until: pd.Timestamp) -> Extract:
        """Return the extract with somebody's word on until when it is complete."""
        return replace(self, observed_until=until)
