"""The access log: one JSON line a request, without personal data, written behind the answer."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from serving.behind import Behind


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
        self._behind: Behind[tuple[float, Visit, int]] = Behind("access log", self._write)
        self._chance = random.Random(7)  # noqa: S311  a sample, not a secret
        self._dropped = 0

    def note(self, visit: Visit) -> None:
        """Write a line about a request, or not, as the sample wants."""
        if visit.status < 500 and (not self._share or self._chance.random() >= self._share):
            return
        if self._behind.note((time.time(), visit, self._dropped)):
            self._dropped = 0
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what is waiting, and stop."""
        self._behind.close()

    def _write(self, noted: Sequence[tuple[float, Visit, int]]) -> None:
        text = b"\n".join(orjson.dumps(_line(*each)) for each in noted)
        self._stream.write(f"{text.decode()}\n")
        self._stream.flush()


def _line(at: float, visit: Visit, dropped: int) -> dict[str, Any]:
    line: dict[str, Any] = {
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "method": visit.method,
        "route": visit.route,
        "status": visit.status,
        "ms": round(visit.seconds * 1000, 2),
        "key": visit.key_id,
        "role": visit.role,
    }
    if dropped:
        line["dropped_before"] = dropped
    return line
