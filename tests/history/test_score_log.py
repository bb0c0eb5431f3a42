import math

import pandas as pd
import pytest

from history import open_store
from history.score_log import ServedScore, write_scores
from history.score_reading import feature_frame, read_scores

NOW = pd.Timestamp("2025-01-01", tz="UTC").as_unit("us")
US = NOW.value // 1000


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    yield store
    store.engine.dispose()


def served(lead_id="ann", at=0, names=("visits", "source"), features=(0.1 + 0.2, "web")):
    return ServedScore(
        lead_id=lead_id,
        as_of=US - 5,
        scored_at=US + at,
        model_version="3",
        horizons=(30, 90),
        probabilities=(0.1, 1 / 3),
        score=81.5,
        grade="B",
        status="ok",
        reasons=[{"feature": "visits", "label": "visits", "value": 0.3, "effect": 0.01}],
        names=names,
        features=features,
        feature_us=120,
        model_us=80,
    )


def test_what_was_served_is_read_as_it_was(store):
    write_scores(store, [served()])
    (row,) = read_scores(store).to_dict("records")
    assert row["lead_id"] == "ann"
    assert row["scored_at"] == NOW
    assert row["probabilities"] == [0.1, 1 / 3]
    assert row["probability"] == 1 / 3
    assert row["reasons"][0]["feature"] == "visits"
    assert (row["feature_us"], row["model_us"]) == (120, 80)


def test_features_come_back_to_the_last_bit_whatever_the_model(store):
    other = served("bob", 1, ("stage", "visits"), (math.nan, 1e-300))
    write_scores(store, [served(), other, served(at=2, features=(None, None))])
    frame = feature_frame(store, read_scores(store))
    assert frame["visits"].tolist()[:2] == [0.1 + 0.2, 1e-300]
    assert frame["source"].tolist()[0] == "web"
    assert frame["source"].isna().tolist() == [False, True, True]
    assert list(frame.index) == [0, 1, 2]


def test_scores_are_read_by_lead_and_by_time(store):
    write_scores(store, [served("bob", 0), *(served("ann", at) for at in range(10))])
    second = pd.Timedelta(microseconds=1)
    between = read_scores(store, since=NOW + 2 * second, until=NOW + 5 * second)
    assert [(each - NOW).value for each in between["scored_at"]] == [2000, 3000, 4000]
    newest = read_scores(store, lead_id="ann", newest=2)
    assert [(each - NOW).value for each in newest["scored_at"]] == [8000, 9000]
    assert read_scores(store, lead_id="nobody").empty


def test_no_scores_have_no_features(store):
    assert feature_frame(store, read_scores(store)).empty
    write_scores(store, [])
    assert read_scores(store).empty


def test_an_erased_lead_is_out_of_the_log(store):
    write_scores(store, [served("ann"), served("ann"), served("bob")])
    assert store.erase("ann").removed["scores"] == 2
    assert read_scores(store)["lead_id"].tolist() == ["bob"]
    assert not any(store.erase("ann").removed.values())
