import pandas as pd
import pytest

from alignment.outlook import BACK, outlook
from features import build_training_set
from models import tune


@pytest.fixture(scope="module")
def model(small_company):
    training_set = build_training_set(small_company.history, ages=(3, 30, 90))
    return tune(training_set, trials=1, folds=2, min_conversions=10).model


@pytest.fixture(scope="module")
def told(small_company, model):
    history = small_company.history
    now = history.observed_until
    old = history.leads[history.leads["created_at"] < now - pd.Timedelta(days=40)]
    floors = {"low": 1e-9, "high": 0.999999, "none": 0.0}
    return outlook(history, str(old["lead_id"].iloc[-1]), model, now=now, floors=floors)


def test_the_parts_of_a_move_sum_to_it(told):
    moved = told.moved
    assert moved.after - moved.before == pytest.approx(moved.ageing + moved.behaviour)
    assert moved.model == 0.0
    assert told.since == told.now - BACK


def test_conversions_are_expected_within_the_last_horizon(told, model):
    assert told.now < told.expected < told.now + pd.Timedelta(days=model.horizons[-1])


def test_silence_leads_below_a_floor_now_or_not_at_all(told):
    assert told.cold == {"low": None, "high": told.now}
    assert [each["at"] == "" for each in told.as_dict()["cold"]] == [True, False]


def test_a_lead_of_today_has_not_moved(small_company, model):
    history = small_company.history
    lead = history.leads.sort_values("created_at").iloc[-1]
    now = lead["created_at"] + pd.Timedelta(minutes=10)
    found = outlook(history, str(lead["lead_id"]), model, now=now)
    assert (found.moved, found.since) == (None, None)
    assert found.as_dict()["message"] == ""
