"""Held-out quality beside what else one could fit, on real data and on worlds of a known law.

    python benchmarks/model_quality.py DATA [--only NAME] [--write-docs]

DATA is a folder with bpic2012/, d365_challenge/ and x_education/; what is not there is left out.
Everybody learns from the same rows and columns of the past and forecasts the same newer ones.
Needs `make bench-tools`. With FLAML's two minutes a set, about forty minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import optuna
from parts.model_rivals import RIVALS, SLOW, STRONG, labels_of
from parts.model_sets import Problem, problems

from models import tune
from models.metrics import chance_error, figures, group_weights
from models.plots import evaluation_plots

DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
METRICS = {"log_loss": "log loss", "auc": "ROC-AUC", "calibration_error": "calibration error"}
MODEL = "smarketing"
TRIALS = 25
SETTLED = 0.001
"""What everybody forecasts for leads that are known to be lost."""


def compare(problem: Problem, rivals: list[str]) -> str:
    """Fit everybody, judge them on the same draws of accounts, and return the Markdown."""
    settled = np.full(problem.settled, SETTLED)
    y = np.append(labels_of(problem.test), np.zeros(problem.settled))
    groups = np.append(problem.test.groups, [f"settled {n}" for n in range(problem.settled)])
    forecasts, seconds = {}, {}
    started = time.perf_counter()
    tuned = tune(problem.past, trials=TRIALS)
    forecasts[MODEL] = tuned.model.probabilities(problem.test.values)[:, -1]
    seconds[MODEL] = time.perf_counter() - started
    for name in rivals:
        started = time.perf_counter()
        forecasts[name] = np.clip(RIVALS[name](problem.past, problem.test), 1e-6, 1 - 1e-6)
        seconds[name] = time.perf_counter() - started
    weights = group_weights(groups, 200, 7)
    found = {name: figures(np.append(p, settled), y, weights, 0.1) for name, p in forecasts.items()}
    lines = [
        f"## {problem.name}\n",
        f"{len(problem.past):,} snapshots to learn from, {int(labels_of(problem.past).sum()):,} "
        f"converted; judged on {len(y):,}, {int(y.sum()):,} converted. Chosen: "
        f"{tuned.model.metadata['chosen']}, calibration "
        f"{', '.join(each['name'] for each in tuned.model.metadata['calibration'][-1:])}.\n",
        "| | " + " | ".join(METRICS.values()) + " | model's gain in log loss | seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, draws in found.items():
        cells = [_interval(draws[metric]) for metric in METRICS]
        gain = "" if name == MODEL else _interval(draws["log_loss"] - found[MODEL]["log_loss"])
        lines.append(f"| {name} | {' | '.join(cells)} | {gain} | {seconds[name]:.0f} |")
    mean, low, high = chance_error(np.append(forecasts[MODEL], settled))
    lines.append(
        f"\nA forecast that is exactly right would show a calibration error of {mean:.4f} "
        f"({low:.4f} to {high:.4f}) on these rows, by chance alone."
    )
    strong = [name for name in rivals if name in STRONG]
    if strong:
        best = min(strong, key=lambda name: found[name]["log_loss"][0])
        gap = found[best]["log_loss"] - found[MODEL]["log_loss"]
        lines.append(f"\nAgainst the best of these ({best}): {_interval(gap)} of log loss gained.")
    if problem.settled:
        lines.append(f"\n{problem.settled:,} leads known to be lost count with {SETTLED} for all.")
    if problem.ceiling:
        auc, loss = problem.ceiling
        reached = (found[MODEL]["auc"][0] - 0.5) / (auc - 0.5)
        lines.append(
            f"\nThe law itself has ROC-AUC {auc} and log loss {loss}: {reached:.0%} of the "
            "attainable ranking reached."
        )
    drawn = evaluation_plots(tuned.evaluation)
    if (DOCS / "images").is_dir() and "reliability" in drawn:
        slug = "".join(c if c.isalnum() else "-" for c in problem.name.lower())
        drawn["reliability"].savefig(
            DOCS / "images" / f"reliability-{slug}.svg", metadata={"Date": None}
        )
    return "\n".join(lines) + "\n"


def _interval(draws: np.ndarray) -> str:
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return f"{draws[0]:.4f} ({low:.4f} to {high:.4f})"


def main() -> None:
    """Run every comparison and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default="data", type=Path)
    parser.add_argument("--only", help="bpic2012, d365_challenge, x_education or leadforge")
    parser.add_argument("--rivals", nargs="*", default=list(RIVALS), choices=list(RIVALS))
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=UserWarning)
    texts = []
    if options.write_docs:
        (DOCS / "images").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for problem in problems(options.data, Path(scratch), options.only):
            # With a known law there is nothing to find out by a long search of somebody else's.
            rivals = [each for each in options.rivals if not (problem.simulated and each in SLOW)]
            texts.append(compare(problem, rivals))
            print(texts[-1], flush=True)
    if options.write_docs:
        head = "# Quality of the models\n\n`python benchmarks/model_quality.py DATA --write-docs`\n"
        (DOCS / "quality.md").write_text("\n".join([head, *texts]))


if __name__ == "__main__":
    main()
