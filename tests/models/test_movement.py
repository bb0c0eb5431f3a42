"""Why a score moved, on the sample company and its champion's kind of model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import build_training_set
from history import History
from models import tune
from models.errors import ModelError
from models.movement import Movement, movement
from models.outlook import expected_days, give_up_days

DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def model(small_company):
    whole = build_training_set(small_company.history, ages=(1, 14, 45))
    return tune(whole, trials=1, workers=1).model


@pytest.fixture(scope="module")
def lead(small_company):
    """Return a lead with engagements spread over its first weeks, and a moment among them."""
    rows = small_company.history.engagements
    counts = rows.groupby("lead_id")["occurred_at"].agg(["size", "min", "max"])
    busy = counts[(counts["size"] >= 12) & (counts["max"] - counts["min"] > 30 * DAY)].iloc[0]
    return busy.name, busy["min"] + 7 * DAY


def test_the_parts_sum_to_the_change(small_company, model, lead):
    name, then = lead
    found = movement(small_company.history, name, then=then, now=then + 21 * DAY, model_then=model)
    total = found.ageing + found.behaviour + found.model
    assert found.before + total == pytest.approx(found.after, abs=1e-12)
    assert found.model == 0.0
    assert found.ageing != 0.0
    assert found.behaviour != 0.0
    assert 0 < len(found.reasons) <= 3


def test_without_news_only_time_moves_a_score(small_company, model, lead):
    name, then = lead
    history = small_company.history
    silent = History.from_frames(history.known_before(then).frames(), history.observed_until)
    found = movement(silent, name, then=then, now=then + 21 * DAY, model_then=model)
    assert found.behaviour == 0.0
    assert found.reasons == ()
    assert found.ageing == found.after - found.before


def test_another_model_on_the_same_facts_is_told_apart(small_company, model, lead):
    name, then = lead
    history = small_company.history
    early = build_training_set(history, ages=(1, 14, 45), until=history.observed_until - 200 * DAY)
    other = tune(early, trials=1, workers=1).model
    found = movement(
        history, name, then=then, now=then + 7 * DAY, model_then=other, model_now=model
    )
    alone = movement(history, name, then=then, now=then + 7 * DAY, model_then=other)
    assert found.before == alone.before
    assert found.behaviour == alone.behaviour
    assert found.model == pytest.approx(found.after - alone.after)


def test_moments_must_follow_each_other(small_company, model, lead):
    name, then = lead
    with pytest.raises(ModelError, match="does not follow"):
        movement(small_company.history, name, then=then, now=then, model_then=model)


def test_the_sentence_names_the_greatest_part_first():
    risen = Movement(0.10, 0.25, ageing=-0.02, behaviour=0.17, model=0.0, reasons=())
    assert risen.message == (
        "The probability rose from 10.0% to 25.0%: what the lead and the teams did +17.0 points, "
        "time passing -2.0 points."
    )
    assert Movement(0.1, 0.1, 0.0, 0.0, 0.0, ()).message == "The probability stayed at 10.0%."


def test_the_expected_day_is_the_median_of_the_spread():
    found = expected_days(np.array([[0.2, 0.3, 0.4], [0.0, 0.0, 0.4], [0, 0, 0]]), (30, 60, 90))
    assert found[:2].tolist() == [30.0, 75.0]
    assert np.isnan(found[2])


def test_silence_ends_in_giving_up(small_company, model, lead):
    name, then = lead
    snapshots = pd.DataFrame({"lead_id": [name, name], "as_of": [then, then + 7 * DAY]})
    history = small_company.history
    reach = {"step_days": 7, "most_days": 182}
    floors = [1e-9, 0.01, 0.03, 0.1, 0.3, 0.999999]
    days = give_up_days(model, history, snapshots, floors=floors, **reach)
    assert days.shape == (2, len(floors))
    assert np.isnan(days[:, 0]).all()
    assert (days[:, -1] == 0.0).all()
    known = np.nan_to_num(days, nan=9999.0)
    # The more a lead must be worth, the sooner it is given up.
    assert (np.diff(known, axis=1) <= 0).all()
    alone = [give_up_days(model, history, snapshots[:1], floors=[each], **reach) for each in floors]
    assert np.array_equal(np.hstack(alone), days[:1], equal_nan=True)
    with pytest.raises(ModelError, match="between 0 and 1"):
        give_up_days(model, history, snapshots, floors=[0.5, 0.0])
