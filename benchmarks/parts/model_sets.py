"""The sets on which models are compared: what to learn from, what to judge on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features import Feature, TrainingSet, build_training_set
from features.audit import audit_table
from history import History, open_store
from history.sources import read
from models.splits import forward_holdout

NOW = pd.Timestamp("2026-01-01", tz="UTC").as_unit("us")


@dataclass(frozen=True, eq=False)
class Problem:
    """One comparison.

    Parameters
    ----------
    name : of the set, with the age of the lead.
    past, test : the labels of both are known for the last horizon.
    ceiling : ROC-AUC and log loss of the law that made the data, where it is known.
    """

    name: str
    past: TrainingSet
    test: TrainingSet
    ceiling: tuple[float, float] | None = None


def problems(data: Path, scratch: Path, only: str | None) -> Iterator[Problem]:
    """Yield every comparison whose data are there."""
    for folder, horizons, ages, judged in (
        ("bpic2012", (7, 14, 30), (1, 3, 7, 14), (1, 7)),
        ("d365_challenge", (7, 30, 60), (1, 3, 7, 14, 30), (1, 7)),
    ):
        if only in (None, folder) and (data / folder).is_dir():
            history = _history(data / folder, scratch / f"{folder}.db")
            yield from _forward(folder, history, horizons, ages, judged)
    if only in (None, "x_education") and (data / "x_education").is_dir():
        yield _x_education(data / "x_education" / "Leads.csv")
    if only in (None, "leadforge"):
        yield from _leadforge(scratch)


def _history(source: Path, database: Path) -> History:
    store = open_store(f"sqlite:///{database}")
    store.ingest(read(source), now=NOW)
    return store.history()


def _forward(
    name: str,
    history: History,
    horizons: tuple[int, ...],
    ages: tuple[int, ...],
    judged: tuple[int, ...],
) -> Iterator[Problem]:
    """Learn from all ages, judge on the newest quarter at one age, with a gap of one horizon."""
    whole = build_training_set(history, horizons=horizons, ages=ages)
    held = forward_holdout(whole, 0.25)
    past = whole.take(held.past(whole.labels, horizons[-1]))
    known = held.future() & whole.labels[horizons[-1]].notna().to_numpy()
    for age in judged:
        at = np.isclose(whole.snapshots["age_days"].to_numpy(), age, atol=0.51)
        yield Problem(f"{name}, day {age}", past, whole.take(known & at))


def _x_education(file: Path) -> Problem:
    """Learn from the first three quarters in the order of their numbers, without what leaks."""
    frame = pd.read_csv(file).sort_values("Lead Number", ignore_index=True)
    report = audit_table(frame, outcome="Converted", key="Prospect ID", order="Lead Number")
    leaks = {finding.where.removeprefix("leads.") for finding in report.leaks}
    names = [c for c in frame if c not in {*leaks, "Converted", "Prospect ID", "Lead Number"}]
    values = frame[names].replace("Select", np.nan)
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(values[name].dtype)]
    features = tuple(
        Feature(name, name, "lead", "attribute", column=name, categorical=name not in numbers)
        for name in names
    )
    # Numbers rise with creation and there are no dates: an hour a lead stands for the order.
    as_of = pd.Series(NOW + pd.to_timedelta(np.arange(len(frame)), unit="h")).dt.as_unit("us")
    ids = frame["Prospect ID"].astype("str")
    labels = pd.DataFrame({1: frame["Converted"].astype("float64")})
    whole = TrainingSet(
        snapshots=pd.DataFrame(
            {"lead_id": ids, "as_of": as_of, "account_id": pd.NA, "age_days": 0.0}
        ),
        values=values.astype(dict.fromkeys(numbers, "float64")),
        features=features,
        labels=labels,
        days_to_conversion=np.where(labels[1] == 1, 0.5, np.nan),
        days_observed=np.full(len(frame), 1.0),
        groups=ids.to_numpy(dtype=object),
        target="won",
        observed_until=as_of.iloc[-1] + pd.Timedelta(days=2),
        history_digest="x_education",
        definitions_digest="x_education",
    )
    cut = len(frame) * 3 // 4
    rows = np.arange(len(frame))
    return Problem("x_education, without leaks", whole.take(rows < cut), whole.take(rows >= cut))


CEILINGS = {
    "student_public": {"intermediate": (0.654, 0.488)},
    "research_instructor": {"intermediate": (0.688, 0.472)},
}
"""ROC-AUC and log loss of the true law at day 30: of what the public tables show, and of what a
CRM shows that keeps the history of stages."""


def _leadforge(scratch: Path) -> Iterator[Problem]:
    """Learn from 5,000 leads of one world, judge on 20,000 of another with the same law."""
    for mode, ceilings in CEILINGS.items():
        for difficulty, ceiling in ceilings.items():
            for learned, judged in ((1, 5), (3, 5), (2, 18)):
                past = _world(scratch, mode, difficulty, learned, 5_000)
                test = _world(scratch, mode, difficulty, judged, 20_000)
                known = build_training_set(past, horizons=(60,), ages=(30,))
                asked = build_training_set(
                    test, features=known.features, horizons=(60,), ages=(30,)
                )
                kept = known.labels[60].notna().to_numpy()
                name = f"leadforge {difficulty}, {mode.split('_')[1]}, {learned} to {judged}"
                chosen = asked.take(asked.labels[60].notna().to_numpy())
                yield Problem(name, known.take(kept), chosen, ceiling)


def _world(scratch: Path, mode: str, difficulty: str, seed: int, leads: int) -> History:
    out = scratch / f"{mode}-{difficulty}-{seed}-{leads}"
    if not out.exists():
        command = [str(Path(sys.executable).with_name("leadforge")), "generate"]
        command += ["-r", "b2b_saas_procurement_v1", "--seed", str(seed), "--mode", mode]
        command += ["--difficulty", difficulty, "--n-leads", str(leads), "--out", str(out)]
        subprocess.run(command, check=True, capture_output=True)
    return _history(out, scratch / f"{out.name}.db")
