"""0.1.0 baseline: all tables, each made where it is missing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME, _TEXT, _FLOAT, _COUNT = sa.BigInteger(), sa.Text(), sa.Float(), sa.Integer()


def upgrade() -> None:
    """Make the tables; a store from before revisions has them, or most of them."""
    _make_history()
    _make_memory()
    _make_score_log()
    _make_teamwork()
    _make(
        "outbox",
        _key("target"),
        _key("record"),
        *_filled(_TEXT, "payload digest accepted state"),
        *_filled(_COUNT, "attempts"),
        *_filled(_TIME, "not_before"),
        *_filled(_TEXT, "problem"),
    )


def _make_history() -> None:
    clocks = "occurred_at recorded_at"
    _make(
        "leads",
        _key("lead_id"),
        *_open(_TIME, "created_at"),
        *_open(_TEXT, "account_id"),
        _attributes(),
    )
    _index("ix_leads_account", "leads", "account_id")
    _make("accounts", _key("account_id"), *_open(_TIME, "created_at"), _attributes())
    _make(
        "engagements",
        _key("engagement_id"),
        *_open(_TEXT, "lead_id"),
        *_open(_TIME, clocks),
        *_open(_TEXT, "kind team channel campaign direction"),
        *_open(_FLOAT, "value duration_s"),
    )
    _make(
        "outcomes",
        _key("outcome_id"),
        *_open(_TEXT, "lead_id"),
        *_open(_TIME, clocks),
        *_open(_TEXT, "stage"),
        *_open(_FLOAT, "amount"),
        *_open(_TEXT, "reason owner"),
    )
    _make(
        "dispositions",
        _key("disposition_id"),
        *_open(_TEXT, "lead_id"),
        *_open(_TIME, clocks),
        *_open(_TEXT, "action reason owner"),
    )
    for name in ("engagements", "outcomes", "dispositions"):
        _index(f"ix_{name}_lead", name, "lead_id", "occurred_at")
    _make(
        "attribute_history",
        _key("change_id"),
        *_open(_TEXT, "entity entity_id field value"),
        *_open(_TIME, "valid_from recorded_at"),
    )
    _index("ix_attribute_history_entity", "attribute_history", "entity_id", "field")


def _make_memory() -> None:
    _make("meta", _key("name"), *_filled(_TEXT, "value"))
    _make("erased", _key("digest"))
    _make("moved_leads", _key("old_id"), *_open(_TEXT, "new_id"))
    _make(
        "quarantine",
        _key("quarantine_id"),
        *_filled(_TEXT, "table_name origin"),
        *_filled(_COUNT, "row"),
        *_filled(_TEXT, "field value reason raw"),
        *_filled(_TIME, "seen_at"),
    )
    _make(
        "api_keys",
        _key("key_id"),
        *_filled(_TEXT, "digest role note"),
        *_filled(_TIME, "created_at"),
        *_open(_TIME, "revoked_at"),
    )


def _make_score_log() -> None:
    _make(
        "scores",
        _key("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        *_filled(_TEXT, "lead_id"),
        *_filled(_TIME, "as_of scored_at"),
        *_filled(_TEXT, "model_version horizons probabilities"),
        *_filled(_FLOAT, "probability score"),
        *_filled(_TEXT, "grade status reasons columns_id features"),
        *_filled(_COUNT, "feature_us model_us"),
    )
    _index("ix_scores_lead", "scores", "lead_id", "scored_at")
    _index("ix_scores_scored", "scores", "scored_at")
    _make("score_columns", _key("columns_id"), *_filled(_TEXT, "names"))


def _make_teamwork() -> None:
    _make(
        "agreements",
        _key("version", _COUNT, autoincrement=False),
        *_filled(_TEXT, "content who why"),
        *_filled(_TIME, "at"),
    )
    _make(
        "handoffs",
        _key("handoff_id"),
        *_filled(_TEXT, "lead_id"),
        *_filled(_TIME, "handed_at"),
        *_filled(_TEXT, "owner"),
        *_filled(_FLOAT, "score"),
        *_filled(_TEXT, "grade"),
        *_filled(_FLOAT, "probability"),
        *_filled(_TEXT, "reasons"),
        *_filled(_COUNT, "explored agreement"),
        *_filled(_TEXT, "model_version"),
    )
    _index("ix_handoffs_lead_id", "handoffs", "lead_id")
    _make(
        "assignments",
        _key("lead_id"),
        _key("turn", _COUNT, autoincrement=False),
        *_filled(_TEXT, "owner why"),
        *_filled(_TIME, "at"),
    )
    _make(
        "spend",
        _key("number", _COUNT, autoincrement=False),
        *_filled(_TEXT, "campaign day"),
        *_filled(_FLOAT, "amount"),
        *_filled(_TEXT, "who"),
        *_filled(_TIME, "at"),
    )
    _index("ix_spend_campaign", "spend", "campaign", "day")
    _make(
        "changes",
        _key("change_id"),
        *_filled(_TIME, "at"),
        *_filled(_TEXT, "who said changed figure"),
        *_open(_FLOAT, "before"),
    )


def _make(table: str, *columns: sa.Column[Any]) -> None:
    op.create_table(table, *columns, if_not_exists=True)


def _index(name: str, table: str, *columns: str) -> None:
    op.create_index(name, table, list(columns), if_not_exists=True)


def _key(name: str, kind: sa.types.TypeEngine[Any] = _TEXT, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, **options)


def _attributes() -> sa.Column[Any]:
    return sa.Column("attributes", _TEXT, nullable=False, server_default="{}")


def _filled(kind: sa.types.TypeEngine[Any], names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names.split()]


def _open(kind: sa.types.TypeEngine[Any], names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind) for name in names.split()]
