from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import compute_features, open_leads
from features.training_set import arrow_schema, as_arrow
from history import Sample
from history.score_reading import feature_frame, read_scores
from models import score


def stream(table):
    sink = BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet(table):
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def read(content):
    if content[:4] == b"PAR1":
        return pq.read_table(BytesIO(content))
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


@pytest.fixture(scope="module")
def snapshots(small_company: Sample):
    history = small_company.history
    return open_leads(history, history.observed_until)


@pytest.fixture(scope="module")
def expected(desk, small_company: Sample, snapshots):
    model = desk.scorer.champion.model
    matrix = compute_features(small_company.history, snapshots, model.features)
    return score(model, matrix, grades=desk.settings.grades, top_reasons=2).frame, matrix


@pytest.mark.parametrize("form", [stream, parquet])
def test_leads_by_id_get_the_scores_of_the_batch(client, snapshots, expected, form, monkeypatch):
    monkeypatch.setattr("serving.bulk._PART", 50)
    asked = pa.table({name: snapshots[name].tolist() for name in snapshots.columns})
    answer = client.post("/score/bulk?top_reasons=2", content=form(asked))
    assert answer.status_code == 200, answer.text
    table, frame = read(answer.content), expected[0]
    assert table["lead_id"].to_pylist() == frame["lead_id"].tolist()
    assert table["probability_90d"].to_pylist() == frame["probability_90d"].tolist()
    assert table["grade"].to_pylist() == frame["grade"].tolist()
    assert set(table["status"].to_pylist()) == {"ok"}
    first = [each[0]["feature"] for each in table["reasons"].to_pylist()]
    assert first == [each[0]["feature"] for each in frame["reasons"]]


def test_features_that_are_sent_are_taken_as_they_are(client, expected):
    frame, matrix = expected
    content = stream(as_arrow(matrix, arrow_schema(matrix.features)))
    table = read(client.post("/score/bulk", content=content).content)
    assert table["probability_90d"].to_pylist() == frame["probability_90d"].tolist()


def test_a_bad_lead_never_fails_its_neighbours(client, snapshots):
    good = snapshots["lead_id"].iloc[0]
    asked = pa.table(
        {
            "lead_id": [good, None, "nobody", good],
            "as_of": ["2025-12-31T00:00:00Z"] * 3 + ["1990-01-01T00:00:00Z"],
        }
    )
    table = read(client.post("/score/bulk", content=stream(asked)).content)
    assert table["status"].to_pylist()[1:] == ["invalid", "unknown_lead", "invalid"]
    assert table["status"].to_pylist()[0] in ("ok", "closed")
    assert table["probability_90d"].to_pylist()[0] > 0
    assert table["grade"].to_pylist()[1:] == [""] * 3


def test_no_leads_are_no_mistake(client):
    for form in (stream, parquet):
        asked = pa.table({"lead_id": pa.array([], pa.string())})
        assert len(read(client.post("/score/bulk", content=form(asked)).content)) == 0


NOW = pd.Timestamp("2025-01-01", tz="UTC")


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"", 400, "neither"),
        (b"{}", 400, "neither"),
        (b"PAR1 is not enough", 400, "neither"),
        (b"ARROW1 neither", 400, "neither"),
        (np.random.default_rng(7).bytes(5000), 400, "neither"),
        (stream(pa.table({"id": ["a"]})), 422, "no column lead_id"),
        (stream(pa.table({"lead_id": [7]})), 422, "expected texts"),
        (stream(pa.table({"lead_id": ["a"], "as_of": [7]})), 422, "as_of"),
        (stream(pa.table({"lead_id": ["a"], "as_of": [NOW.tz_localize(None)]})), 422, "time zone"),
        (stream(pa.table({"lead_id": ["a", "b"], "as_of": [NOW, None]})), 422, "every row"),
        (stream(pa.table({"lead_id": ["a"], "as_of": ["soon"]})), 422, "ISO 8601"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(client, content, status, says):
    answer = client.post("/score/bulk", content=content)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]


def test_a_stream_that_is_cut_off_is_told_apart(client, snapshots):
    whole = stream(pa.table({"lead_id": snapshots["lead_id"].tolist()}))
    assert client.post("/score/bulk", content=whole[: len(whole) // 2]).status_code == 400


def test_bulk_scores_are_in_the_score_log(client, fresh, empty_desk, monkeypatch):
    monkeypatch.setattr("serving.bulk._PART", 2)
    created = "2025-06-01T00:00:00Z"
    ids = [f"L{number}" for number in range(5)]
    fresh.post("/leads", json=[{"lead_id": each, "created_at": created} for each in ids])
    answer = fresh.post("/score/bulk", content=stream(pa.table({"lead_id": [*ids, "nobody"]})))
    table = read(answer.content).to_pandas().set_index("lead_id")
    empty_desk.score_log.close()
    logged = read_scores(empty_desk.store)
    assert logged["lead_id"].tolist() == ids
    for row in logged.to_dict("records"):
        told = table.loc[row["lead_id"]]
        assert row["probability"] == row["probabilities"][-1] == told["probability_90d"]
        assert (row["grade"], row["score"]) == (told["grade"], told["score"])
        assert (row["as_of"], row["features"]) == (told["as_of"], [])
    assert feature_frame(empty_desk.store, logged).shape == (5, 0)
    shown = fresh.get("/leads/L0").json()["scores"]
    assert len(shown) == 1
