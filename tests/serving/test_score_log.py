import threading
import time

import pandas as pd

from history import StoreError
from history.score_log import ServedScore, write_scores
from history.score_reading import feature_frame, read_scores
from models.conversion import ConversionModel
from serving.score_log import ScoreLog

NEW = {"lead_id": "L1", "attributes": {"source": "referral"}}


def served(number):
    return ServedScore(
        f"L{number}", 0, number, "1", (90,), (0.5,), 50.0, "C", "ok", [], ("a",), (1.0,), 1, 1
    )


def test_every_score_is_there_after_a_clean_stop(empty_desk):
    log = ScoreLog(lambda: empty_desk.store)
    for number in range(2500):
        log.note([served(number)])
    log.close()
    assert read_scores(empty_desk.store)["lead_id"].tolist() == [f"L{n}" for n in range(2500)]


def test_a_store_that_is_away_is_tried_again(empty_desk, monkeypatch):
    monkeypatch.setattr("serving.score_log._AGAIN_S", 0.01)
    left = [3]

    def store():
        left[0] -= 1
        if left[0] >= 0:
            raise StoreError("away")
        return empty_desk.store

    log = ScoreLog(store)
    log.note([served(1)])
    log.close()
    assert len(read_scores(empty_desk.store)) == 1


def test_a_log_that_is_full_lets_answers_go_on_and_counts(empty_desk, caplog):
    gate = threading.Event()

    def store():
        gate.wait(5)
        return empty_desk.store

    log = ScoreLog(store, most=3)
    begun = time.monotonic()
    log.note([served(0)])
    while log._waiting.qsize():
        time.sleep(0.01)
    log.note([served(number) for number in range(1, 6)])
    assert time.monotonic() - begun < 2
    assert log.dropped == 2
    gate.set()
    log.close()
    assert len(read_scores(empty_desk.store)) == 4
    assert "2 scores were served but not logged" in caplog.text


def test_an_answer_can_be_made_again_from_the_log(fresh, empty_desk, model: ConversionModel):
    answer = fresh.post("/score", json={"leads": [NEW], "top_reasons": 2}).json()["scores"][0]
    empty_desk.score_log.close()
    scores = read_scores(empty_desk.store)
    (row,) = scores.to_dict("records")
    assert row["probability"] == answer["probability"]
    assert [each["feature"] for each in row["reasons"]] == [
        each["feature"] for each in answer["reasons"]
    ]
    values = feature_frame(empty_desk.store, scores)
    assert model.probabilities(values)[0].tolist() == row["probabilities"]


def test_what_is_refused_is_not_logged(fresh, empty_desk):
    fresh.post("/score", json={"leads": [{"lead_id": "nobody"}, 7]})
    empty_desk.score_log.close()
    assert read_scores(empty_desk.store).empty


def test_a_lead_is_shown_with_its_score_over_time(fresh, empty_desk):
    fresh.post("/leads", json=[{"lead_id": "L1", "created_at": "2025-06-01T00:00:00Z"}])
    for day in ("2025-07-01", "2025-08-01"):
        lead = {"lead_id": "L1", "as_of": f"{day}T00:00:00Z"}
        fresh.post("/score", json={"leads": [lead]})
    empty_desk.score_log.close()
    shown = fresh.get("/leads/L1").json()["scores"]
    assert [pd.Timestamp(each["as_of"]).month for each in shown] == [7, 8]
    assert all(each["model_version"] == "1" for each in shown)
    assert 'smarketing_scores_total{grade="' in fresh.get("/metrics").text


def test_old_scores_are_deleted_in_batches_and_the_others_kept(empty_desk, monkeypatch):
    monkeypatch.setattr("history.score_log.prune_scores.__defaults__", (100,))
    now = pd.Timestamp("2025-06-30", tz="UTC")
    day = 86_400_000_000
    begun = int(now.timestamp() * 1e6) - 300 * day
    write_scores(
        empty_desk.store, [served(n)._replace(scored_at=begun + n * day) for n in range(301)]
    )
    log = ScoreLog(lambda: empty_desk.store, days=30, now=lambda: now)
    assert log.prune() == 270
    assert log.prune() == 0
    assert read_scores(empty_desk.store)["lead_id"].tolist() == [f"L{n}" for n in range(270, 301)]
    assert ScoreLog(lambda: empty_desk.store).prune() == 0


def test_the_thread_deletes_what_is_too_old(empty_desk):
    log = ScoreLog(lambda: empty_desk.store, days=1)
    write_scores(empty_desk.store, [served(1)])
    log.note([served(2)._replace(scored_at=int(time.time() * 1e6))])
    end = time.monotonic() + 10
    while "L1" in read_scores(empty_desk.store)["lead_id"].tolist() and time.monotonic() < end:
        time.sleep(0.05)
    log.close()
    assert read_scores(empty_desk.store)["lead_id"].tolist() == ["L2"]
