"""Erased ids of one person are linked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the link; of ids that were erased before nobody knows it, and each stands alone."""
    op.add_column("erased", sa.Column("person", sa.Text()))
