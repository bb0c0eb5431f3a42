"""A model is told the time where the company moves, and only there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier

from models.clock import choose_clock
from models.conversion import ConversionModel
from models.folds import Fitting, forecast_rows, make_folds
from models.recipe import Recipe
from models.search import tune
from models.splits import instants

FITTING = Fitting(folds=3, workers=1)
BEGAN = pd.Timestamp("2024-01-01", tz="UTC")


def turned(make, *, day):
    """Return a training set whose clicks meant nothing before a day: those of others stand there.

    What else tells something stays as it is.
    """
    made = make(leads=6000)
    known = made.take(made.labels[90].notna().to_numpy())
    early = (known.snapshots["as_of"] < BEGAN + pd.Timedelta(days=day)).to_numpy()
    clicks = known.values["clicks_30d"].to_numpy().copy()
    clicks[early] = np.random.default_rng(1).permutation(clicks[early])
    return replace(known, values=known.values.assign(clicks_30d=clicks))


def test_a_company_that_moves_is_seen(make):
    clock = choose_clock(turned(make, day=200), 90, FITTING)
    assert clock.told
    assert clock.with_it < clock.without
    assert f"{clock.with_it:.4f}, without {clock.without:.4f}" in clock.note


def test_where_nothing_moves_no_time_is_told(make):
    clock = choose_clock(turned(make, day=0), 90, FITTING)
    assert not clock.told
    assert np.isfinite([clock.without, clock.with_it]).all()
    assert clock.note == ""


def test_too_few_conversions_for_trees_are_not_asked(make):
    clock = choose_clock(turned(make, day=200), 90, replace(FITTING, min_boosting=10**6))
    assert (clock.told, clock.note) == (False, "")
    assert np.isnan(clock.with_it)


def test_where_time_is_too_short_for_forward_folds_it_is_not_asked(make):
    known = turned(make, day=200)
    times = instants(known)
    early = known.take(times < times.min() + 100 * 86_400_000_000)
    asked = replace(FITTING, min_boosting=10)
    assert (early.labels[90] == 1).sum() > 100
    assert np.isnan(choose_clock(early, 90, asked).with_it)


def test_a_fold_with_a_clock_has_the_same_rows_and_the_time_beside_them(make):
    known = turned(make, day=200)
    everything = {horizon: np.ones(len(known), dtype=bool) for horizon in known.horizons}
    rows = forecast_rows(known, everything, FITTING)[90]
    plain, told = (make_folds(known, 90, replace(FITTING, clock=c)) for c in (False, True))
    assert len(plain) == len(told) == len(rows) == 3
    for one, other, of in zip(plain, told, rows, strict=True):
        assert np.array_equal(one.X, other.X[:, :-1], equal_nan=True)
        assert np.array_equal(one.X_test, other.X_test[:, :-1], equal_nan=True)
        assert not other.X_test[:, -1].any()
        days = (instants(known)[of.train] - instants(known)[of.train].max()) / 86_400_000_000
        np.testing.assert_allclose(other.X[:, -1] * 91, days, rtol=0, atol=1e-9)


def test_a_model_that_was_told_the_time_follows_what_moved(make, tmp_path):
    changed = turned(make, day=100)
    tuned = tune(changed, trials=3, workers=1)
    model = tuned.model
    assert model.metadata["clock"] is tuned.judged.metadata["clock"] is True
    assert tuned.evaluation.notes[0].startswith("This company moves: a model that knows")
    assert {each["name"] for each in model.metadata["calibration"]} == {"moving"}
    assert model.metadata["hazard"] == []
    model.save(tmp_path / "model")
    again = ConversionModel.load(tmp_path / "model")
    assert np.array_equal(again.probabilities(changed.values), model.probabilities(changed.values))
    shares = model.contributions(changed.values)
    assert list(shares) == [*model.names, "base"]
    chances = model.primary.log_odds(model.encode(changed.values))
    np.testing.assert_allclose(shares.sum(axis=1), chances, rtol=0, atol=1e-9)


def test_a_level_that_moves_is_followed_further_than_without_a_clock(make):
    """Half of all leads stop converting on a day: what is promised afterwards is what comes."""
    made = make(leads=6000)
    known = made.take(made.labels[90].notna().to_numpy())
    late = (known.snapshots["as_of"] >= BEGAN + pd.Timedelta(days=120)).to_numpy()
    lost = late & (np.random.default_rng(2).random(len(known)) < 0.5)
    label = known.labels[90].where(~lost, 0.0)
    moved = replace(known, labels=known.labels.assign(**{"90": label}).drop(columns=90))
    moved.labels.columns = known.labels.columns
    recipe, test = Recipe("blend", rounds=60), {}
    for told in (False, True):
        fold = make_folds(moved, 90, replace(FITTING, clock=told))[-1]
        ways = (*(feature.monotone for feature in known.features), *([0] if told else []))
        model = recipe.estimator(fold.categorical, ways, 7).fit(fold.X, fold.y)
        promised = expit(model.decision_function(fold.X_test)).mean()
        test[told] = abs(promised - fold.y_test.mean())
    assert test[True] < 0.5 * test[False]


@pytest.mark.parametrize("told", [False, True])
def test_forecasts_come_in_the_order_of_time_whatever_that_of_the_rows(make, told):
    known = turned(make, day=0)
    mixed = known.take(np.random.default_rng(4).permutation(len(known)))
    everything = {horizon: np.ones(len(mixed), dtype=bool) for horizon in mixed.horizons}
    times = instants(mixed)
    rows = forecast_rows(mixed, everything, replace(FITTING, clock=told))[90]
    assert np.all(np.diff(times[np.concatenate([fold.test for fold in rows])]) >= 0)


def test_a_plugged_classifier_is_told_the_time_as_well(make):
    tuned = tune(
        turned(make, day=100),
        trials=2,
        workers=1,
        candidates={"forest": HistGradientBoostingClassifier(max_iter=30, random_state=1)},
    )
    values = tuned.model.probabilities(turned(make, day=100).values)
    assert np.isfinite(values).all()
