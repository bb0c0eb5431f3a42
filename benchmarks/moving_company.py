"""What models promise of the four weeks after their training, in a company that moves.

    python benchmarks/moving_company.py [--seeds 7 8 11 13 17] [--write-docs]

Sample companies are trained on at three dates each, and what is promised of the leads of the next
four weeks is held against the company's law. Told the time or not, and calibrated in several ways;
one recipe for all, nothing is searched. About twelve minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from features import build_training_set, compute_features
from history import sample_company
from history.sample import Sample
from models.calibration import FITTERS, choose_calibration, fit_moving, fit_platt
from models.fitting import fit_model
from models.folds import Fitting, forecast_folds, forecast_rows
from models.metrics import log_losses
from models.recipe import Mixture, Recipe

Floats = npt.NDArray[np.float64]
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "moving.md"
SEEDS = (7, 8, 11, 13, 17)
START, DAYS = pd.Timestamp("2024-11-27", tz="UTC"), 730
TRAINED_AFTER = (430, 530, 630)
RECIPE = Mixture(
    (
        Recipe("logistic", C=0.02),
        Recipe("boosting", rounds=150, learning_rate=0.05, leaves=2),
        Recipe("boosting", rounds=80, learning_rate=0.05, leaves=6),
    ),
    (0.34, 0.33, 0.33),
)
OURS = "told, moving"
HEAD = f"""# A company that moves

`python benchmarks/moving_company.py --write-docs`

The sample company's sales team falls behind, and what behaviour means moves with it. Sample
companies ({len(SEEDS)} seeds) are trained on after {", ".join(map(str, TRAINED_AFTER))} days; what
is promised of the leads of the next four weeks is held against the company's law, which says how
likely each of them is to convert. *Promised* is what was promised in all over what the law expects
(geometric mean of the trainings), *off by* the mean factor by which it was missed either way. The
law knows a lead's interest and its buying project; nobody else can.

What is used is *{OURS}*: the slope of the Platt map, and a quarter of what it does to the level
([decision 12](../decisions/0012-clock.md)).
"""


def forecasts(sample: Sample, until: pd.Timestamp) -> Iterator[tuple[int, str, Floats, Floats]]:
    """Yield horizon, way, forecasts and the law's own of the leads of the next four weeks."""
    known = build_training_set(sample.history.known_before(until), until=until)
    later = build_training_set(sample.history).snapshots
    later = later[(later["as_of"] > until) & (later["as_of"] <= until + pd.Timedelta(days=28))]
    later = later[["lead_id", "as_of"]].reset_index(drop=True)
    values = compute_features(sample.history, later, known.features).values
    usable = {each: known.labels[each].notna().to_numpy() for each in known.horizons}
    for told in (False, True):
        fitting = replace(Fitting(), clock=told)
        rows = forecast_rows(known, usable, fitting)
        unseen = forecast_folds(known, rows, RECIPE, fitting)
        model = fit_model(known, RECIPE, unseen, fitting, until=until)
        X = model.encode(values)
        for part in model.models:
            seen, raw = unseen[part.horizon], part.estimator.decision_function(X)
            law = sample.truth.probability(later, part.horizon)
            chosen = choose_calibration(seen.log_odds, seen.labels, seen.groups).name
            ways = {"left alone": FITTERS["none"], "Platt": fit_platt, "chosen": FITTERS[chosen]}
            ways |= {"moving": fit_moving} if told else {}
            for name, fit in ways.items():
                p = expit(fit(seen.log_odds, seen.labels).calibrate(raw))
                yield part.horizon, f"{'told' if told else 'not told'}, {name}", p, law


def measured(seeds: list[int]) -> pd.DataFrame:
    """Return one row a training, horizon and way: its log loss, and promised over expected."""
    rows = []
    for seed in seeds:
        sample = sample_company(8_000, seed=seed, start=str(START.date()), days=DAYS)
        for day in TRAINED_AFTER:
            for horizon, way, p, law in forecasts(sample, START + pd.Timedelta(days=day)):
                loss = law * log_losses(p, np.ones(len(p))) + (1 - law) * log_losses(
                    p, np.zeros(len(p))
                )
                rows.append((seed, day, horizon, way, loss.mean(), np.log(p.sum() / law.sum())))
            print(f"seed {seed}, day {day} done", flush=True)
    return pd.DataFrame(rows, columns=["seed", "day", "horizon", "way", "log_loss", "missed"])


def page(found: pd.DataFrame) -> str:
    """Return one table a horizon as Markdown."""
    lines = [HEAD]
    for horizon, part in found.groupby("horizon"):
        lines += [f"## Within {horizon} days\n", "| | log loss | promised | off by |"]
        lines += ["| --- | ---: | ---: | ---: |"]
        for way, each in part.groupby("way", sort=False):
            cells = each["log_loss"].mean(), np.exp(each["missed"].mean())
            off = np.exp(each["missed"].abs().mean())
            lines.append(f"| {way} | {cells[0]:.4f} | {cells[1]:.0%} | {off:.2f} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and put it on the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="not needed: the company is simulated")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    told = page(measured(options.seeds))
    print(told)
    if options.write_docs:
        PAGE.write_text(told, "utf-8")


if __name__ == "__main__":
    main()
