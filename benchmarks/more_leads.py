"""How much of what a law allows is reached with four times as many leads to learn from.

    python benchmarks/more_leads.py [--leads 5000 20000] [--only NAME ...] [--write-docs]

The worlds of `model_quality.py`, whose law is known, with the same search and the same leads to be
judged on; only the number of leads that are learned from differs. About half an hour.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import optuna
import pandas as pd
from parts.judging import LAW, MODEL, TRIALS, attained, judged, labels_of
from parts.model_sets import Problem, worlds

from models import tune

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "leads.md"
LEADS = (5_000, 20_000)
GOAL = 0.95
HEAD = """# How many leads a law takes

`python benchmarks/more_leads.py --write-docs`

In leadforge's worlds the law is known, and with it what anybody could reach with what can be seen
of each lead ([quality](quality.md)). The same search learns here from ever more leads of the same
world, and is judged on the same 20,000 leads of another. *Attained* is (AUC - 0.5) / (the law's
AUC - 0.5), its interval the central 95 % of 200 draws of whole accounts; *leads* are those still
open at day 30, *conversions* what came of them; *lost* is the log loss beyond the law's own.
"""


def measured(problem: Problem, asked: int) -> dict[str, object]:
    """Return what is reached on one world, as a row of the table.

    Parameters
    ----------
    problem : the world.
    asked : how many leads it was made of; those that are over by day 30 are not learned from.
    """
    p = tune(problem.past, trials=TRIALS).model.probabilities(problem.test.values)[:, -1]
    found = judged(problem, {MODEL: p, LAW: problem.best})
    share, low, high = attained(found, MODEL)
    return {
        "world": problem.name.removeprefix("leadforge "),
        "asked": asked,
        "leads": len(problem.past),
        "conversions": int(labels_of(problem.past).sum()),
        "attained": share,
        "interval": f"{low:.0%} to {high:.0%}",
        "lost": found[MODEL]["log_loss"][0] - found[LAW]["log_loss"][0],
    }


def page(found: pd.DataFrame) -> str:
    """Return the table as Markdown, the sizes of a world under each other."""
    lines = [
        HEAD,
        "| world | leads | conversions | attained | lost |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['world']} | {row['leads']:,} | {row['conversions']:,} "
        f"| {row['attained']:.0%} ({row['interval']}) | {row['lost']:.4f} |"
        for row in found.sort_values(["world", "leads"]).to_dict("records")
    ]
    told = [
        f"From {asked:,} leads {part.mean():.0%} is reached on average, "
        f"{(part >= GOAL).sum()} of {len(part)} worlds reach {GOAL:.0%}."
        for asked, part in found.groupby("asked")["attained"]
    ]
    return "\n".join([*lines, "", *told, ""])


def main() -> None:
    """Measure, print, and put it on the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="not needed: the worlds are simulated")
    parser.add_argument("--leads", nargs="+", type=int, default=list(LEADS))
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of names of worlds")
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=UserWarning)
    only = tuple(f"leadforge {each}" for each in options.only)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for leads in options.leads:
            for problem in worlds(Path(scratch), lambda name: name.startswith(only), leads):
                rows.append(measured(problem, leads))
                print(rows[-1], flush=True)
    told = page(pd.DataFrame(rows))
    print(told)
    if options.write_docs:
        PAGE.write_text(told, "utf-8")


if __name__ == "__main__":
    main()
