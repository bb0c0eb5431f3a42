"""A history that came in through the endpoints gives the features of the training set."""

import json

import numpy as np
import pytest

from features import compute_features
from features.snapshots import snapshots_at_ages
from history import Sample
from history.score_reading import feature_frame, read_scores
from history.tables import TABLES
from serving.app import WRITABLE
from serving.rows import records


def posted(client, table, frame):
    """Send a table as a CRM would: JSON, times as texts, nothing where nothing is known."""
    for start in range(0, len(frame), 20_000):
        rows = [
            {name: value for name, value in row.items() if value is not None}
            for row in records(frame.iloc[start : start + 20_000])
        ]
        body = json.dumps(rows, default=lambda value: value.isoformat())
        answer = client.post(f"/{table}", content=body).json()
        assert (answer["accepted"], answer["rejected"]) == (len(rows), 0)


@pytest.mark.slow
def test_a_replayed_history_is_scored_on_the_features_of_the_training_set(
    fresh, empty_desk, small_company: Sample
):
    history = small_company.history
    for table in WRITABLE:
        posted(fresh, table, getattr(history, table))
    empty_desk.store.upsert(
        "attribute_history", history.attribute_history, now=history.observed_until
    )
    model = empty_desk.scorer.champion.model
    snapshots = snapshots_at_ages(
        history, (3, 30, 90), target="won", until=history.observed_until
    ).sample(300, random_state=7)
    leads = [
        {"lead_id": lead_id, "as_of": as_of.isoformat()}
        for lead_id, as_of in zip(snapshots["lead_id"], snapshots["as_of"], strict=True)
    ]
    answers = fresh.post("/score", json={"leads": leads, "top_reasons": 0}).json()["scores"]
    assert {each["status"] for each in answers} == {"ok"}
    empty_desk.score_log.close()
    scores = read_scores(empty_desk.store)
    assert scores["lead_id"].tolist() == snapshots["lead_id"].tolist()
    found = feature_frame(empty_desk.store, scores)
    expected = compute_features(history, snapshots, model.features).values
    for feature in model.features:
        ours, theirs = found[feature.name], expected[feature.name]
        if feature.is_text:
            assert ours.astype("str").equals(theirs.astype("str")), feature.name
        else:
            a, b = ours.to_numpy(np.float64), theirs.to_numpy(np.float64)
            assert ((a == b) | (np.isnan(a) & np.isnan(b))).all(), feature.name
    chances = model.probabilities(expected)[:, -1]
    assert [each["probability"] for each in answers] == chances.tolist()


def test_every_table_that_has_an_endpoint_is_replayed():
    assert set(TABLES) - set(WRITABLE) == {"attribute_history"}
