"""The store's tables, made from the contracts: one schema for SQLite and PostgreSQL.

Times are UTC microseconds in 64-bit integers, which both databases keep exactly and Arrow reads
without conversion. Attributes of leads and accounts are one JSON object a row.

Whoever changes a table here adds a revision in `history.migrations` that brings stores there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text

from history import tables as contracts

metadata = MetaData()

_TYPES = {"time": BigInteger, "number": Float}


def _table(contract: contracts.Table) -> Table:
    columns: list[Column[Any]] = [
        Column(column.name, _TYPES.get(column.kind, Text), primary_key=column.name == contract.key)
        for column in contract.columns
    ]
    if contract.attributes:
        columns.append(Column("attributes", Text, nullable=False, server_default="{}"))
    return Table(contract.name, metadata, *columns)


STORED: dict[str, Table] = {name: _table(table) for name, table in contracts.TABLES.items()}

QUARANTINE = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", Text, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("row", Integer, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

META = Table(
    "meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)

API_KEYS = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

SCORES = Table(
    "scores",
    metadata,
    # The newest has the largest number; SQLite counts by itself in INTEGER alone.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("scored_at", BigInteger, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("horizons", Text, nullable=False),
    Column("probabilities", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("grade", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("columns_id", Text, nullable=False),
    Column("features", Text, nullable=False),
    Column("feature_us", Integer, nullable=False),
    Column("model_us", Integer, nullable=False),
    Index("ix_scores_lead", "lead_id", "scored_at"),
    Index("ix_scores_scored", "scored_at"),
)

SCORE_COLUMNS = Table(
    "score_columns",
    metadata,
    Column("columns_id", Text, primary_key=True),
    Column("names", Text, nullable=False),
)

AGREEMENTS = Table(
    "agreements",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

HANDOFFS = Table(
    "handoffs",
    metadata,
    Column("handoff_id", Text, primary_key=True),
    Column("lead_id", Text, nullable=False, index=True),
    Column("handed_at", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("grade", Text, nullable=False),
    Column("probability", Float, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("explored", Integer, nullable=False),
    Column("agreement", Integer, nullable=False),
    Column("model_version", Text, nullable=False),
)

ASSIGNMENTS = Table(
    "assignments",
    metadata,
    Column("lead_id", Text, primary_key=True),
    Column("turn", Integer, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

SPEND = Table(
    "spend",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("campaign", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("amount", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_spend_campaign", "campaign", "day"),
)

CHANGES = Table(
    "changes",
    metadata,
    Column("change_id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("changed", Text, nullable=False),
    Column("figure", Text, nullable=False),
    Column("before", Float),
)

MOVED = Table(
    "moved_leads",
    metadata,
    Column("old_id", Text, primary_key=True),
    Column("new_id", Text),  # nothing: the lead was deleted
)

ERASED = Table(
    "erased",
    metadata,
    Column("digest", Text, primary_key=True),  # keyed, of the id of a person who was forgotten
    Column("person", Text),  # the same for all ids of a person; nothing: before that was kept
)

OUTBOX = Table(
    "outbox",
    metadata,
    Column("target", Text, primary_key=True),
    Column("record", Text, primary_key=True),
    Column("payload", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("accepted", Text, nullable=False),  # digest of what the vendor has; empty for nothing
    Column("state", Text, nullable=False),  # to_score, waiting, sent or dead
    Column("attempts", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
)

for _name in ("engagements", "outcomes", "dispositions"):
    _stored = STORED[_name]
    Index(f"ix_{_name}_lead", _stored.c.lead_id, _stored.c.occurred_at)
Index("ix_leads_account", STORED["leads"].c.account_id)
_changes = STORED["attribute_history"]
Index("ix_attribute_history_entity", _changes.c.entity_id, _changes.c.field)
