"""Values that were logged before a mark are gone; the scores and everybody else's values stay."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from history import open_store
from history.score_log import ServedScore, write_scores
from history.score_reading import feature_frame, read_scores
from history.scrubbing import scrub
from history.teamwork import hand_over, handoffs

NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
CANARY = "canary-of-the-city"
REASONS = [
    {"feature": "city", "label": "city", "value": CANARY, "effect": 0.1},
    {"feature": "clicks", "label": "clicks", "value": "3", "effect": 0.2},
]
SERVED = ServedScore(
    "ann", 0, 1, "1", (90,), (0.5,), 50.0, "C", "ok", REASONS, ("clicks", "city"), (3.0, CANARY),
    1, 1,
)  # fmt: skip
HANDED = {
    "lead_id": "ann", "cycle": 0, "handed_at": NOW, "owner": "", "score": 1.0, "grade": "A",
    "probability": 0.1, "reasons": REASONS, "explored": False, "agreement": 0, "model_version": "1",
}  # fmt: skip


@pytest.fixture
def store(store_url):
    with closing(open_store(store_url)) as made:
        other = SERVED._replace(lead_id="bob", names=("clicks",), features=(4.0,), reasons=[])
        write_scores(made, [SERVED, other, SERVED._replace(lead_id="cyd", status="shadow")])
        hand_over(made, [HANDED])
        yield made


def test_values_and_reasons_go_and_the_scores_stay(store):
    before = read_scores(store)
    assert scrub(store, {"city"}) == {"scores": 2, "handoffs": 1}
    after = read_scores(store)
    same = ["lead_id", "probability", "probabilities", "score", "grade", "columns_id"]
    pd.testing.assert_frame_equal(before[same], after[same])
    values = feature_frame(store, after)
    assert values["clicks"].tolist() == [3.0, 4.0]
    assert values["city"].isna().all()
    assert after["reasons"].tolist() == [REASONS[1:], []]
    assert handoffs(store)["reasons"].map(json.loads).tolist() == [REASONS[1:]]


def test_it_is_done_once(store):
    scrub(store, {"city"})
    assert scrub(store, {"city"}) == {"scores": 0, "handoffs": 0}
    assert scrub(store, ()) == {"scores": 0, "handoffs": 0}


def test_more_rows_than_are_read_at_once(store, monkeypatch):
    monkeypatch.setattr("history.scrubbing._AT_ONCE", 2)
    write_scores(store, [SERVED._replace(lead_id=f"l{number}") for number in range(7)])
    assert scrub(store, {"city"})["scores"] == 9


def test_no_byte_of_a_file_keeps_a_value(tmp_path):
    path = tmp_path / "history.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        write_scores(store, [SERVED])
        with closing(sqlite3.connect(path)) as beside:  # a service that keeps the file open
            beside.execute("SELECT count(*) FROM scores").fetchall()
            scrub(store, {"city"})
        files = [Path(f"{path}{end}") for end in ("", "-wal", "-shm")]
        assert not any(CANARY.encode() in each.read_bytes() for each in files if each.exists())
