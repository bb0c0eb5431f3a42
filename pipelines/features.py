"""`smarketing features`: the feature matrix of the leads open at an instant, or the catalogue."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features import compute_features, default_features, describe, open_leads
from pipelines import context, output
from settings import Settings


def run(settings: Settings, as_of: str, out: Path) -> pd.DataFrame:
    """Compute and write the features of every lead open at `as_of`.

    Raises
    ------
    ValueError : the time, the file or the history cannot be used.
    """
    output.check(out)
    moment = context.instant(as_of, "--as-of", settings.history.timezone)
    with context.working("reading the history") as (progress, task):
        history = context.history_of(settings, context.store_of(settings))
        snapshots = open_leads(history, moment)
        progress.update(task, description="computing features")
        matrix = compute_features(history, snapshots, default_features(history, moment))
    frame = pd.concat([matrix.snapshots, matrix.values.drop(columns="age_days")], axis=1)
    output.write(frame, out)
    context.note(f"{len(frame):,} open leads x {len(matrix.features)} features -> {out}")
    return frame


def catalogue(settings: Settings, *, as_json: bool = False) -> pd.DataFrame:
    """Print every declared feature in plain words."""
    history = context.history_of(settings, context.store_of(settings))
    table = describe(default_features(history))
    if as_json:
        context.print_json(table.astype(object).where(table.notna(), None).to_dict("records"))
    else:
        rows = table[["name", "label", "group", "unit"]].itertuples(index=False)
        context.print_table(
            f"{len(table)} features", ("name", "label", "group", "unit"), [tuple(r) for r in rows]
        )
    return table
