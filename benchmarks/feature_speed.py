"""Speed of the feature computation beside what people would write instead, in one run.

    python benchmarks/feature_speed.py [--engagements N ...] [--write-docs | --stream]

A skewed history (a few leads hold most engagements, one of them two in a hundred) lies in Parquet
files. Everybody starts from the files and computes the same counts, sums and recencies of the
same snapshots, checked equal to the last bit; times are ratios within this run. Scanning and
sorting the files alone is the floor. Above two million engagements, pandas is left out (it needs
more memory than most machines have) and the engines work part by part.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from parts.feature_history import asked_features, read_history, write_history
from parts.feature_ways import (
    scan,
    scan_and_sort,
    with_duckdb,
    with_kernel,
    with_pandas,
    with_polars,
)

from features import FeatureEngine, default_features
from features.plan import Plan
from features.stream import write_features
from history import History

DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
MUCH = 2_000_000
Row = tuple[str, int, float]
"""A way, how many features it computed, and the seconds it took."""


def stream(folder: Path, engagements: int) -> str:
    """Run the part-by-part build in a process of its own, in parts of 60,000 engagements."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        seconds, snapshots, peak = pool.apply(_stream, (folder, max(8, engagements // 60_000)))
    return (
        f"{engagements:,} engagements, {snapshots:,} snapshots, part by part: {seconds:.1f} s, "
        f"peak {peak:,} MB"
    )


def _stream(folder: Path, parts: int) -> tuple[float, int, int]:
    first = next(pq.ParquetFile(folder / "engagements.parquet").iter_batches(50_000)).to_pandas()
    leads = pd.read_parquet(folder / "leads.parquet")
    known = leads[leads["lead_id"].isin(first["lead_id"])]
    features = default_features(History.from_frames({"leads": known, "engagements": first}))
    started = time.perf_counter()
    snapshots = write_features(
        folder,
        folder / "snapshots.parquet",
        features,
        folder / "out.parquet",
        parts=parts,
    )
    return time.perf_counter() - started, snapshots, _peak_mb()


