"""`smarketing migrate`: bring the store to the tables of this release."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from history.engine import open_engine
from history.upgrading import Upgrade, upgrade
from pipelines import context
from pipelines.backup import copy_database
from pipelines.failures import UsageError
from settings import Settings


def run(settings: Settings, *, dry_run: bool = False, as_json: bool = False) -> dict[str, Any]:
    """Run the revisions that the store lacks, in one transaction.

    A SQLite store is copied first, beside itself; PostgreSQL has its own tools for that. Of two
    that run at once the second waits, and finds nothing to do.

    Parameters
    ----------
    settings : of the installation.
    dry_run : do it, tell the SQL, and take everything back. Nobody else can write meanwhile.
    as_json : print JSON instead of sentences.

    Raises
    ------
    UsageError : the copy cannot be written; nothing was changed.
    StoreError : the store is of a newer release, in use, or a revision failed; nothing was changed.
    """
    engine = open_engine(settings.history.url)
    try:
        return _run(engine, dry_run=dry_run, as_json=as_json)
    finally:
        engine.dispose()


def _run(engine: Engine, *, dry_run: bool, as_json: bool) -> dict[str, Any]:
    name, file = engine.url.render_as_string(hide_password=True), _file(engine)
    if dry_run and file is not None and not file.is_file():
        raise UsageError(f"{name}: there is no store yet; the first command that needs it makes it")
    kept: list[Path] = []

    def keep(plan: Upgrade) -> None:
        if file is not None and plan.before is not None:
            kept.append(_kept(file, plan.before))

    with context.working("migrating"):
        done = upgrade(engine, rehearse=dry_run, beforehand=keep)
    facts = {
        "store": name,
        "from": done.before,
        "to": done.after,
        "steps": [{"revision": step.revision, "title": step.title} for step in done.steps],
        "sql": list(done.sql),
        "backup": str(kept[0]) if kept else None,
        "dry_run": dry_run,
    }
    if as_json:
        context.print_json(facts)
    else:
        _tell(facts)
    return facts


def _file(engine: Engine) -> Path | None:
    """Return the file of a SQLite store, None for any other."""
    lite = engine.dialect.name == "sqlite"
    return Path(str(engine.url.database)) if lite else None


def _kept(file: Path, revision: str) -> Path:
    """Copy a SQLite store beside itself, named after its revision and this instant."""
    stamp = context.now().strftime("%Y%m%dT%H%M%S%f")
    out = file.with_name(f"{file.name}.{revision}-{stamp}")
    try:
        copy_database(file, out)
    except (OSError, sqlite3.Error) as error:
        out.unlink(missing_ok=True)
        raise UsageError(f"{out}: the copy failed ({error}); nothing was changed") from error
    return out


def _tell(facts: dict[str, Any]) -> None:
    was = "no store yet" if facts["from"] is None else f"revision {facts['from']}"
    context.say(f"{facts['store']}: {was}, the newest is {facts['to']}")
    for step in facts["steps"]:
        context.say(f"  {step['revision']}  {step['title']}")
    if facts["dry_run"]:
        for statement in facts["sql"]:
            context.say(f"{statement};")
        context.say("taken back: nothing was changed" if facts["steps"] else "nothing to do")
    elif facts["steps"]:
        context.say(f"done; the store is at {facts['to']}")
    else:
        context.say("nothing to do")
    if facts["backup"]:
        context.say(f"as it was before: {facts['backup']}")
