"""What Alembic runs: the steps, on the connection and in the transaction of the caller."""

from __future__ import annotations

from alembic import context

from history.revisions import VERSION
from history.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION.name,
    render_as_batch=True,  # SQLite changes a table by making it anew
    transactional_ddl=True,  # `history.engine` begins SQLite's transactions itself
)
with context.begin_transaction():
    context.run_migrations()
