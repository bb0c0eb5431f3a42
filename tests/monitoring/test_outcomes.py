"""Promises are judged when they are due, by leads, and early guesses meet the truth."""

from __future__ import annotations

import pandas as pd
import pytest

from features import open_leads
from history import sample_company
from monitoring import compare_promises, early_estimates, reconcile
from monitoring.promises import early_words, told

WEEK = pd.Timedelta(days=7)


@pytest.fixture(scope="module")
def company():
    return sample_company(4000, seed=5, engagements_per_lead=2)


@pytest.fixture(scope="module")
def scores(company):
    """Return what a perfect observer would have promised, at thirty weekly runs."""
    end = company.history.observed_until
    snapshots = pd.concat(
        [open_leads(company.history, end - week * WEEK) for week in range(5, 35, 2)],
        ignore_index=True,
    )
    return snapshots.assign(probability_30d=company.truth.probability(snapshots, 30))


def test_the_truth_keeps_its_promise(company, scores):
    # A win that was written down late leaves its lead open: no promise is made for it.
    due = scores[scores["probability_30d"] < 1.0]
    told = compare_promises(
        due, company.history, company.history.observed_until, horizon=30, confidence=0.999
    )
    assert told.ratio_interval[0] < 1.0 < told.ratio_interval[1]
    assert told.lift_interval[0] > 3.0
    assert told.lift_interval[0] < told.lift < told.lift_interval[1]
    assert told.cohorts["realised"].sum() == told.realised
    assert told.calibration["promised"].is_monotonic_increasing


def test_a_promise_twice_too_high_is_seen(company, scores):
    boast = scores.assign(probability_30d=2 * scores["probability_30d"])
    told = compare_promises(boast, company.history, company.history.observed_until, horizon=30)
    assert told.ratio_interval[1] < 0.7


def test_promises_that_are_not_due_are_left_out(company, scores):
    now = company.history.observed_until - 20 * WEEK
    told = compare_promises(scores, company.history, now, horizon=30)
    assert told.cohorts["as_of"].max() <= now - pd.Timedelta(days=30)
    first = scores["as_of"].min()
    assert compare_promises(scores, company.history, first + WEEK, horizon=30) is None


def test_early_estimates_are_reconciled_with_the_truth(company, scores):
    now = company.history.observed_until - 12 * WEEK
    early = early_estimates(scores, company.history, now, horizon=30)
    late = early_estimates(scores, company.history, company.history.observed_until, horizon=30)
    assert late["mature"].all()
    assert (late["estimate"] == late["so_far"]).all()
    both = early[~early["mature"]].merge(late, on="as_of", suffixes=("", "_final"))
    assert len(both) >= 2
    assert both["so_far_final"].between(both["low"], both["high"]).all()
    assert (both["so_far"] <= both["so_far_final"]).all()
    assert both["arrived"].between(0, 1, inclusive="neither").all()


def test_early_estimates_are_made_again_as_they_stood(company, scores):
    history, now = company.history, company.history.observed_until
    found = reconcile(scores, history, now, horizon=30)
    assert len(found) == 12
    for row in found.itertuples():
        assert row.estimated_at == row.as_of + pd.Timedelta(days=10)
        then = early_estimates(
            scores, history.known_before(row.estimated_at), row.estimated_at, horizon=30
        ).set_index("as_of")
        assert then.loc[row.as_of, ["estimate", "low", "high"]].tolist() == [
            row.estimate, row.low, row.high,
        ]  # fmt: skip
        assert row.held == (row.low <= row.realised <= row.high)
        assert row.so_far <= row.realised
    came = compare_promises(scores, history, now, horizon=30).cohorts.set_index("as_of")
    assert found["realised"].tolist() == came.loc[found["as_of"], "realised"].tolist()
    # Nine of ten are wanted; of a dozen cohorts that share most of their leads, nine will do.
    assert found["held"].sum() >= 9


def test_what_came_afterwards_changes_no_early_estimate(company, scores):
    history, now = company.history, company.history.observed_until
    found = reconcile(scores, history, now, horizon=30)
    early = found["estimated_at"].iloc[0]
    shorter = reconcile(
        scores, history.known_before(early + 3 * WEEK), early + 3 * WEEK, horizon=30
    )
    one = found[found["as_of"] == shorter["as_of"].iloc[-1]]
    told = ["estimate", "low", "high", "so_far"]
    assert one[told].to_numpy().tolist() == shorter[told].tail(1).to_numpy().tolist()


def test_words_sum_up_young_cohorts_and_how_good_such_guesses_were(company, scores):
    now = company.history.observed_until - 2 * WEEK
    (outcome,) = told(scores, company.history, now, horizons=(30, 90), target="won")
    young, due = early_words(outcome)
    waiting = [each for each in outcome["cohorts"] if not each["mature"]]
    assert f"of {len(waiting)} runs that are not due" in young
    assert f"{sum(each['promised'] for each in waiting):.1f} conversions are promised" in young
    held = sum(each["held"] for each in outcome["reconciled"])
    assert f"Of the last {len(outcome['reconciled'])} runs that are due" in due
    assert f"held the truth in {held}:" in due
    first = scores["as_of"].min()
    (early,) = told(scores, company.history, first + WEEK, horizons=(30,), target="won")
    assert early_words(early) == []


def test_nothing_is_reconciled_before_anything_is_due(company, scores):
    first = scores["as_of"].min()
    assert reconcile(scores, company.history, first + WEEK, horizon=30).empty


def test_a_missing_horizon_is_named(company, scores):
    with pytest.raises(ValueError, match="probability_90d"):
        compare_promises(scores, company.history, company.history.observed_until, horizon=90)
