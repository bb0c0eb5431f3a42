"""Whether Odoo's webhook is answered within the second that Odoo waits, whatever else goes on.

    python benchmarks/webhook_speed.py [--seconds S] [--write-docs]

A webhook comes twenty times a second over a connection of its own, as Odoo sends it, about a lead
with two hundred engagements. The service has one worker; the client runs on the same machine, and
so does the Odoo that scores are written back to. The same webhooks come alone; beside thirty-two
connections that ask for scores without a pause; beside these while another process keeps the store
locked; and beside these from the first second after a start, while all pages are made.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import platform
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
from parts.load import Figures, callers, request
from parts.served import Table, bodies, publish
from parts.serving_installation import Installation, make_history, wait_for

KEY = "a key for the benchmark"
LEADS = 1500
EVERY_S = 0.05
CONNECTIONS = 32
PAGES = ("/queue", "/goals", "/importance", "/funnel", "/monitor")


class Odoo:
    """Takes the scores that are written back, and remembers which records had one."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.records[str(body["id"])] += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_port}/web/hook/secret"


async def webhooks(port: int, ids: Iterator[str], seconds: float) -> tuple[Figures, list[str]]:
    """Send webhooks at a steady pace, each over a connection of its own, as Odoo does."""
    figures, sent, running = Figures(), [], set()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        record = next(ids)
        sent.append(record)
        body = orjson.dumps({"_model": "crm.lead", "_id": record, "_action": "smarketing"})
        call = asyncio.create_task(_call(port, body, figures))
        running.add(call)
        call.add_done_callback(running.discard)
        await asyncio.sleep(EVERY_S)
    await asyncio.gather(*running)
    return figures, sent


async def _call(port: int, body: bytes, figures: Figures) -> None:
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"/crm/odoo?key={KEY.replace(' ', '%20')}"
    writer.write(request(path, body))
    head = await reader.readuntil(b"\r\n\r\n")
    figures.seconds.append(time.perf_counter() - begun)
    status = int(head[9:12])
    figures.statuses[status] = figures.statuses.get(status, 0) + 1
    writer.close()


async def together(
    port: int, ids: Iterator[str], scores: list[bytes], seconds: float
) -> tuple[Figures, list[str], Figures]:
    """Send webhooks beside connections that ask for scores without a pause."""
    beside = asyncio.create_task(callers(port, scores, CONNECTIONS, seconds + 1))
    await asyncio.sleep(0.5)
    figures, sent = await webhooks(port, ids, seconds)
    return figures, sent, await beside


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keep others from writing to a database."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def run(folder: Path, seconds: float) -> Table:
    """Measure all four."""
    made, odoo = Installation(folder, make_history(LEADS)), Odoo()
    scores = bodies(made)
    ids = iter(made.history.leads["lead_id"])
    keys = {"SMARKETING_CRM__ODOO_KEY": KEY, "SMARKETING_CRM__ODOO_URL": odoo.url}
    launch = ("-m", "serving.launch", "--port", "PORT")
    found: Table = {}
    sent: list[str] = []

    def keep(name: str, figures: Figures, told: list[str], beside: Figures | None = None) -> None:
        sent.extend(told)
        found[name] = {
            "webhooks": float(len(figures.seconds)),
            "p50, ms": figures.percentile(50),
            "p99, ms": figures.percentile(99),
            "slowest, ms": figures.percentile(100),
            "not accepted": float(len(figures.seconds) - figures.statuses.get(200, 0)),
            "p50 of scores beside them, ms": math.nan if beside is None else beside.percentile(50),
        }

    with made.serving(*launch, ready="/readyz", **keys) as port:
        measured = asyncio.run(together(port, ids, scores, seconds))
        keep("beside 32 connections, after a start", *measured)
        for path in PAGES:
            wait_for(f"http://127.0.0.1:{port}{path}", 120)
        keep("alone", *asyncio.run(webhooks(port, ids, seconds)))
        measured = asyncio.run(together(port, ids, scores, seconds))
        keep("beside 32 connections", *measured)
        with locked(made.folder / "history.db"):
            measured = asyncio.run(together(port, ids, scores, seconds))
        keep("beside 32 connections, the store locked", *measured)
        end = time.monotonic() + 60
        while not set(sent) <= set(odoo.records) and time.monotonic() < end:
            time.sleep(0.2)
    found["lost"] = {"of": float(len(sent)), "lost": float(len(set(sent) - set(odoo.records)))}
    return found


def page(found: Table) -> str:
    """Return the page for the documentation."""
    written = found.pop("lost")
    names = list(next(iter(found.values())))
    lines = [f"| Odoo's webhook | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for name, figures in found.items():
        shown = ["" if math.isnan(each) else f"{each:,.0f}" for each in figures.values()]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    table = "\n".join(lines)
    return f"""# Odoo's one second

{__doc__.split("S]")[1].split("]", 1)[1].strip()}

`make bench` runs it; on {os.cpu_count()} shared cores of {platform.machine()}. The goal is that
none takes longer than a second, and that every record has its score written back: of
{written["of"]:,.0f} records, {written["lost"]:,.0f} had none in the end.

{table}
"""


if __name__ == "__main__":
    publish(__doc__, 8.0, run, page, "webhook.md")
