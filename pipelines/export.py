"""`smarketing export`: the history as a canonical folder under pseudonyms."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from history.history import History
from history.pseudonyms import pseudonymous
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings

KEY_VARIABLE = "SMARKETING_EXPORT_KEY"
MANIFEST = "export.json"


def run(
    settings: Settings, out: Path, *, key_file: Path | None = None, as_json: bool = False
) -> dict[str, Any]:
    """Write the history under pseudonyms into a new folder, all of it or nothing.

    Parameters
    ----------
    settings : of the installation.
    out : a folder that is not there yet, or empty.
    key_file : holds the key; the variable `KEY_VARIABLE` where missing.
    as_json : print JSON instead of sentences.

    Raises
    ------
    UsageError : no key, or the folder holds something.
    HistoryError : the key is too short, or the history is empty.
    """
    key = _key(key_file)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: it is there already; name a folder that is not")
    with context.working("exporting") as (progress, task):
        history = context.history_of(settings, context.store_of(settings))
        progress.update(task, description="replacing names")
        made = pseudonymous(history, key)
        facts = {
            "made_at": context.now().isoformat(),
            "observed_until": made.history.observed_until.isoformat(),
            "key_id": made.key_id,
            "rows": {name: len(frame) for name, frame in made.history.frames().items()},
            "left_out": dict(made.left_out),
        }
        _write(made.history, facts, out)
    if as_json:
        context.print_json(facts)
    else:
        _tell(facts, out)
    return facts


def _key(file: Path | None) -> bytes:
    if file is not None:
        try:
            return file.read_bytes().strip()
        except OSError as error:
            raise UsageError(f"--key-file: {file} cannot be read: {error.strerror}") from error
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise UsageError(
            f"pseudonyms need a key: set {KEY_VARIABLE}, or name a file with --key-file; "
            "openssl rand -hex 32 makes one"
        )
    return key.encode()


def _write(history: History, facts: dict[str, Any], out: Path) -> None:
    """Write beside the folder, and move it into its place when it is whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as scratch:
        folder = Path(scratch) / "export"
        folder.mkdir()
        for name, frame in history.frames().items():
            if len(frame) or name == "leads":
                frame.to_parquet(folder / f"{name}.parquet", index=False)
        if history.current_only:
            names = "\n".join(sorted(history.current_only))
            (folder / "current_only.txt").write_text(names + "\n", "utf-8")
        (folder / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
        if out.exists():
            out.rmdir()
        folder.rename(out)


def _tell(facts: dict[str, Any], out: Path) -> None:
    context.say(f"{out}: {context.plural(facts['rows'])}, under pseudonyms (key {facts['key_id']})")
    for where, why in facts["left_out"].items():
        context.say(f"left out, {where}: {why}")
    context.say(
        f"Read it: smarketing ingest {out} --observed-until {facts['observed_until']}\n"
        "Whoever has the key can tell who is who: keep it apart. Rare combinations of what is "
        "left may tell, too: this is still personal data."
    )
