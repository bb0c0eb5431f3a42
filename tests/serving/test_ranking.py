import threading
import time
from dataclasses import replace

import pytest

from serving.errors import BeingMadeError, EmptyHistoryError
from serving.ranking import Ranking

PATIENCE_S = 30.0


def got(ranking, desk, patience_s=PATIENCE_S):
    return ranking.get(desk.scorer, desk.store, desk.now, patience_s)


def test_a_fresh_ranking_is_kept(desk):
    ranking = Ranking(desk.settings)
    first = got(ranking, desk)
    assert got(ranking, desk) is first
    ranking.forget()
    assert got(ranking, desk) is not first


def test_who_would_wait_too_long_for_the_first_ranking_is_told_so(desk, client, monkeypatch):
    ranking, made = Ranking(desk.settings), threading.Event()
    rank = ranking._rank
    monkeypatch.setattr(ranking, "_rank", lambda *words: made.wait(30) and rank(*words))
    with pytest.raises(BeingMadeError, match="the queue is being made for the first time"):
        got(ranking, desk, 0.0)
    monkeypatch.setattr(desk, "ranking", ranking)
    monkeypatch.setattr(desk, "patience_s", 0.0)
    monkeypatch.setattr(desk, "api_patience_s", 0.0)
    shown, told, health = client.get("/"), client.get("/queue"), client.get("/pages/health")
    assert (shown.status_code, shown.headers["Refresh"]) == (200, "3")
    assert "The queue is being made for the first time." in shown.text
    assert (told.status_code, "for the first time" in told.json()["error"]) == (503, True)
    assert int(told.headers["Retry-After"]) > 0
    assert "the queue is being made" in health.text
    made.set()
    assert got(ranking, desk).situation is ranking.newest
    assert "Refresh" not in client.get("/").headers


def test_an_empty_history_is_said_to_be_empty(empty_desk):
    ranking = Ranking(empty_desk.settings)
    with pytest.raises(EmptyHistoryError, match="no leads yet"):
        got(ranking, empty_desk)


def test_a_queue_that_takes_long_to_make_is_made_less_often(desk):
    ranked = got(Ranking(desk.settings), desk)
    early = time.monotonic() - 500
    assert replace(ranked, made=early, took=100.0).fresh
    assert not replace(ranked, made=early, took=1.0).fresh


def test_what_is_agreed_on_is_followed_without_scoring_anew(desk):
    ranking = Ranking(desk.settings)
    before = got(ranking, desk)
    ranking.reread(desk.store)
    after = got(ranking, desk)
    assert after.situation is not before.situation
    assert after.situation.matrix is before.situation.matrix
    assert (after.made, after.took) == (before.made, before.took)
    assert after.situation.worklist.equals(before.situation.worklist)


def test_each_new_situation_is_told_of(desk):
    told = []
    ranking = Ranking(desk.settings, arrived=told.append)
    got(ranking, desk)
    assert told == [ranking.newest]
