"""The sets on which models are compared: what to learn from, what to judge on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from parts.stage_worlds import read_world, write_world
from parts.world_law import Law, best_forecast, seen_in

from features import Feature, TrainingSet, build_training_set
from features.audit import audit_table
from history import History, open_store, sample_company
from history.sources import read
from models.splits import forward_holdout

Floats = npt.NDArray[np.float64]
NOW = pd.Timestamp("2026-01-01", tz="UTC").as_unit("us")
_X_EDUCATION = "x_education, without leaks"
_SAMPLE = "sample company, seed"
SAMPLES = (7, 8, 11)
"""Seeds of the sample company."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One comparison.

    Parameters
    ----------
    name : of the set, with the age of the lead.
    past, test : the labels of both are known for the last horizon.
    best : what somebody who knows the law that made the data would forecast for `test`, where the
        law is known: in leadforge's worlds from what can be seen of each lead, in the sample
        company from what cannot be seen too.
    settled : leads that were known to be lost before they could be asked about. Nobody scores
        them; where the ceiling counts them, everybody is credited with knowing.
    """

    name: str
    past: TrainingSet
    test: TrainingSet
    best: Floats | None = None
    settled: int = 0

    @property
    def simulated(self) -> bool:
        """Whether a law made the data."""
        return self.best is not None

    @property
    def by_features(self) -> bool:
        """Whether it is known which features the law can be read from."""
        return self.name.startswith("leadforge")

    @property
    def weekly(self) -> bool:
        """Whether leads stand in a queue week by week: snapshots of every age, real dates."""
        return self.name.startswith(_SAMPLE)


Wanted = Callable[[str], bool]
"""Tells by its name whether a comparison is asked for; what is not is not built."""


def problems(data: Path, scratch: Path, wanted: Wanted) -> Iterator[Problem]:
    """Yield every comparison that is wanted and whose data are there."""
    for folder, horizons, ages, judged in (
        ("bpic2012", (7, 14, 30), (1, 3, 7, 14), (1, 7)),
        ("d365_challenge", (7, 30, 60), (1, 3, 7, 14, 30), (1, 7)),
    ):
        asked = [age for age in judged if wanted(f"{folder}, day {age}")]
        if asked and (data / folder).is_dir():
            history = _history(data / folder, scratch / f"{folder}.db")
            yield from _forward(folder, history, horizons, ages, asked)
    if wanted(_X_EDUCATION) and (data / "x_education").is_dir():
        yield _x_education(data / "x_education" / "Leads.csv")
    yield from _samples(wanted)
    yield from worlds(scratch, wanted)


def _history(source: Path, database: Path) -> History:
    store = open_store(f"sqlite:///{database}")
    store.ingest(read(source), now=NOW)
    return store.history()


def _forward(
    name: str,
    history: History,
    horizons: tuple[int, ...],
    ages: tuple[int, ...],
    judged: Sequence[int],
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
    return Problem(_X_EDUCATION, whole.take(rows < cut), whole.take(rows >= cut))


def _samples(wanted: Wanted) -> Iterator[Problem]:
    """Learn from the sample company's first snapshots, judge on the newest quarter, at all ages."""
    for seed in SAMPLES:
        if not wanted(name := f"{_SAMPLE} {seed}"):
            continue
        sample = sample_company(8_000, seed=seed)
        whole = build_training_set(sample.history)
        held = forward_holdout(whole, 0.25)
        past = whole.take(held.past(whole.labels, whole.horizons[-1]))
        test = whole.take(held.future() & whole.labels[whole.horizons[-1]].notna().to_numpy())
        yield Problem(name, past, test, sample.truth.probability(test.snapshots, test.horizons[-1]))


WORLDS = ((1, 5), (3, 5), (2, 18))
"""Seeds of worlds that obey the same law: to learn from, to judge on."""


def worlds(scratch: Path, wanted: Wanted, leads: int = 5_000) -> Iterator[Problem]:
    """Learn from so many leads of one world, judge on 20,000 of another with the same law."""
    for difficulty, with_stages in product(("intermediate", "advanced"), (False, True)):
        kept = "with stages" if with_stages else "public"
        for learned, judged in WORLDS:
            name = f"leadforge {difficulty}, {kept}, {learned} to {judged}"
            if not wanted(name):
                continue
            past, _ = _day_30(scratch, with_stages, difficulty, learned, leads)
            test, settled = _day_30(scratch, with_stages, difficulty, judged, 20_000, past.features)
            best = _of_the_law(
                _world(scratch, with_stages, difficulty, judged, 20_000), with_stages
            )
            known = best.loc[test.snapshots["lead_id"]].to_numpy(dtype=np.float64)
            yield Problem(name, past, test, known, settled)


def _world(scratch: Path, with_stages: bool, difficulty: str, seed: int, leads: int) -> Path:
    """Return the folder of a world, simulated where it is not there yet."""
    mode = "research_instructor" if with_stages else "student_public"
    out = scratch / f"{mode}-{difficulty}-{seed}-{leads}"
    if not out.exists():
        write_world(out, mode=mode, difficulty=difficulty, seed=seed, leads=leads)
    return out


@cache
def _of_the_law(world: Path, with_stages: bool) -> pd.Series:
    """Return the best forecast for every lead of a world at day 30, by lead."""
    law = np.load(world / "law.npz")
    leads, seen = seen_in(world, 30, with_stages=with_stages)
    law = Law(float(law["leave"]), law["touches"], law["chances"], int(law["days"]))
    return pd.Series(best_forecast(law, seen), index=leads)


def _day_30(
    scratch: Path,
    with_stages: bool,
    difficulty: str,
    seed: int,
    leads: int,
    features: tuple[Feature, ...] | None = None,
) -> tuple[TrainingSet, int]:
    """Return a world's open leads at day 30, and how many were known to be lost by then."""
    out = _world(scratch, with_stages, difficulty, seed, leads)
    store = open_store(f"sqlite:///{scratch / out.name}.db")
    store.ingest(read_world(out, with_stages=with_stages), now=NOW)
    history = store.history()
    whole = build_training_set(history, features=features, horizons=(60,), ages=(30,))
    lost = history.outcomes[history.outcomes["stage"] == "lost"]
    created = lost["lead_id"].map(history.leads.set_index("lead_id")["created_at"])
    early = lost["recorded_at"] < created + pd.Timedelta(days=30)
    return whole.take(whole.labels[60].notna().to_numpy()), int(early.sum())