def _peak_mb() -> int:
    """Return this process's peak of memory in MB.

    Not getrusage: on Linux its peak survives exec, so that a child begins with its parent's.
    """
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def timed(work: Callable[[], object], times: int) -> tuple[float, object]:
    """Return the least time of a few runs, and the result."""
    best, result = float("inf"), None
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def online(engagements: int) -> tuple[float, float]:
    """Return the microseconds of the kernel and of the engine for one lead, from its arrays."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_history(folder, engagements * 40)
        history = read_history(folder)
    biggest = history.engagements["lead_id"].value_counts().index[0]
    rows = history.engagements
    rows = rows.assign(lead_id=biggest).iloc[:engagements]
    lead = history.leads[(history.leads["lead_id"] == biggest).to_numpy()]
    one = History.from_frames({"leads": lead, "engagements": rows})
    engine = FeatureEngine(one, default_features(one))
    plan, log, _ = engine.passes["engagements"]
    as_of = one.observed_until
    snapshots = pd.DataFrame({"lead_id": [biggest], "as_of": [as_of]})
    group, instant = np.zeros(1, np.int64), snapshots["as_of"].astype("int64").to_numpy()
    kernel = _median(lambda: Plan.run(plan, log, group=group, as_of=instant))
    return kernel, _median(lambda: engine.compute(snapshots))


def _median(work: Callable[[], object]) -> float:
    times = [timed(work, 1)[0] for _ in range(51)]
    return float(np.median(times)) * 1e6


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="not needed here")
    parser.add_argument("--engagements", type=int, nargs="+", default=[300_000])
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--stream", action="store_true")
    wanted = parser.parse_args()
    lines, measured = [], {}
    for engagements in wanted.engagements:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_history(folder, engagements)
            if wanted.stream:
                print(stream(folder, engagements))
                continue
            measured[engagements], text = measure(folder, engagements)
            lines += text
            print("\n".join(text), flush=True)
    if wanted.stream:
        return
    closing = [*exponent(measured), *one_lead()]
    print("\n".join(closing))
    if wanted.write_docs:
        write_docs(wanted.engagements, [*lines, *closing], measured)


def one_lead() -> list[str]:
    """Time one lead, as a request asks for it."""
    lines = []
    for size, budget in ((200, 100), (10_000, 2_000)):
        kernel, engine = online(size)
        lines.append(
            f"One lead with {size:,} engagements: {kernel:,.0f} µs from its arrays (goal below "
            f"{budget:,}), {engine:,.0f} µs with frames around it.\n"
        )
    return lines


def exponent(measured: dict[int, list[Row]]) -> list[str]:
    """Say how the time of all features grows with the size."""
    if len(measured) < 2:
        return []
    least, most = min(measured), max(measured)
    one, other = (
        next(row[2] for row in measured[size] if row[0].startswith("all")) for size in (least, most)
    )
    power = float(np.log(other / one) / np.log(most / least))
    return [
        f"From {least:,} to {most:,} engagements the time of all features grows as n^{power:.2f}.\n"
    ]


def measure(folder: Path, engagements: int) -> tuple[list[Row], list[str]]:
    """Time every way on the same files, and see that they agree."""
    every, plain = asked_features(read_history(folder))
    snapshots = pq.read_metadata(folder / "snapshots.parquet").num_rows
    much = engagements > MUCH
    with_kernel(folder, plain[:1])  # compiled and cached before anything is timed
    again = 1 if much else 3
    rows = [("scan", 0, timed(lambda: scan(folder), 3)[0])]
    rows.append(("scan and sort", 0, timed(lambda: scan_and_sort(folder), 3)[0]))
    seconds = timed(lambda: with_kernel(folder, every).shape, again)[0]
    rows.append((f"all {len(every)} features", len(every), seconds))
    seconds, wanted = timed(lambda: with_kernel(folder, plain), again)
    rows.append((f"the {len(plain)} plain ones", len(plain), seconds))
    parts = max(1, engagements // MUCH * 2)
    ways = {
        "Polars": lambda: with_polars(folder, plain, parts),
        "DuckDB": lambda: with_duckdb(folder, plain, parts),
    }
    if not much:
        ways["pandas"] = lambda: with_pandas(folder, plain)
    for label, way in ways.items():
        seconds, found = timed(way, 1)
        pd.testing.assert_frame_equal(found, wanted, check_exact=True, check_index_type=False)
        shown = f"{label}, {parts} parts" if parts > 1 else label
        rows.append((shown, len(plain), seconds))
    return rows, [
        f"{engagements:,} engagements, {snapshots:,} snapshots, from Parquet files to a frame.\n",
        *table(rows),
        "",
    ]


def table(rows: list[Row]) -> list[str]:
    """Return the Markdown of what was measured."""
    floor, ours = rows[1][2], rows[3][2]
    lines = [
        "| way | features | seconds | scan and sort = 1 | the plain ones = 1 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for label, count, seconds in rows:
        ratios = f"{seconds / floor:.1f} | {seconds / ours:.1f}"
        lines.append(f"| {label} | {count or ''} | {seconds:.2f} | {ratios} |")
    return lines


def write_docs(sizes: list[int], lines: list[str], measured: dict[int, list[Row]]) -> None:
    """Write the page and its picture."""
    DOCS.mkdir(parents=True, exist_ok=True)
    plot(measured, DOCS / "features.svg")
    asked = " ".join(str(size) for size in sizes)
    command = f"python benchmarks/feature_speed.py --engagements {asked} --write-docs"
    text = "\n".join(lines)
    (DOCS / "features.md").write_text(
        f"# Speed of the features\n\n`{command}`\n\n![seconds by way](features.svg)\n\n{text}"
    )


def plot(measured: dict[int, list[Row]], file: Path) -> None:
    """Draw the seconds of every way."""
    mpl.rcParams["svg.hashsalt"] = "smarketing"
    figure, axes = plt.subplots(len(measured), figsize=(8, 2.6 * len(measured)), squeeze=False)
    for ax, (size, rows) in zip(axes[:, 0], measured.items(), strict=True):
        shown = list(reversed(rows[1:]))
        bars = ax.barh([row[0] for row in shown], [row[2] for row in shown], color="#3b6ea5")
        ax.bar_label(bars, fmt="%.1f s", padding=3)
        ax.set_title(f"{size:,} engagements", loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        ax.margins(x=0.15)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


if __name__ == "__main__":
    main()
