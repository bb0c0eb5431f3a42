"""Noting a record on disk within a moment, also while somebody writes to the history for long.

Odoo waits one second and never calls again. A writer of a SQLite file excludes all others, taking
in a large source takes minutes, and beside busy threads even a free database takes too long for
all that it does between two of its calls to the disk. So what is noted goes to a file beside the
database, those that come meanwhile together to the next one, and is moved to the outbox after the
answer. PostgreSQL lets several write at once: there it goes to the outbox straight away.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from delivery import Outbox

Note = dict[str, Any]
"""``target``, ``record`` and ``payload`` of what is to be scored: a line of a file."""


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
        self._waiting: deque[Note] = deque()
        # A thread of its own: those that score may all be at work.
        self._thread = ThreadPoolExecutor(1, "notes")

    async def take(self, target: str, record: str, payload: Mapping[str, Any]) -> None:
        """Note that a record is to be scored; once this returns, that outlives a crash.

        Raises
        ------
        OSError : the file beside the database cannot be written.
        SQLAlchemyError : the outbox cannot be written.
        """
        self._waiting.append({"target": target, "record": record, "payload": dict(payload)})
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write_down)

    def _write_down(self) -> None:
        """Put on disk whatever waits: what waited when this was asked for, and all since then."""
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not batch:
            return
        try:
            if self._folder is None:
                self._put(batch)
            else:
                _write(self._folder, b"".join(map(_line, batch)))
        except BaseException:
            # Others wait for their notes in this batch: theirs is the next try.
            self._waiting.extendleft(reversed(batch))
            raise

    def _put(self, notes: Sequence[Note]) -> None:
        """Put notes into the outbox, a transaction for each CRM."""
        asked: dict[str, dict[str, Any]] = {}
        for note in notes:
            asked.setdefault(note["target"], {})[note["record"]] = note["payload"]
        for target, payloads in asked.items():
            self._outbox.ask(target, payloads)

    def move(self) -> int:
        """Move what was noted in files to the outbox; return how many files there were."""
        files = [] if self._folder is None else sorted(self._folder.glob("*.json"))
        for file in files:
            try:
                found = [json.loads(line) for line in file.read_bytes().splitlines()]
            except FileNotFoundError:
                continue  # another process has just moved it
            self._put(found)
            file.unlink(missing_ok=True)
        return len(files)


def _line(note: Note) -> bytes:
    return json.dumps(note).encode() + b"\n"


def _write(folder: Path, content: bytes) -> None:
    """Write a file, named after this instant, whole or not at all."""
    folder.mkdir(exist_ok=True)
    name = f"{time.time_ns()}-{os.getpid()}"
    draft = folder / f"{name}.part"
    try:
        with draft.open("wb", buffering=0) as opened:
            opened.write(content)
            os.fsync(opened.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    draft.rename(folder / f"{name}.json")
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)
