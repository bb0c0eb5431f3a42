"""`smarketing backup` and `restore`: everything that cannot be made again, in one file."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from history import Store
from history.dump import dump_tables, load_tables, store_tables
from history.revisions import BASELINE, head
from models.access import local_folder, sqlite_file
from pipelines import context
from pipelines.archive import read_archive, write_archive
from pipelines.failures import UsageError
from settings import Settings

_TABLES, _RUNS, _ARTIFACTS = "history", "mlflow.db", "artifacts"


def run(settings: Settings, out: Path, *, as_json: bool = False) -> dict[str, Any]:
    """Write history, registry and models into one file.

    The service may go on: the history is read as of one instant, the registry by SQLite's own
    online backup. An MLflow server or database elsewhere is not ours to back up, and is named.

    Raises
    ------
    StoreError : the history cannot be read.
    """
    store = context.store_of(settings)
    with (
        context.working("backing up") as (progress, task),
        tempfile.TemporaryDirectory(dir=_made(out.parent)) as scratch,
    ):
        folder = Path(scratch)
        (folder / _TABLES).mkdir()
        rows = dump_tables(store.engine, store_tables(), folder / _TABLES)
        progress.update(task, description="copying the models")
        files = _copy_registry(settings, folder)
        facts = {
            "made_at": context.now().isoformat(),
            "release": version("smarketing"),
            "revision": head(),
            "settings_digest": hashlib.blake2b(
                settings.model_dump_json().encode(), digest_size=16
            ).hexdigest(),
            "rows": rows,
            "files": files,
            "elsewhere": _elsewhere(settings),
        }
        progress.update(task, description="packing")
        write_archive(folder, facts, out)
    store.engine.dispose()
    return _tell({"out": str(out), "bytes": out.stat().st_size, **facts}, as_json=as_json)


def restore(
    settings: Settings, file: Path, *, force: bool = False, as_json: bool = False
) -> dict[str, Any]:
    """Put what a backup holds in its place. Every part is checked before anything changes.

    Stop the service first. The history is replaced in one transaction; then runs and models are
    swapped in by renaming.

    Parameters
    ----------
    settings : of the installation, which may be another one, on another database.
    file : of `run`.
    force : replace what is there.
    as_json : print JSON instead of sentences.

    Raises
    ------
    UsageError : the file is damaged, of another revision of the store, or there is something that
        would be lost.
    StoreError : the history cannot be written; then nothing has changed.
    """
    registry, artifacts = _registry_files(settings)
    with tempfile.TemporaryDirectory(dir=_made(file.parent)) as scratch:
        folder = Path(scratch)
        manifest = read_archive(file, folder)
        _refuse_other_tables(file, manifest.facts.get("revision", BASELINE))
        store = context.store_of(settings)
        _refuse_loss(store, registry, force=force)
        rows = load_tables(store.engine, store_tables(), folder / _TABLES)
        if registry is not None and (folder / _RUNS).is_file():
            _swap(folder / _RUNS, registry)
        if artifacts is not None and (folder / _ARTIFACTS).is_dir():
            _swap(folder / _ARTIFACTS, artifacts)
    store.engine.dispose()
    return _tell({"restored": str(file), **manifest.facts, "rows": rows}, as_json=as_json)


def _registry_files(settings: Settings) -> tuple[Path | None, Path | None]:
    return sqlite_file(settings.tracking.uri), local_folder(settings.tracking.artifacts)


def _copy_registry(settings: Settings, folder: Path) -> int:
    """Copy MLflow's database and artefacts where they are local; return how many files."""
    registry, artifacts = _registry_files(settings)
    if registry is not None and registry.is_file():
        copy_database(registry, folder / _RUNS)
    if artifacts is not None and artifacts.is_dir():
        shutil.copytree(artifacts, folder / _ARTIFACTS)
    return sum(1 for each in folder.rglob("*") if each.is_file() and _TABLES not in each.parts)


def copy_database(file: Path, out: Path) -> None:
    """Copy a SQLite database as it is at one instant, while others use it.

    Parameters
    ----------
    file : the database.
    out : the copy, which is not there yet; as readable for others as `file`.
    """
    with (
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(out)) as target,
    ):
        shutil.copymode(file, out)
        source.backup(target)


def _elsewhere(settings: Settings) -> list[str]:
    registry, artifacts = _registry_files(settings)
    named = {settings.tracking.uri: registry, settings.tracking.artifacts: artifacts}
    return [where for where, local in named.items() if local is None]


def _refuse_other_tables(file: Path, revision: str) -> None:
    """Refuse rows of other tables: only a migration knows how they are brought here."""
    if revision != head():
        raise UsageError(
            f"{file}: made of a store at revision {revision}, this release has {head()}: restore "
            "with the release that made it, then upgrade and run `smarketing migrate`"
        )


def _refuse_loss(store: Store, registry: Path | None, *, force: bool) -> None:
    leads = store.counts()["leads"]
    if not force and (leads or (registry is not None and registry.is_file())):
        there = f"{store.name} holds {leads:,} leads" if leads else f"{registry} is there"
        raise UsageError(f"{there}: restore into an empty installation, or replace it with --force")


def _swap(fresh: Path, place: Path) -> None:
    """Put a file or folder in the place of what is there, which is kept until the new one is in."""
    place.parent.mkdir(parents=True, exist_ok=True)
    arriving, leaving = (place.with_name(place.name + end) for end in (".new", ".old"))
    for stale in (arriving, leaving):
        _remove(stale)
    shutil.move(fresh, arriving)
    if place.exists():
        place.rename(leaving)
    arriving.rename(place)
    _remove(leaving)
    for end in ("-wal", "-shm"):  # of a database that is no longer there
        place.with_name(place.name + end).unlink(missing_ok=True)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tell(facts: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    if as_json:
        context.print_json(facts)
        return facts
    rows = context.plural({name: n for name, n in facts["rows"].items() if n}) or "no rows"
    done = f"backed up to {facts['out']}" if "out" in facts else f"restored {facts['restored']}"
    context.say(f"{done}: {rows}; {facts['files']} files of runs and models")
    for where in facts["elsewhere"]:
        context.say(f"not in it: {where}, which is backed up where it runs")
    return facts
