"""The access log: one JSON line a request, without personal data, written behind the answer."""

from __future__ import annotations

import queue
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

_MOST_WAITING = 10_000


@dataclass(slots=True)
class Visit:
    """A request as the log and the metrics see it: no path, no query, no address, no body.

    Parameters
    ----------
    method : of HTTP.
    route : the template of the path, such as ``/leads/{lead_id}``.
    key_id, role : of the caller.
    status : of the answer.
    seconds : from the first byte of the request to the last of the answer.
    """

    method: str
    route: str
    key_id: str = ""
    role: str = ""
    status: int = 500
    seconds: float = 0.0


class AccessLog:
    """Writes lines in a thread of its own, so that no request waits for a terminal or a disk.

    When the reader of the log is slower than the service, lines are dropped and counted.

    Parameters
    ----------
    stream : where to.
    share : of the requests that are written, 0 to 1; errors of ours always are.
    """

    def __init__(self, stream: TextIO, share: float) -> None:
        self._stream, self._share = stream, share
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue(_MOST_WAITING)
        self._chance = random.Random(7)  # noqa: S311  a sample, not a secret
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def note(self, visit: Visit) -> None:
        """Write a line about a request, or not, as the sample wants."""
        if visit.status < 500 and (not self._share or self._chance.random() >= self._share):
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="access log", daemon=True)
            self._thread.start()
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": visit.method,
            "route": visit.route,
            "status": visit.status,
            "ms": round(visit.seconds * 1000, 2),
            "key": visit.key_id,
            "role": visit.role,
        }
        if self._dropped:
            line["dropped_before"] = self._dropped
        try:
            self._lines.put_nowait(line)
            self._dropped = 0
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what is waiting, and stop."""
        if self._thread is not None:
            self._lines.put(None)
            self._thread.join(5)
            self._thread = None

    def _write(self) -> None:
        open_end = True
        while open_end:
            waiting = [self._lines.get()]
            while not self._lines.empty():
                waiting.append(self._lines.get())
            open_end = waiting[-1] is not None
            text = b"\n".join(orjson.dumps(each) for each in waiting if each is not None)
            if text:
                self._stream.write(f"{text.decode()}\n")
                self._stream.flush()
