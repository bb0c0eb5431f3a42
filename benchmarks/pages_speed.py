"""How long people wait for the pages of a company with 100,000 open leads.

    python benchmarks/pages_speed.py [--leads N] [--in FOLDER] [--write-docs]

A sample company of 200,000 leads in a year, half of them open, is served by one worker that has
just been started. From then on every page is asked for again and again while scores are asked for
on another connection: how long does the slowest answer take, after how many seconds does each page
show its figures, and what does a score take meanwhile? Then every page is opened with everything
there. `--in FOLDER` keeps the installation there and uses it again.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import orjson
import pandas as pd
from parts.load import Figures, load, request
from parts.serving_installation import Installation

from history import sample_company

DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "pages.md"
LEADS, DAYS, TOUCHES = 200_000, 365, 8.0
LEARNED = 6_000
PAGES = {
    "Today": "/",
    "Goals": "/pages/goals",
    "What drives conversion": "/pages/drivers",
    "Funnel": "/pages/funnel",
    "Model": "/pages/model",
    "Health": "/pages/health",
}
LATER = {
    "Today, page 1,000 of all open": "/?show=all&page=1000",
    "Today, of one campaign": "/?campaign=email_01",
    "Goals, another cut": "/pages/goals?cut=5",
    "What drives conversion, one source": "/pages/drivers?focus=source%3Dreferral",
    "Funnel, by owner": "/pages/funnel?by=owner",
    "/queue": "/queue",
    "/importance": "/importance",
    "/funnel": "/funnel",
    "/goals": "/goals",
    "/monitor": "/monitor",
}
PATIENCE_S = 300


@dataclass
class Visits:
    """How one page was answered.

    Parameters
    ----------
    there_s : after how many seconds it showed its figures; NaN before.
    seconds : of each answer until then.
    """

    there_s: float = float("nan")
    seconds: list[float] = field(default_factory=list)


def build(folder: Path, leads: int) -> Installation:
    """Make the installation, or use the one that is there."""
    if (folder / "history.db").exists():
        return Installation.there(folder)
    folder.mkdir(parents=True, exist_ok=True)
    today = pd.Timestamp.now("UTC").floor("D")
    start = str((today - pd.Timedelta(days=DAYS)).date())
    wanted = {"start": start, "days": DAYS, "engagements_per_lead": TOUCHES}
    learned = sample_company(min(leads, LEARNED), **wanted).history
    return Installation(folder, sample_company(leads, **wanted).history, learned)


def visit(port: int, path: str) -> tuple[float, bool]:
    """Open a page; return the seconds, and whether it shows its figures."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    # The health of a service that has just begun says what is being made.
    there = answer.status == 200 and "Refresh" not in answer.headers
    return time.perf_counter() - begun, there and b"is being" not in text


def first_visits(port: int) -> dict[str, Visits]:
    """Open every page again and again until it shows its figures."""
    found = {name: Visits() for name in PAGES}
    begun = time.perf_counter()
    while any(np.isnan(each.there_s) for each in found.values()):
        for name, each in found.items():
            if np.isnan(each.there_s):
                seconds, there = visit(port, PAGES[name])
                each.seconds.append(seconds)
                each.there_s = time.perf_counter() - begun if there else each.there_s
        time.sleep(0.1)
    return found


def later_visits(port: int) -> dict[str, tuple[float, float]]:
    """Open everything when the figures are there; return the first and the usual milliseconds."""
    found = {}
    for name, path in (PAGES | LATER).items():
        first, there = visit(port, path)
        while not there:
            there = visit(port, path)[1]
            time.sleep(0.1)
        found[name] = (1000 * first, 1000 * median(visit(port, path)[0] for _ in range(5)))
    return found


def scoring(port: int, stop: threading.Event) -> tuple[threading.Thread, list[Figures]]:
    """Ask for scores, one after the other, until told to stop."""
    body = [orjson.dumps({"leads": [{"lead_id": f"L{number:06d}"}]}) for number in range(200)]
    asked, found = [request("/score", each) for each in body], []

    def ask() -> None:
        while not stop.is_set():
            found.append(load(port, asked, 1, 0.5))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, found


def together(found: list[Figures]) -> Figures:
    """Join what was asked for in turn."""
    return Figures([each for part in found for each in part.seconds])


def run(folder: Path, leads: int) -> dict[str, object]:
    """Serve and measure."""
    made = build(folder, leads)
    busy = os.getloadavg()[0]
    with made.serving("-m", "serving.launch", "--port", "PORT", ready="/readyz") as port:
        stop = threading.Event()
        thread, beside = scoring(port, stop)
        first = first_visits(port)
        stop.set()
        thread.join()
        later = later_visits(port)
        stop = threading.Event()
        thread, alone = scoring(port, stop)
        time.sleep(5)
        stop.set()
        thread.join()
        queue = _json(port, "/queue?limit=1")
    scores = {"while all this is made": together(beside), "afterwards": together(alone)}
    return {
        "first": first,
        "later": later,
        "scores": scores,
        "open": queue["open_leads"],
        "busy": busy,
    }


def _json(port: int, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", path)
    found: dict[str, object] = orjson.loads(connection.getresponse().read())
    connection.close()
    return found


def page(found: dict[str, object]) -> str:
    """Return the page for the documentation."""
    first = [
        f"| {name} | {each.there_s:.1f} | {len(each.seconds)} | {1000 * max(each.seconds):.0f} |"
        for name, each in found["first"].items()
    ]
    later = [
        f"| {name} | {once:.0f} | {usually:.0f} |"
        for name, (once, usually) in found["later"].items()
    ]
    scores = [
        f"| {name} | {len(each.seconds):,} | {each.percentile(50):.1f} | "
        f"{each.percentile(99):.1f} | {each.percentile(100):.0f} |"
        for name, each in found["scores"].items()
    ]
    return "\n".join(
        [
            "# Speed of the pages",
            "",
            "Made by `python benchmarks/pages_speed.py --write-docs`.",
            "",
            f"A sample company with {found['open']:,} open leads and a year of history, one "
            f"worker, {os.cpu_count()} shared cores of {platform.machine()}, the client on the "
            "same machine. The queue and the pages are made behind the scenes; a page that is not "
            "there yet says so at once and looks again by itself. The machine's load was "
            f"{found['busy']:.1f} before the service was started: with much more than 1, others "
            "worked beside it, and everything took longer.",
            "",
            "After a start, from the moment that `/readyz` is green, all pages asked for in turn "
            "and scores on a connection beside them:",
            "",
            "| page | shows its figures after, s | asked so often | slowest answer, ms |",
            "|---|---:|---:|---:|",
            *first,
            "",
            "Once the figures are there:",
            "",
            "| opened | the first time, ms | again, ms |",
            "|---|---:|---:|",
            *later,
            "",
            "Scores by id, one connection:",
            "",
            "| | answers | p50, ms | p99, ms | slowest, ms |",
            "|---|---:|---:|---:|---:|",
            *scores,
            "",
        ]
    )


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="not needed; `make bench` names it")
    parser.add_argument("--leads", type=int, default=LEADS)
    parser.add_argument("--in", dest="folder", type=Path, help="keep the installation here")
    parser.add_argument("--write-docs", action="store_true", help=f"write {DOCS.name}")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(run(wanted.folder or Path(folder), wanted.leads))
    print(text)
    if wanted.write_docs:
        DOCS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
