"""The store's tables, made from the contracts: one schema for SQLite and PostgreSQL.

Times are UTC microseconds in 64-bit integers, which both databases keep exactly and Arrow reads
without conversion. Attributes of leads and accounts are one JSON object a row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text

from history import tables as contracts

SCHEMA_VERSION = 1

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

MOVED = Table(
    "moved_leads",
    metadata,
    Column("old_id", Text, primary_key=True),
    Column("new_id", Text),  # nothing: the lead was deleted
)

for _name in ("engagements", "outcomes", "dispositions"):
    _stored = STORED[_name]
    Index(f"ix_{_name}_lead", _stored.c.lead_id, _stored.c.occurred_at)
Index("ix_leads_account", STORED["leads"].c.account_id)
_changes = STORED["attribute_history"]
Index("ix_attribute_history_entity", _changes.c.entity_id, _changes.c.field)
