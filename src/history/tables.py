"""The contracts: which tables a history has, which columns they have, and what those mean.

Everything that enters a history, from a file, a database, a CRM or a request, is brought to
these columns first (`history.conform`). In memory a table is a pandas frame with

* ids as strings, categories (kind, channel, stage ...) as strings or pandas categories,
* times as ``datetime64[us, UTC]``,
* numbers as float64, missing as NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["id", "time", "category", "number", "text", "value"]

STAGES = ("mql", "sal", "sql", "opportunity", "won", "lost", "disqualified")
"""Funnel stages. The first five rise; `lost` and `disqualified` close a lead, and a later rising
stage opens it again."""

CLOSING_STAGES = frozenset({"won", "lost", "disqualified"})
TEAMS = ("marketing", "sales")
DIRECTIONS = ("inbound", "outbound")
ACTIONS = ("accept", "reject", "recycle")
ENTITIES = ("lead", "account")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : the column's name in files, frames and the store alike.
    kind : ``id`` and ``text`` are strings, ``category`` a string of few distinct values,
        ``time`` an instant, ``number`` a float, ``value`` a scalar of any kind.
    required : whether a row without it is refused.
    among : the only values a category may take, empty for any.
    minimum : the least value of a number.
    meaning : what it holds, in words for the documentation and for error messages.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    among: tuple[str, ...] = ()
    minimum: float | None = None


@dataclass(frozen=True)
class Table:
    """One table of a history.

    Parameters
    ----------
    name : the table's name, also the stem of its file.
    columns : the declared columns, in order.
    key : the columns that identify a row. Where the id is optional it is derived from the
        row's content, so that reading a source twice changes nothing.
    attributes : whether any further column is kept, as an attribute fixed at creation.
    """

    name: str
    columns: tuple[Column, ...]
    key: str
    attributes: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that a source must have."""
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all declared columns."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the declared column of that name.

        Raises
        ------
        KeyError : when the table declares no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name!r} declares no column {name!r}")


_OCCURRED = Column("occurred_at", "time", "when it happened", required=True)
_RECORDED = Column(
    "recorded_at", "time", "when the system learned of it; occurred_at where missing"
)
_LEAD = Column("lead_id", "id", "the lead that it concerns", required=True)

LEADS = Table(
    "leads",
    (
        Column("lead_id", "id", "the lead", required=True),
        Column("created_at", "time", "when the lead came into being", required=True),
        Column("account_id", "id", "the company it belongs to, if any"),
    ),
    key="lead_id",
    attributes=True,
)

ACCOUNTS = Table(
    "accounts",
    (
        Column("account_id", "id", "the company", required=True),
        Column("created_at", "time", "when the company became known"),
    ),
    key="account_id",
    attributes=True,
)

ENGAGEMENTS = Table(
    "engagements",
    (
        Column("engagement_id", "id", "derived from the row's content where missing"),
        _LEAD,
        _OCCURRED,
        _RECORDED,
        Column("kind", "category", "what happened: email_open, web_visit, call ...", required=True),
        Column("team", "category", "whose touch it was", among=TEAMS),
        Column("channel", "category", "the way it came: email, web, phone ..."),
        Column("campaign", "category", "the campaign that it belongs to"),
        Column("direction", "category", "who moved: the lead or us", among=DIRECTIONS),
        Column("value", "number", "money or points, two decimals are kept"),
        Column("duration_s", "number", "seconds, milliseconds are kept", minimum=0.0),
    ),
    key="engagement_id",
)

OUTCOMES = Table(
    "outcomes",
    (
        Column("outcome_id", "id", "derived from lead, time and stage"),
        _LEAD,
        _OCCURRED,
        _RECORDED,
        Column("stage", "category", "the funnel stage it moved to", required=True, among=STAGES),
        Column("amount", "number", "money, where the stage has one"),
        Column("reason", "text", "why, in the source's words"),
        Column("owner", "category", "who worked the lead"),
    ),
    key="outcome_id",
)

ATTRIBUTE_HISTORY = Table(
    "attribute_history",
    (
        Column("change_id", "id", "derived from the row's content"),
        Column("entity", "category", "lead or account", required=True, among=ENTITIES),
        Column("entity_id", "id", "the lead or the account", required=True),
        Column("field", "category", "the attribute that changed", required=True),
        Column("value", "value", "its value from then on; empty means that it was cleared"),
        Column("valid_from", "time", "from when the value held", required=True),
        Column("recorded_at", "time", "when the system learned of it; valid_from where missing"),
    ),
    key="change_id",
)

DISPOSITIONS = Table(
    "dispositions",
    (
        Column("disposition_id", "id", "derived from lead, time and action"),
        _LEAD,
        _OCCURRED,
        _RECORDED,
        Column("action", "category", "what sales did with the lead", required=True, among=ACTIONS),
        Column("reason", "category", "the typed reason"),
        Column("owner", "category", "who did it"),
    ),
    key="disposition_id",
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (LEADS, ACCOUNTS, ENGAGEMENTS, OUTCOMES, ATTRIBUTE_HISTORY, DISPOSITIONS)
}
"""Every table by name; `leads` alone is required of a source."""
