"""A memory is short where the company changed, and whole where it did not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.folds import Fitting, forecast_rows, make_folds
from models.memory import choose_memory
from models.search import tune
from models.splits import instants, recent

FITTING = Fitting(folds=3, workers=1)
DAY = 86_400_000_000


def turned(make, *, day):
    """Return a training set whose clicks meant nothing before a day: those of others stand there.

    What else tells something stays as it is.
    """
    made = make(leads=6000)
    known = made.take(made.labels[90].notna().to_numpy())
    began = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=day)
    early = (known.snapshots["as_of"] < began).to_numpy()
    clicks = known.values["clicks_30d"].to_numpy().copy()
    clicks[early] = np.random.default_rng(1).permutation(clicks[early])
    return replace(known, values=known.values.assign(clicks_30d=clicks))


@pytest.mark.parametrize("days", [1, 30, 90, None])
def test_recent_holds_the_newest_of_what_may_be_used(days):
    times = np.random.default_rng(2).integers(0, 300 * DAY, 500)
    usable = np.random.default_rng(3).random(500) < 0.5
    found = recent(times, usable, days)
    newest = max(time for time, may in zip(times, usable, strict=True) if may)
    held = [
        bool(may and (days is None or newest - time < days * DAY))
        for time, may in zip(times, usable, strict=True)
    ]
    assert found.tolist() == held


def test_nothing_usable_leaves_nothing():
    assert not recent(np.arange(5), np.zeros(5, dtype=bool), 30).any()


def test_what_changed_is_forgotten(make):
    memory = choose_memory(turned(make, day=200), 90, FITTING)
    assert memory.days in (90, 180)
    assert memory.losses[memory.days] < memory.losses[None]
    assert f"the newest {memory.days} days" in memory.note


def test_where_nothing_changed_all_is_remembered(make):
    memory = choose_memory(turned(make, day=0), 90, FITTING)
    assert set(memory.losses) == {None, 365, 180, 90}
    assert (memory.days, memory.note) == (None, "")


def test_no_memory_is_tried_that_holds_too_few_conversions(make):
    asked = replace(FITTING, min_boosting=10**6)
    assert choose_memory(turned(make, day=200), 90, asked).losses == {}


def test_memories_are_judged_on_the_same_rows(make):
    known = turned(make, day=200)
    whole, short = (make_folds(known, 90, replace(FITTING, memory_days=d), 900) for d in (None, 90))
    for ours, theirs in zip(whole, short, strict=True):
        assert np.array_equal(ours.leads, theirs.leads)
        assert np.array_equal(ours.y_test, theirs.y_test)


def test_a_fold_learns_from_its_memory_alone(make):
    known = turned(make, day=200)
    times, asked = instants(known), replace(FITTING, memory_days=90)
    everything = {horizon: np.ones(len(known), dtype=bool) for horizon in known.horizons}
    rows = forecast_rows(known, everything, asked)[90]
    assert len(rows) == 3
    for fold in rows:
        start = times[fold.test].min()
        newest = times[times + 90 * DAY <= start].max()
        assert times[fold.train].min() > newest - 90 * DAY
        assert times[fold.train].max() == newest


def test_the_report_says_what_was_forgotten(make):
    changed = turned(make, day=100)
    tuned = tune(changed, trials=3, workers=1)
    days = tuned.model.metadata["memory_days"]
    assert days in (90, 180)
    assert tuned.judged.metadata["memory_days"] == days
    assert f"the newest {days} days of known outcomes alone" in tuned.evaluation.notes[0]
    newest = changed.snapshots["as_of"].max()
    held = changed.snapshots["as_of"] > newest - pd.Timedelta(days=days)
    assert tuned.model.metadata["snapshots"] == int(held.sum())


def test_forecasts_come_in_the_order_of_time_whatever_that_of_the_rows(make):
    known = turned(make, day=0)
    mixed = known.take(np.random.default_rng(4).permutation(len(known)))
    everything = {horizon: np.ones(len(mixed), dtype=bool) for horizon in mixed.horizons}
    times = instants(mixed)
    asked = [fold.test for fold in forecast_rows(mixed, everything, FITTING)[90]]
    assert np.all(np.diff(times[np.concatenate(asked)]) >= 0)


def test_where_time_is_too_short_for_forward_folds_all_is_remembered(make):
    known = turned(make, day=200)
    times = instants(known)
    early = known.take(times < times.min() + 100 * DAY)
    asked = replace(FITTING, min_boosting=10)
    assert (early.labels[90] == 1).sum() > 100
    assert choose_memory(early, 90, asked).losses == {}
