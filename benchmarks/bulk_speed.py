"""Speed of bulk scores beside raw LightGBM, in one run.

    python benchmarks/bulk_speed.py [--snapshots N] [--write-docs]

A million snapshots are scored page by page: features from the history, codes of categories,
log-odds of every horizon, calibration, percentile and grade. Exact contributions of the same rows
are timed for themselves. Raw LightGBM is its own
`Booster.predict` of the same trees on the same rows, encoded beforehand, on as many threads.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from parts.serving_installation import NOW, make_history

from features import FeatureEngine, build_training_set, default_features
from history import History
from models import ConversionModel, score
from models.boosting import SmallBoosting
from models.fitting import fit_model
from models.folds import Fitting, forecast_folds, forecast_rows
from models.recipe import Recipe
from settings.settings import GradeSettings

DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
LEADS, PAGE, THREADS = 2_000, 50_000, 2


def boosted(history: History) -> ConversionModel:
    """Fit boosted trees, the only kind that raw LightGBM can be asked for."""
    training_set = build_training_set(history, default_features(history), ages=(3, 30))
    recipe, fitting = Recipe("boosting"), Fitting(folds=2, min_conversions=10)
    usable = {h: training_set.labels[h].notna().to_numpy() for h in training_set.horizons}
    rows = forecast_rows(training_set, usable, fitting)
    forecasts = forecast_folds(training_set, rows, recipe, fitting)
    return fit_model(training_set, recipe, forecasts, fitting, until=training_set.observed_until)


def pages(history: History, snapshots: int) -> Iterator[pd.DataFrame]:
    """Yield snapshots of random leads at random instants after their creation."""
    random = np.random.default_rng(7)
    created = history.leads["created_at"]
    for first in range(0, snapshots, PAGE):
        chosen = random.integers(0, len(created), min(PAGE, snapshots - first))
        after = pd.to_timedelta(random.uniform(1, 99, len(chosen)), unit="D")
        born = created.take(chosen).reset_index(drop=True)
        yield pd.DataFrame(
            {
                "lead_id": history.leads["lead_id"].take(chosen).to_numpy(),
                "as_of": (born + after).dt.as_unit("us").clip(upper=NOW),
            }
        )


def boosters(model: ConversionModel) -> list[lgb.Booster]:
    """Return LightGBM's own boosters of the horizons."""
    found = []
    for each in model.models:
        if not isinstance(each.estimator, SmallBoosting):
            raise SystemExit(f"the model of {each.horizon} days is no boosting: nothing to compare")
        found.append(lgb.Booster(model_str=each.estimator.text_))
    return found


def measure(history: History, model: ConversionModel, snapshots: int) -> dict[str, float]:
    """Return the seconds of each part, for all pages together."""
    engine, raw = FeatureEngine(history, model.features), boosters(model)
    spent = {"features": 0.0, "scores": 0.0, "contributions": 0.0, "raw LightGBM": 0.0}
    for page in pages(history, snapshots):
        begun = time.perf_counter()
        matrix = engine.compute(page)
        computed = time.perf_counter()
        scores = score(model, matrix, grades=GradeSettings(), top_reasons=0)
        scored = time.perf_counter()
        spent["features"] += computed - begun
        spent["scores"] += scored - computed
        encoded = model.encode(matrix.values)
        begun = time.perf_counter()
        odds = [each.predict(encoded, raw_score=True, num_threads=THREADS) for each in raw]
        spent["raw LightGBM"] += time.perf_counter() - begun
        begun = time.perf_counter()
        model.primary.estimator.contributions(encoded)
        spent["contributions"] += time.perf_counter() - begun
        check(model, odds, scores.frame[f"probability_{model.horizons[-1]}d"].to_numpy())
    return spent


def check(
    model: ConversionModel, odds: list[npt.NDArray[np.float64]], chances: npt.NDArray[np.float64]
) -> None:
    """Hold ours against LightGBM's own, calibrated the same way."""
    line = model.primary.calibrator.calibrate(odds[-1])
    np.testing.assert_allclose(chances, 1 / (1 + np.exp(-line)), rtol=1e-9)


def page_of(spent: dict[str, float], model: ConversionModel, snapshots: int) -> str:
    """Return the page for the documentation."""
    names = {
        "features": "features",
        "scores": "scores from features",
        "contributions": "exact contributions of every feature, last horizon",
        "raw LightGBM": "raw LightGBM, trees alone",
    }
    rows = "\n".join(
        f"| {words} | {spent[name]:.1f} | {snapshots / spent[name]:,.0f} |"
        for name, words in names.items()
    )
    return f"""# Speed of bulk scores

{__doc__.split("--write-docs]", 1)[1].strip()}

`python benchmarks/bulk_speed.py --write-docs` runs it: {snapshots:,} snapshots with
{len(model.features)} features and {len(model.horizons)} horizons, {THREADS} threads, on
{os.cpu_count()} shared cores of {platform.machine()}.

| part | seconds | rows a second |
|---|---:|---:|
{rows}

| ratio | this run | goal |
|---|---|---|
| rate of scores to raw LightGBM's | {spent["raw LightGBM"] / spent["scores"]:.0%} | at least 60 % |
| contributions, rows a second | {snapshots / spent["contributions"]:,.0f} | at least 20,000 |
"""


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", type=int, default=1_000_000)
    parser.add_argument("--write-docs", action="store_true")
    options, _ = parser.parse_known_args()
    history = make_history(LEADS)
    model = boosted(history)
    measure(history, model, min(options.snapshots, PAGE))  # compiled code is made ready
    spent = measure(history, model, options.snapshots)
    text = page_of(spent, model, options.snapshots)
    print(text)
    if options.write_docs:
        DOCS.mkdir(exist_ok=True)
        (DOCS / "bulk.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
