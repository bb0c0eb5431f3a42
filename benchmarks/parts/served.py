"""What benchmarks of a running service have in common: leads to ask about, a page in the end."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson
from parts.load import request
from parts.serving_installation import Installation, attributes

DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
ROTATED = 200
Table = dict[str, dict[str, float]]
"""Figures by row and column."""


def bodies(made: Installation, top: int | None = None) -> list[bytes]:
    """Return requests that describe a lead by its sixty fields; they rotate past every cache.

    Parameters
    ----------
    made : whose leads they are like.
    top : reasons to ask for; as configured where None.
    """
    more = {} if top is None else {"top_reasons": top}
    leads = [
        {"lead_id": f"new{row}", "attributes": attributes(made.history, row)}
        for row in range(ROTATED)
    ]
    return [request("/score", orjson.dumps({"leads": [each], **more})) for each in leads]


def publish(
    doc: str,
    seconds: float,
    run: Callable[[Path, float], Table],
    page: Callable[[Table], str],
    name: str,
) -> None:
    """Measure as the command line says, print the page, and keep it if asked.

    Parameters
    ----------
    doc : of the benchmark, for ``--help``.
    seconds : that each load lasts, by default.
    run : measures in an empty folder.
    page : of what was measured.
    name : of the page's file among the documentation.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--write-docs", action="store_true", help=f"write {name}")
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(run(Path(folder), options.seconds))
    print(text)
    if options.write_docs:
        DOCS.mkdir(exist_ok=True)
        (DOCS / name).write_text(text, "utf-8")
