"""What the loop was worth in a year of the sample company, as a page of the documentation.

    python benchmarks/replay_year.py [--replayed FILE] [--write-docs]

Runs `smarketing replay` with its defaults, about eleven minutes on two cores; or reads the
``replay.json`` of a replay that was run before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "benchmarks" / "replay.md"


def replayed() -> dict[str, Any]:
    """Run the replay and return what it printed."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pipelines.cli", "replay", "--out", folder, "--json"]
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def page(told: dict[str, Any]) -> str:
    """Return the page as Markdown."""
    weeks = told["weeks"]
    trained = [week for week in weeks if week["trained"] is not None]
    lines = [
        "# A replay of a year",
        "",
        "Made by `python benchmarks/replay_year.py --write-docs`, which runs `smarketing replay`.",
        "",
        f"The sample company, {len(weeks)} weeks, {weeks[-1]['scored']:,} open leads in the last "
        f"of them. Sales works {told['per_week']} leads a week, as many as in the year before. "
        f"A lead that is worked is a win if it was won within {told['horizon_days']} days.",
        "",
        "| order of work | wins | 95 % interval | of all that could be won | the loop wins more |",
        "|---|---:|---:|---:|---:|",
    ]
    for each in told["orders"]:
        margin = f"{each['margin']:+d} ({each['margin_low']:+.0f} to {each['margin_high']:+.0f})"
        lines.append(
            f"| {each['order']} | {each['wins']} | {each['low']:.0f} to {each['high']:.0f} | "
            f"{each['share']:.0%} | {margin if each is not told['orders'][0] else ''} |"
        )
    lines += [
        "",
        f"{len(trained)} trainings, {sum(week['promoted'] for week in trained)} of them promoted; "
        f"{sum(bool(week['alerts']) for week in weeks)} weeks with alerts. Perfect foresight knows "
        "who will be won and plans the year.",
        "",
        "| week | version | | why |",
        "|---:|---:|---|---|",
    ]
    for week in trained:
        end = "serves" if week["promoted"] else "waits"
        lines.append(f"| {week['number']} | {week['trained']} | {end} | {week['why']} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Replay, print the page, and keep it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="not needed; `make bench` names it")
    parser.add_argument("--replayed", type=Path, help="replay.json of a replay run before")
    parser.add_argument("--write-docs", action="store_true", help=f"write {DOCS.name}")
    wanted = parser.parse_args()
    told = json.loads(wanted.replayed.read_text("utf-8")) if wanted.replayed else replayed()
    text = page(told)
    print(text)
    if wanted.write_docs:
        DOCS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
