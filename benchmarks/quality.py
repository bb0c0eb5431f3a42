"""Held-out figures beside every baseline, on real data and on an independent simulated CRM.

    python benchmarks/quality.py DATA [--only NAME]

DATA is a folder with bpic2012/ and d365_challenge/; what is not there is left out. The leadforge
world is generated here. Prints one Markdown table a data set, and what each stage took.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features import TrainingSet, build_training_set
from history import open_store
from history.sources import read
from models import tune
from models.baselines import BASELINES
from models.metrics import figures, group_weights
from models.splits import group_holdout

METRICS = {"log_loss": "log loss", "auc": "ROC-AUC", "average_precision": "average precision"}
METRICS |= {"brier": "Brier", "calibration_error": "calibration error", "lift": "lift at 10 %"}


@dataclass(frozen=True)
class Case:
    """A data set and how it is looked at."""

    name: str
    folder: str
    horizons: tuple[int, ...]
    ages: tuple[int, ...]


CASES = (
    Case("BPI Challenge 2012", "bpic2012", (7, 14, 30), (1, 3, 7, 14)),
    Case("365 learning platform", "d365_challenge", (7, 30, 60), (1, 3, 7, 14, 30)),
    Case("leadforge, intermediate, seed 7", "leadforge", (60,), (30,)),
)


class Stages:
    """Seconds and peak memory of each stage."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body."""
        begun = time.perf_counter()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.rows.append((name, time.perf_counter() - begun, peak))


def main() -> None:
    """Run every case in a process of its own, so that memory is its own too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default="data", type=Path)
    parser.add_argument("--only", help="folder of one case")
    options = parser.parse_args()
    for case in CASES:
        if options.only in (None, case.folder):
            process = multiprocessing.get_context("spawn").Process(
                target=run, args=(case, options.data)
            )
            process.start()
            process.join()


def run(case: Case, data: Path) -> None:
    """Ingest, build, tune and print."""
    with tempfile.TemporaryDirectory() as scratch:
        source = _leadforge(Path(scratch)) if case.folder == "leadforge" else data / case.folder
        if not source.exists():
            print(f"## {case.name}\n\nnot run: {source} is not there\n")
            return
        stages = Stages()
        with stages.stage("read"):
            extract = read(source)
        store = open_store(f"sqlite:///{scratch}/history.db")
        with stages.stage("ingest"):
            store.ingest(extract, now=pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us"))
        with stages.stage("load"):
            history = store.history()
        with stages.stage("features"):
            whole = build_training_set(history, horizons=case.horizons, ages=case.ages)
        with stages.stage("search, fit, judge"):
            table, counts = _across(whole) if case.folder == "leadforge" else _forward(whole)
    print(f"## {case.name}\n\n{counts}\n\n{_markdown(table)}\n")
    rows = [(name, f"{s:.1f}", f"{peak:,.0f}") for name, s, peak in stages.rows]
    print(_markdown(pd.DataFrame(rows, columns=["stage", "seconds", "peak MB"]).set_index("stage")))
    print(flush=True)


def _forward(whole: TrainingSet) -> tuple[pd.DataFrame, str]:
    """Judge on the newest mature snapshots, with a gap of one horizon."""
    evaluation = tune(whole, trials=15).evaluation
    horizon = whole.horizons[-1]
    counts = evaluation.counts.set_index(["segment", "horizon"]).loc[("future", horizon)]
    words = f"{counts['n']:,} snapshots, {counts['conversions']:,} conversions"
    table = evaluation.intervals()[list(METRICS)].rename(columns=METRICS)
    return table, f"{horizon} days ahead, forward in time: {words}"


def _across(whole: TrainingSet) -> tuple[pd.DataFrame, str]:
    """Judge on a quarter of the accounts: all leads of the world are of one month."""
    horizon = whole.horizons[-1]
    held = group_holdout(whole.groups, 0.25, seed=7)
    past, test = whole.take(~held), whole.take(held)
    y, past_y = (part.labels[horizon].to_numpy(dtype=float) for part in (test, past))
    forecasts = {"model": tune(past, trials=15).model.probabilities(test.values)[:, -1]}
    for name, make in BASELINES.items():
        forecasts[name] = make(past.features).fit(past.values, past_y).probabilities(test.values)
    weights = group_weights(test.groups, 200, 7)
    rows = {name: _cells(figures(p, y, weights, 0.1)) for name, p in forecasts.items()}
    words = f"day 30 to day 90, accounts never seen: {len(y):,} leads, {int(y.sum()):,} conversions"
    return pd.DataFrame(rows).T, words


def _cells(draws: dict[str, np.ndarray]) -> dict[str, str]:
    cells = {}
    for metric, name in METRICS.items():
        low, high = np.nanquantile(draws[metric][1:], [0.025, 0.975])
        cells[name] = f"{draws[metric][0]:.3f} ({low:.3f} to {high:.3f})"
    return cells


def _leadforge(folder: Path) -> Path:
    out = folder / "bundle"
    command = [str(Path(sys.executable).with_name("leadforge")), "generate"]
    command += ["-r", "b2b_saas_procurement_v1", "--seed", "7", "--mode", "student_public"]
    command += ["--difficulty", "intermediate", "--n-leads", "5000", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def _markdown(table: pd.DataFrame) -> str:
    head = ["", *map(str, table.columns)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [
        f"| {name} | " + " | ".join(map(str, row)) + " |"
        for name, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
