"""Bringing a store to the newest revision: all of it or nothing, and one at a time.

The one module, beside the revisions themselves, that knows Alembic; opening a store does not load
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from history.errors import StoreError
from history.opening import unknown
from history.revisions import current, is_stamped, lock_schema

SCRIPTS = Path(__file__).with_name("migrations")
"""Where the revisions are."""

_READS = ("SELECT", "PRAGMA", "SET LOCAL")


@dataclass(frozen=True)
class Step:
    """One revision.

    Parameters
    ----------
    revision : its number.
    title : what it brings, in a few words.
    """

    revision: str
    title: str


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did, or would do.

    Parameters
    ----------
    before : the revision of the store; None where there was no store.
    after : the newest revision.
    steps : what is done, in order; the baseline too where no revision was written down.
    sql : every statement that changed something.
    """

    before: str | None
    after: str
    steps: tuple[Step, ...]
    sql: tuple[str, ...] = ()


def upgrade(
    engine: Engine,
    *,
    rehearse: bool = False,
    beforehand: Callable[[Upgrade], None] | None = None,
    scripts: Path = SCRIPTS,
) -> Upgrade:
    """Run the revisions that a store lacks, in one transaction.

    Parameters
    ----------
    engine : of `history.engine.open_engine`, on a store of any age or none.
    rehearse : take everything back at the end. Meanwhile nobody else can write.
    beforehand : is told what is to be done, once nobody else can write and before anything is
        done; not when there is nothing to do, nor in a rehearsal. What it raises ends the upgrade.
    scripts : the revisions.

    Raises
    ------
    StoreError : the store is of a newer release, is in use for longer than half a minute, or a
        revision failed; then the store is as it was.
    """
    name, statements = engine.url.render_as_string(hide_password=True), list[str]()
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            lock_schema(connection)
            plan = _plan(connection, name, scripts)
            if plan.steps and beforehand is not None and not rehearse:
                beforehand(plan)
            if plan.steps:
                with _recorded(connection, statements):
                    command.upgrade(_config(scripts, connection), "head")
            if rehearse:
                transaction.rollback()
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(f"{name}: not upgraded, the store is as it was: {cause}") from error
    return Upgrade(plan.before, plan.after, plan.steps, tuple(statements))


def _plan(connection: Connection, name: str, scripts: Path) -> Upgrade:
    known = list(ScriptDirectory.from_config(_config(scripts, connection)).walk_revisions())
    steps = [Step(each.revision, each.doc.rstrip(".")) for each in reversed(known)]
    numbers, before = [step.revision for step in steps], current(connection)
    if before is not None and before not in numbers:
        raise StoreError(unknown(before, name, numbers[-1]))
    done = numbers.index(str(before)) + 1 if is_stamped(connection) else 0
    return Upgrade(before, numbers[-1], tuple(steps[done:]))


def _config(scripts: Path, connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    # Config interpolates with %, which a path may hold.
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return config


@contextmanager
def _recorded(connection: Connection, statements: list[str]) -> Iterator[None]:
    """Note what is executed, without the values: they may be personal."""

    def note(_connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(_READS):
            statements.append(statement.strip())

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", note)
