"""A challenger beside the champion on the same leads: the better one is told, and what waits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import open_leads
from history import sample_company
from models.metrics import log_losses
from monitoring.shadow import compare_shadow

WEEK = pd.Timedelta(days=7)


@pytest.fixture(scope="module")
def company():
    return sample_company(3000, seed=5, engagements_per_lead=2)


@pytest.fixture(scope="module")
def truth(company):
    """Return what a perfect observer would have said, at weekly runs up to the last one."""
    end = company.history.observed_until
    snapshots = pd.concat(
        [open_leads(company.history, end - week * WEEK) for week in range(1, 25, 2)],
        ignore_index=True,
    )
    chance = company.truth.probability(snapshots, 30)
    chance = np.nan_to_num(chance, nan=0.01)
    return snapshots.assign(model_version="7", probability_30d=chance, probability_90d=np.nan)


def test_the_one_that_knows_more_is_told_with_an_interval(company, truth):
    known = truth[(truth["probability_30d"] < 1.0).to_numpy()]
    served = known.assign(model_version="6", probability_30d=0.02)
    now = company.history.observed_until
    (found,) = compare_shadow(served, known, company.history, now, horizons=(30, 90), target="won")
    assert (found.version, found.champion, found.horizon) == ("7", "6", 30)
    over = (known["as_of"] + pd.Timedelta(days=30) <= now).to_numpy()
    assert found.scores == over.sum()
    assert found.waiting == (~over).sum() > 0
    won = company.history.outcomes[company.history.outcomes["stage"] == "won"]
    first = known["lead_id"].map(won.groupby("lead_id")["occurred_at"].min())
    came = ((first >= known["as_of"]) & (first < known["as_of"] + pd.Timedelta(days=30)))[over]
    assert found.conversions == came.sum()
    y = came.to_numpy(dtype=float)
    assert found.champion_log_loss == pytest.approx(log_losses(np.full(len(y), 0.02), y).mean())
    assert 0 < found.low < found.gain < found.high
    assert found.gain == pytest.approx(found.champion_log_loss - found.log_loss)


def test_nothing_is_said_of_what_is_not_due_or_not_of_the_same_moment(company, truth):
    now = company.history.observed_until
    newest = truth[(truth["as_of"] == truth["as_of"].max()).to_numpy()]
    asked = {"horizons": (30,), "target": "won"}
    served = newest.assign(model_version="6")
    (found,) = compare_shadow(served, newest, company.history, now, **asked)
    assert (found.scores, found.waiting, found.gain) == (0, len(newest), None)
    later = newest.assign(as_of=newest["as_of"] + WEEK)
    assert compare_shadow(served, later, company.history, now, **asked) == []
