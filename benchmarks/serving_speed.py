"""Speed of the service beside a bare application and MLflow's own server, in one run.

    python benchmarks/serving_speed.py [--seconds S] [--write-docs]

All have one worker, the same model and the same lead: sixty fields in the body. The bare uvicorn
application reads the body and calls the model, which is the floor; ours computes all features,
scores the week before too for the trend, checks access, counts and logs. By id it reads two
hundred engagements from the store first. Bodies rotate, so that no cache flatters anybody.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import orjson
from parts.load import Figures, load, request
from parts.served import ROTATED, Table, bodies, publish
from parts.serving_installation import Installation, attributes, make_history, wait_for

HERE = Path(__file__).resolve().parent
LEADS = 1500


def by_id(made: Installation, top: int) -> list[bytes]:
    """Return requests that name a lead."""
    ids = made.history.leads["lead_id"].head(ROTATED)
    return [
        request("/score", orjson.dumps({"leads": [{"lead_id": each}], "top_reasons": top}))
        for each in ids
    ]


def invocations(made: Installation) -> list[bytes]:
    """Return the same leads as MLflow's server takes them: a column for each feature."""
    found = []
    for row in range(ROTATED):
        told = attributes(made.history, row)
        record = {
            feature.name: told.get(str(feature.column)) if feature.source == "lead" else 0.0
            for feature in made.model.features
        }
        found.append(request("/invocations", orjson.dumps({"dataframe_records": [record]})))
    return found


def measure(port: int, requests: Sequence[bytes], seconds: float) -> dict[str, float]:
    """Measure at one, eight and thirty-two connections."""
    load(port, requests, 4, 1.0)
    one, eight, many = (load(port, requests, count, seconds) for count in (1, 8, 32))
    failed = [check(each) for each in (one, eight, many)]
    return {
        "p50 at 1, ms": one.percentile(50),
        "p99 at 1, ms": one.percentile(99),
        "requests/s at 8": eight.rate,
        "p50 at 32, ms": many.percentile(50),
        "p99 at 32, ms": many.percentile(99),
        "failed": float(sum(failed)),
    }


def check(figures: Figures) -> int:
    """Return how many answers were not a 200."""
    return sum(count for status, count in figures.statuses.items() if status != 200)


def run(folder: Path, seconds: float) -> Table:
    """Measure every server, one after the other."""
    made = Installation(folder, make_history(LEADS))
    found: Table = {}
    bare = ("-m", "uvicorn", "bare_app:app", "--port", "PORT", "--no-access-log")
    path = os.pathsep.join([str(HERE / "parts"), os.environ.get("PYTHONPATH", "")])
    parts = {"BENCH_MODEL": str(made.folder_of_model), "PYTHONPATH": path}
    with made.serving(*bare, ready="/ready", **parts) as port:
        found["bare uvicorn and the model"] = measure(port, bodies(made, 0), seconds)
    with made.serving("-m", "serving.launch", "--port", "PORT", ready="/readyz") as port:
        # All of these are made once, at the start, in threads beside the requests.
        for path in ("/queue", "/goals", "/importance", "/funnel", "/monitor"):
            wait_for(f"http://127.0.0.1:{port}{path}", 120)
        found["smarketing, from the body"] = measure(port, bodies(made, 0), seconds)
        found["smarketing, with five reasons"] = measure(port, bodies(made, 5), seconds)
        found["smarketing, by id"] = measure(port, by_id(made, 0), seconds)
    mlflow = (
        "-m", "mlflow", "models", "serve", "-m", "models:/smarketing@champion",
        "--env-manager", "local", "--port", "PORT",
    )  # fmt: skip
    with made.serving(*mlflow, ready="/ping") as port:
        found["mlflow models serve"] = measure(port, invocations(made), seconds)
    return found


def table(found: Table) -> str:
    """Return the figures as a table of Markdown."""
    names = list(next(iter(found.values())))
    lines = [f"| server | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for server, figures in found.items():
        whole = {name for name in names if "/s" in name or name == "failed"}
        shown = [f"{figures[name]:,.{0 if name in whole else 2}f}" for name in names]
        lines.append(f"| {server} | {' | '.join(shown)} |")
    return "\n".join(lines)


def page(found: Table) -> str:
    """Return the page for the documentation."""
    bare, ours = found["bare uvicorn and the model"], found["smarketing, from the body"]
    theirs, told = found["mlflow models serve"], found["smarketing, with five reasons"]
    known = found["smarketing, by id"]
    late, middle = "p99 at 32, ms", "p50 at 32, ms"
    key, rate = "p50 at 1, ms", "requests/s at 8"
    return f"""# Speed of the service

{__doc__.split("S]")[1].split("]", 1)[1].strip()}

`make bench` runs it; figures are ratios within one run, on {os.cpu_count()} shared cores of
{platform.machine()}, the client on the same machine.

{table(found)}

| ratio | this run | goal |
|---|---|---|
| p50 at 1 connection, ours to the floor | {ours[key] / bare[key]:.1f} | at most 1.6 |
| requests a second at 8, ours to the floor | {ours[rate] / bare[rate]:.0%} | at least 35 % |
| requests a second at 8, ours to MLflow's | {ours[rate] / theirs[rate]:.1f} | at least 8 |
| p50 with five reasons to p50 without | {told[key] / ours[key]:.1f} | at most 2 |
| p50 by id, ms | {known[key]:.1f} | below 2 |
| p99 at 32 connections to its p50 | {ours[late] / ours[middle]:.1f} | at most 5 |
"""


if __name__ == "__main__":
    publish(__doc__, 3.0, run, page, "serving.md")
