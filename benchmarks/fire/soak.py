"""Twice the load that the service sustains, for ten minutes: what is shed, what is lost.

    python benchmarks/fire/soak.py [--seconds S]

Callers first find out what the service sustains with scores and writes mixed; then twice as many
come as fit. What is too much must be refused with 429 or 503, nothing may fail otherwise, every
acknowledged engagement must be in the store at the end, and the service must be as quick after
the storm as before it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sqlite3
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from parts.load import load, request
from parts.serving_installation import Installation, make_history

SUSTAINED = 16
SHED = (429, 503)


@dataclass
class Counts:
    """What became of what was sent."""

    sent: int = 0
    scored: int = 0
    shed: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)

    def fail(self, what: str) -> None:
        """Count something that should not be."""
        self.failed[what] = self.failed.get(what, 0) + 1


async def caller(port: int, place: int, end: float, ids: list[str], counts: Counts) -> None:
    """Write an engagement, score its lead, and so on until the end."""
    clock = asyncio.get_running_loop().time
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in itertools.count():
        if clock() > end:
            break
        lead, touch = ids[(place + number) % len(ids)], f"S{place}-{number}"
        row = {"lead_id": lead, "occurred_at": "2025-06-29T10:00:00Z", "kind": "visit"}
        asked = [
            ("/engagements", [row | {"engagement_id": touch}]),
            ("/score", {"leads": [{"lead_id": lead}], "top_reasons": 0}),
        ]
        for path, body in asked:
            counts.sent += 1
            try:
                writer.write(request(path, json.dumps(body).encode()))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                answer = await reader.readexactly(length)
            except (OSError, asyncio.IncompleteReadError) as error:
                counts.fail(type(error).__name__)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            note(counts, int(head[9:12]), path, touch, answer)
            if int(head[9:12]) in SHED:
                await asyncio.sleep(0.05)
    writer.close()


def note(counts: Counts, status: int, path: str, touch: str, answer: bytes) -> None:
    """Count an answer."""
    if status in SHED:
        counts.shed += 1
    elif status != 200:
        counts.fail(f"{status} {answer[:80]!r}")
    elif path == "/engagements":
        counts.acknowledged.add(touch)
    else:
        counts.scored += 1


async def storm(port: int, callers: int, seconds: float, ids: list[str]) -> Counts:
    """Let so many callers loose for so long."""
    counts = Counts()
    end = asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(caller(port, place, end, ids, counts) for place in range(callers)))
    return counts


def main() -> None:
    """Run, print the counts, and fail if anything was lost or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        made = Installation(Path(folder), make_history(500))
        ids = made.history.leads["lead_id"].tolist()
        one = [
            request("/score", json.dumps({"leads": [{"lead_id": each}]}).encode()) for each in ids
        ]
        limit = {"SMARKETING_SERVING__MAX_IN_FLIGHT": str(SUSTAINED)}
        serve = ("-m", "serving.launch", "--port", "PORT")
        with made.serving(*serve, ready="/readyz", **limit) as port:
            before = load(port, one, 1, 5.0).percentile(50)
            counts = asyncio.run(storm(port, 2 * SUSTAINED, options.seconds, ids))
            after = load(port, one, 1, 5.0).percentile(50)
        with sqlite3.connect(f"{folder}/history.db") as connection:
            kept = {row[0] for row in connection.execute("SELECT engagement_id FROM engagements")}
            logged = connection.execute("SELECT count(*) FROM scores").fetchone()[0]
    lost = len(counts.acknowledged - kept)
    print(f"sent {counts.sent}, acknowledged {len(counts.acknowledged)}, scored {counts.scored}")
    print(f"shed {counts.shed}, failed {counts.failed or 0}, lost {lost}, scores logged {logged}")
    print(f"p50 before {before:.2f} ms, after {after:.2f} ms")
    raise SystemExit(bool(lost or counts.failed or not counts.shed or after > 3 * before))


if __name__ == "__main__":
    main()
