"""Promises are judged when they are due, by leads, and early guesses meet the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import open_leads
from history import sample_company
from monitoring import compare_promises, early_estimates

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
    # The interval is for the expected count; the count itself is Poisson around it.
    slack = 3 * np.sqrt(both["high"])
    assert both["so_far_final"].between(both["low"] - slack, both["high"] + slack).all()
    assert (both["so_far"] <= both["so_far_final"]).all()
    assert both["arrived"].between(0, 1, inclusive="neither").all()


def test_a_missing_horizon_is_named(company, scores):
    with pytest.raises(ValueError, match="probability_90d"):
        compare_promises(scores, company.history, company.history.observed_until, horizon=90)
