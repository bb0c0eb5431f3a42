"""A hazard beside direct models: what it learns from, and when it is taken."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.finals import against_hazard
from models.folds import Fitting, forecast_folds, forecast_rows, hazard_forecasts
from models.hazard import comparable, contest, person_periods
from models.recipe import Recipe
from models.search import tune

FITTING = Fitting(folds=3, workers=1)


@given(st.lists(st.tuples(st.floats(0, 120), st.floats(0, 120)), min_size=1, max_size=30))
def test_person_periods_are_those_of_a_walk_through_each_life(lives):
    """Each life is a day of conversion and a day up to which it was watched."""
    horizons = (30, 60, 90)
    labels = pd.DataFrame(
        {
            h: [float(won < h) if watched >= h else np.nan for won, watched in lives]
            for h in horizons
        }
    )
    usable = {h: labels[h].notna().to_numpy() for h in horizons}
    rows, events = person_periods(labels, usable)
    wanted = []
    for start, end in zip((0, *horizons), horizons, strict=False):
        for row, (won, watched) in enumerate(lives):
            if watched >= end and won >= start:
                wanted.append((row, float(won < end)))
    assert list(zip(rows.tolist(), events.tolist(), strict=True)) == wanted


def test_only_periods_of_one_length_are_fitted_together():
    assert comparable((30, 60, 90))
    assert not comparable((30, 90))
    assert not comparable((90,))


def test_a_fold_learns_from_nothing_that_was_not_over_when_its_test_part_began(make):
    data = make(horizons=(30, 60, 90))
    usable = {h: data.labels[h].notna().to_numpy() for h in data.horizons}
    recipe = Recipe("logistic")
    rows = forecast_rows(data, usable, FITTING)
    found = hazard_forecasts(data, rows, usable, recipe, FITTING)
    # The same rows in the same order as the direct forecasts.
    direct = forecast_folds(data, rows, recipe, FITTING)
    for horizon in data.horizons:
        assert np.array_equal(found[horizon].labels, direct[horizon].labels)
        assert np.array_equal(found[horizon].groups, direct[horizon].groups)
    # What came after the last test part began changes nothing: labels there are turned over.
    times = data.snapshots["as_of"]
    last = times[usable[90]].sort_values().iloc[-1]
    late = (times + pd.Timedelta(days=30) > last).to_numpy()
    turned = data.labels.copy()
    turned.loc[late] = 1 - turned.loc[late]
    other = hazard_forecasts(
        type(data)(**{**vars(data), "labels": turned}), rows, usable, recipe, FITTING
    )
    assert np.array_equal(found[90].log_odds, other[90].log_odds)


def test_folds_of_all_horizons_begin_together_and_learn_what_was_over(make):
    data = make(horizons=(30, 60, 90))
    usable = {h: data.labels[h].notna().to_numpy() for h in data.horizons}
    times = data.snapshots["as_of"]
    rows = forecast_rows(data, usable, FITTING)
    starts = {h: [times.iloc[fold.test].min() for fold in rows[h]] for h in rows}
    ends = [times.iloc[fold.test].max() for fold in rows[90]]
    for horizon, folds in rows.items():
        assert len(folds) == FITTING.folds
        for number, fold in enumerate(folds):
            assert abs(starts[horizon][number] - starts[90][number]) < pd.Timedelta(days=2)
            over = times.iloc[fold.train] + pd.Timedelta(days=horizon)
            assert over.max() <= starts[90][number]
            assert usable[horizon][fold.train].all()
            assert usable[horizon][fold.test].all()
        for number in range(FITTING.folds - 1):
            assert times.iloc[folds[number].test].max() < starts[90][number + 1]
        # The last part of a shorter horizon goes on to the newest snapshot that is known.
        assert times.iloc[folds[-1].test].max() >= ends[-1]


def test_a_history_too_narrow_for_forward_folds_has_no_contest(make):
    data = make(horizons=(30, 60, 90))
    as_of = data.snapshots["as_of"]
    narrow = data.take((as_of - as_of.min() < pd.Timedelta(days=20)).to_numpy())
    usable = {h: narrow.labels[h].notna().to_numpy() for h in narrow.horizons}
    recipe = Recipe("boosting")
    rows = forecast_rows(narrow, usable, FITTING)
    direct = forecast_folds(narrow, rows, recipe, FITTING)
    assert len(direct[90].labels)
    assert hazard_forecasts(narrow, rows, usable, recipe, FITTING) is None
    few = Fitting(folds=3, workers=1, min_conversions=1)
    assert against_hazard(narrow, recipe, few, usable, rows, direct) == ((), direct)


def test_a_contest_is_won_by_more_than_chance_alone():
    rng = np.random.default_rng(1)
    truth = rng.normal(-2, 1.5, 4000)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-truth))).astype(float)
    groups = np.arange(4000).astype(str).astype(object)
    noise = rng.normal(0, 1.0, 4000)
    clear = contest(90, truth + noise, truth - 3.0, labels, groups)
    assert clear.won
    assert clear.hazard < clear.direct
    assert not contest(90, truth, truth - 3.0, labels, groups).won
    assert not contest(90, truth, truth + noise, labels, groups).won


@pytest.fixture(scope="module")
def young(make):
    """Return snapshots most of which were watched for little more than a month."""
    data = make(leads=4000, seed=5, level=-2.0, horizons=(30, 60, 90))
    as_of = data.snapshots["as_of"]
    begin = as_of.min()
    kept = ((as_of - begin).dt.days < 200) | ((as_of - begin).dt.days > 480)
    return data.take(kept.to_numpy())


def test_a_search_tells_of_its_contests_and_a_model_with_a_hazard_is_kept_whole(young, tmp_path):
    tuned = tune(young, trials=3, workers=1)
    told = tuned.model.metadata["hazard"]
    assert [each["horizon"] for each in told] == [30, 60, 90]
    shared = {each["horizon"] for each in told if each["won"]}
    one = {id(m.estimator) for m in tuned.model.models if m.horizon in shared}
    assert len(one) == min(1, len(shared))
    tuned.model.save(tmp_path / "model")
    again = type(tuned.model).load(tmp_path / "model")
    ours = tuned.model.probabilities(young.values)
    assert np.array_equal(again.probabilities(young.values), ours)
    assert (np.diff(ours, axis=1) >= 0).all()
