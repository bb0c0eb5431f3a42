"""A client that costs little: prepared requests over kept connections."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Figures:
    """What a load came to.

    Parameters
    ----------
    seconds : of each answer.
    statuses : how many answers had which status.
    lasted : the whole load, in seconds.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    lasted: float = 0.0

    def percentile(self, percent: float) -> float:
        """Return a percentile in milliseconds."""
        return float(np.percentile(self.seconds, percent)) * 1000

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.lasted


def request(path: str, body: bytes) -> bytes:
    """Return a request as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Figures:
    """Send prepared requests in turn over so many connections for so long."""
    return asyncio.run(callers(port, requests, connections, seconds))


async def callers(
    port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> Figures:
    """Send prepared requests in turn, within a loop that runs."""
    figures, turn = Figures(), itertools.cycle(requests)
    begun = time.perf_counter()
    end = begun + seconds
    await asyncio.gather(*(_caller(port, turn, end, figures) for _ in range(connections)))
    figures.lasted = time.perf_counter() - begun
    return figures


async def _caller(port: int, turn: itertools.cycle[bytes], end: float, figures: Figures) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < end:
        begun = time.perf_counter()
        writer.write(next(turn))
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        length = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        figures.seconds.append(time.perf_counter() - begun)
        status = int(head[9:12])
        figures.statuses[status] = figures.statuses.get(status, 0) + 1
        if b"connection: close" in lower:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
