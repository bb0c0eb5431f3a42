"""A skewed history in Parquet files, for the benchmarks of features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from features import Feature, default_features
from history import History

START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
PLAIN = {"count", "sum", "days_since_last"}
"""Aggregates that every engine can be asked for."""
LONGER = (90, 180)
"""Windows, in days, that counts and sums of thirty days are asked for as well."""
KINDS = ["email_open", "email_click", "visit", "form", "call", "meeting", "webinar", "chat"]


def write_history(folder: Path, engagements: int) -> None:
    """Write a skewed history and its snapshots: five of every lead, one lead for 50 engagements."""
    random = np.random.default_rng(7)
    leads = max(20, engagements // 50)
    names = np.array([f"L{number:07d}" for number in range(leads)])
    weight = random.lognormal(0, 1.5, leads)
    weight[0] = weight.sum() / 50
    owner = random.choice(leads, engagements, p=weight / weight.sum())
    born = random.integers(0, 365 * 86_400_000_000, leads)
    ages = random.exponential(60 * 86_400_000_000, engagements).astype(np.int64)
    kind = random.choice(len(KINDS), engagements, p=np.arange(8, 0, -1) / 36)
    occurred = _instants(born[owner] + ages)
    late = pd.to_timedelta(np.where(random.random(engagements) < 0.03, 36, 0), unit="h")
    pd.DataFrame(
        {
            "engagement_id": [f"e{number:09d}" for number in range(engagements)],
            "lead_id": names[owner],
            "occurred_at": occurred,
            "recorded_at": occurred + late,
            "kind": pd.Categorical.from_codes(kind, KINDS),
            "team": pd.Categorical.from_codes((kind > 3).astype(int), ["marketing", "sales"]),
            "channel": pd.Categorical.from_codes(kind // 3, ["email", "web", "phone"]),
            "direction": pd.Categorical.from_codes(kind % 2, ["inbound", "outbound"]),
            "value": np.where(
                random.random(engagements) < 0.2, np.round(ages % 9999 / 100, 2), np.nan
            ),
        }
    ).to_parquet(folder / "engagements.parquet")
    accounts = [f"A{number // 3}" for number in range(leads)]
    born_at = _instants(born)
    pd.DataFrame({"lead_id": names, "created_at": born_at, "account_id": accounts}).to_parquet(
        folder / "leads.parquet"
    )
    parts = [
        pd.DataFrame({"lead_id": names, "as_of": born_at + pd.Timedelta(days=age)})
        for age in (3, 14, 30, 60, 120)
    ]
    pd.concat(parts, ignore_index=True).to_parquet(folder / "snapshots.parquet")


def _instants(micros: np.ndarray) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(micros, unit="us")).dt.as_unit("us")


def read_history(folder: Path) -> History:
    """Read the history from its files."""
    tables = {
        name: pd.read_parquet(folder / f"{name}.parquet") for name in ("leads", "engagements")
    }
    return History.from_frames(tables)


def asked_features(history: History) -> tuple[list[Feature], list[Feature]]:
    """Return about a hundred features: all of them, and those that every engine can be asked for.

    They are the default ones, and the same counts and sums over longer windows.
    """
    default = default_features(history)
    names = {each.name for each in default}
    longer = [
        replace(each, name=each.name.replace("30d", f"{days}d"), window_days=days)
        for days in LONGER
        for each in default
        if each.window_days == 30 and each.aggregate in PLAIN
    ]
    every = [*default, *(each for each in longer if each.name not in names)]
    plain = [each for each in every if each.source == "engagements" and each.aggregate in PLAIN]
    return every, plain
