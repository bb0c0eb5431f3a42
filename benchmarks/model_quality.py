"""Held-out quality beside what else one could fit, on real data and on worlds of a known law.

    python benchmarks/model_quality.py DATA [--only NAME ...] [--write-docs]

DATA is a folder with bpic2012/, d365_challenge/ and x_education/; what is not there is left out.
Everybody learns from the same rows and columns of the past and forecasts the same newer ones.
Needs `make bench-tools`. With FLAML's two minutes a set, about forty minutes; `--only` takes
beginnings of names ("bpic2012, day 1", "leadforge advanced"), and with `--write-docs` what was not
run stays on the page as it was.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from parts.judging import (
    CAPACITY,
    LAW,
    MODEL,
    TRIALS,
    attained,
    draws_of,
    interval,
    judged,
    labels_of,
    with_settled,
)
from parts.model_page import page, section, slug
from parts.model_rivals import RIVALS, SLOW, STRONG, baseline, told_what_matters
from parts.model_sets import Problem, problems

from models import TunedModel, tune
from models.capacity import weekly_wins
from models.evaluation import FUTURE
from models.metrics import chance_error, reliability_table
from models.plots import reliability_plot

Floats = npt.NDArray[np.float64]
DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
METRICS = ("log_loss", "auc", "calibration_error")
TOLD, POINTS = "told what matters", "points scheme"


def compare(problem: Problem, rivals: list[str], images: Path | None) -> dict[str, Any]:
    """Fit everybody, judge them on the same draws of accounts, and return what came out.

    Parameters
    ----------
    problem : what to learn from and what to judge on.
    rivals : names in `RIVALS`.
    images : folder for the reliability plot; none is drawn where None.
    """
    forecasts, seconds = {}, {}
    started = time.perf_counter()
    tuned = tune(problem.past, trials=TRIALS)
    forecasts[MODEL] = tuned.model.probabilities(problem.test.values)[:, -1]
    seconds[MODEL] = time.perf_counter() - started
    for name in rivals:
        started = time.perf_counter()
        forecasts[name] = np.clip(RIVALS[name](problem.past, problem.test), 1e-6, 1 - 1e-6)
        seconds[name] = time.perf_counter() - started
    if images is not None:
        draw(problem, tuned, images)
    known = {} if problem.best is None else {LAW: problem.best}
    if problem.by_features:
        known = {TOLD: told_what_matters(problem.past, problem.test)} | known
    found = judged(problem, forecasts | known)
    best = min((each for each in rivals if each in STRONG), key=lambda n: found[n]["log_loss"][0])
    metadata = tuned.model.metadata
    return {
        "name": problem.name,
        "past": [len(problem.past), int(labels_of(problem.past).sum())],
        "test": [len(problem.test) + problem.settled, int(labels_of(problem.test).sum())],
        "settled": problem.settled,
        "chosen": metadata["chosen"],
        "parts": _parts(metadata["recipe"]),
        "calibration": metadata["calibration"][-1]["name"] if metadata["calibration"] else "none",
        "chance": list(chance_error(with_settled(problem, forecasts[MODEL]))),
        "seconds": {name: round(each) for name, each in seconds.items()},
        "figures": {n: {m: interval(each[m]) for m in METRICS} for n, each in found.items()},
        "gains": {
            name: interval(each["log_loss"] - found[MODEL]["log_loss"])
            for name, each in found.items()
            if name != MODEL
        },
        "best_rival": best,
        "attained": attained(found, MODEL) if known else None,
        "told": attained(found, TOLD) if TOLD in found else None,
        "wins": _wins(problem, forecasts | known) if problem.weekly else None,
    }


def _wins(problem: Problem, forecasts: dict[str, Floats]) -> dict[str, Any]:
    """Return the wins that a team reaches by each order of work, and ours beyond each."""
    forecasts = {**forecasts, POINTS: baseline(POINTS)(problem.past, problem.test)}
    y = labels_of(problem.test)
    weekly = weekly_wins(forecasts, y, problem.test, capacity=CAPACITY).set_index("order")
    columns = ["wins", "low", "high", "margin", "margin_low", "margin_high"]
    rows = weekly[columns].round().astype(int).to_numpy().tolist()
    return {
        "per_week": int(weekly["per_week"].iloc[0]),
        "orders": dict(zip(weekly.index, rows, strict=True)),
    }


def _parts(recipe: dict[str, Any]) -> list[list[Any]]:
    """Return what was mixed: each part in a word or two, and its weight."""
    told = []
    for part in recipe.get("parts", [recipe]):
        leaves = part.get("leaves")
        word = part["kind"] if leaves is None else f"trees of {leaves} leaves"
        told.append([word, part.get("weight", 1.0)])
    return told


def draw(problem: Problem, tuned: TunedModel, images: Path) -> None:
    """Draw the reliability of the model's forecasts of the test part."""
    p = tuned.model.probabilities(problem.test.values)[:, -1]
    table = reliability_table(p, labels_of(problem.test), draws_of(problem))
    told = table.assign(segment=FUTURE, horizon=problem.test.horizons[-1])
    figure = reliability_plot(replace(tuned.evaluation, reliability=told))
    figure.savefig(images / f"reliability-{slug(problem.name)}.svg", metadata={"Date": None})


def main() -> None:
    """Run every comparison that is asked for, print it, and put it on the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default="data", type=Path)
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of names of sets")
    parser.add_argument("--rivals", nargs="*", default=list(RIVALS), choices=list(RIVALS))
    parser.add_argument("--worlds", type=Path, help="folder that keeps simulated worlds")
    parser.add_argument("--plots-only", action="store_true", help="draw the plots, nothing else")
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=UserWarning)
    images = DOCS / "images" if options.write_docs or options.plots_only else None
    if images is not None:
        images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        kept = options.worlds or Path(scratch)
        asked = problems(options.data, kept, lambda n: n.startswith(tuple(options.only)))
        for problem in asked:
            if options.plots_only:
                draw(problem, tune(problem.past, trials=TRIALS), images)
                continue
            # With a known law there is nothing to find out by a long search of somebody else's.
            rivals = [each for each in options.rivals if not (problem.simulated and each in SLOW)]
            done = compare(problem, rivals, images)
            print(section(done), flush=True)
            if options.write_docs:
                _keep(done)


def _keep(done: dict[str, Any]) -> None:
    """Put one set's figures among those of the others, and write the page anew."""
    file = DOCS / "quality.json"
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    known[done["name"]] = done
    file.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    (DOCS / "quality.md").write_text(page(list(known.values())), "utf-8")


if __name__ == "__main__":
    main()
