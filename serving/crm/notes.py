"""Noting a record on disk within a moment, also while somebody writes to the history for long.

Odoo waits one second and never calls again. A writer of a SQLite file excludes all others, and
taking in a large source takes minutes: what cannot be noted in the outbox at once is noted in a
file beside the database, and moved to the outbox as soon as that can be written.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from delivery import Outbox
from history.engine import open_engine

_PATIENCE_S = 0.1
_LOCKED_S = 1.0


class Notes:
    """Records that a CRM has named, on disk before it is answered.

    Parameters
    ----------
    engine : of the history's store.
    """

    def __init__(self, engine: Engine) -> None:
        self._outbox = Outbox(engine)
        path = engine.url.database if engine.dialect.name == "sqlite" else None
        self._folder = None if path is None else Path(f"{path}-notes")
        self._url = engine.url.render_as_string(hide_password=False)
        self._locked_until = 0.0

    @cached_property
    def _hasty(self) -> Outbox:
        """The same outbox, for who cannot wait."""
        return Outbox(open_engine(self._url, _PATIENCE_S))

    def take(self, target: str, record: str, payload: Mapping[str, Any]) -> None:
        """Note that a record is to be scored; then it outlives a crash.

        Raises
        ------
        OSError : the file beside the database cannot be written.
        """
        if self._folder is None:
            self._outbox.ask(target, record, payload)
            return
        if time.monotonic() >= self._locked_until:
            try:
                self._hasty.ask(target, record, payload)
            except OperationalError:
                self._locked_until = time.monotonic() + _LOCKED_S
            else:
                return
        _write(self._folder, {"target": target, "record": record, "payload": dict(payload)})

    def move(self) -> int:
        """Move what was noted in files to the outbox; return how many there were."""
        files = [] if self._folder is None else sorted(self._folder.glob("*.json"))
        for file in files:
            try:
                found = json.loads(file.read_text("utf-8"))
            except FileNotFoundError:
                continue  # another process has just moved it
            self._outbox.ask(found["target"], found["record"], found["payload"])
            file.unlink(missing_ok=True)
        return len(files)


def _write(folder: Path, note: Mapping[str, Any]) -> None:
    """Write a file whose name follows from its content, whole or not at all."""
    text = json.dumps(note, sort_keys=True)
    name = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    folder.mkdir(exist_ok=True)
    draft = folder / f"{name}.{os.getpid()}.{time.monotonic_ns()}"
    with draft.open("w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(folder / f"{name}.json")
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)
