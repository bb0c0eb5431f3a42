"""The rows that do not fit: where each stands, what is wrong, and what a whole table came to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from history.tables import Table
from history.values import is_missing


@dataclass(frozen=True)
class Reject:
    """A row that was set aside.

    Parameters
    ----------
    table, origin, row : where it stood; rows count from 1, without the header.
    field, value : what was wrong.
    reason : why, and what was expected.
    raw : the row as it was read, as JSON.
    """

    table: str
    origin: str
    row: int
    field: str
    value: str
    reason: str
    raw: str

    def __str__(self) -> str:
        return f"{self.origin}, row {self.row}, {self.field}: {self.reason} (got {self.value!r})"


@dataclass(frozen=True, eq=False)
class Conformed:
    """What came of a table.

    Parameters
    ----------
    frame : the rows that fit, with every declared column and the attributes.
    rejects : the rows that do not.
    duplicates : rows that said the same as an earlier one.
    given : the declared columns that the source had; the others say nothing.
    erased : rows of people who were forgotten, which are left out.
    """

    frame: pd.DataFrame
    rejects: list[Reject] = field(default_factory=list)
    duplicates: int = 0
    given: frozenset[str] = frozenset()
    erased: int = 0


class Problems:
    """Collects the first problem of each row of a frame."""

    def __init__(self, frame: pd.DataFrame, table: Table, origin: str) -> None:
        self.frame, self.table, self.origin = frame, table, origin
        self.found: dict[int, Reject] = {}

    def add(self, bad: npt.NDArray[np.bool_], column: str, reason: str) -> None:
        """Set rows aside; a row keeps the first reason that was found."""
        for position in np.flatnonzero(bad).tolist():
            if position not in self.found:
                row = self.frame.iloc[position]
                value = row[column] if column in row.index else None
                self.found[position] = Reject(
                    self.table.name,
                    self.origin,
                    position + 1,
                    column,
                    "" if is_missing(value) else str(value)[:200],
                    reason,
                    json.dumps(row.to_dict(), default=str)[:10_000],
                )

    def rows(self) -> npt.NDArray[np.bool_]:
        """Return which rows are set aside."""
        bad = np.zeros(len(self.frame), dtype=bool)
        bad[list(self.found)] = True
        return bad
