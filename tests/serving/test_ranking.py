import threading
import time
from dataclasses import replace

import pytest

from serving.errors import EmptyHistoryError, NotReadyError
from serving.ranking import Ranking


def test_a_fresh_ranking_is_kept(desk):
    ranking = Ranking(desk.settings)
    first = ranking.get(desk.scorer, desk.store, desk.now)
    assert ranking.get(desk.scorer, desk.store, desk.now) is first
    ranking.forget()
    assert ranking.get(desk.scorer, desk.store, desk.now) is not first


def test_an_old_ranking_is_shown_while_a_new_one_is_made(desk, monkeypatch):
    monkeypatch.setattr("serving.ranking.FRESH_S", 0.0)
    ranking = Ranking(desk.settings)
    first = replace(ranking.get(desk.scorer, desk.store, desk.now), took=0.0)
    ranking._ranked = first
    with ranking._making:
        found = []
        asking = threading.Thread(
            target=lambda: found.append(ranking.get(desk.scorer, desk.store, desk.now))
        )
        asking.start()
        asking.join(5)
    assert found == [first]


def test_who_would_wait_too_long_for_the_first_ranking_is_told_so(desk, client, monkeypatch):
    ranking = Ranking(desk.settings)
    ranking._patience_s = 0.05
    with ranking._making, pytest.raises(NotReadyError, match="for the first time"):
        ranking.get(desk.scorer, desk.store, desk.now)
    ranking._patience_s = 30.0
    assert ranking.get(desk.scorer, desk.store, desk.now).situation is not None
    ranking._patience_s = 0.05
    with ranking._making:
        ranking.forget()
        monkeypatch.setattr(desk, "ranking", ranking)
        shown, told = client.get("/"), client.get("/queue")
    assert (shown.status_code, "for the first time" in shown.text) == (200, True)
    assert (told.status_code, "for the first time" in told.json()["error"]) == (503, True)
    assert int(told.headers["Retry-After"]) > 0


def test_an_empty_history_is_said_to_be_empty(empty_desk):
    ranking = Ranking(empty_desk.settings)
    with pytest.raises(EmptyHistoryError, match="no leads yet"):
        ranking.get(empty_desk.scorer, empty_desk.store, empty_desk.now)


def test_a_queue_that_takes_long_to_make_is_made_less_often(desk):
    ranked = Ranking(desk.settings).get(desk.scorer, desk.store, desk.now)
    early = time.monotonic() - 500
    assert replace(ranked, made=early, took=100.0).fresh
    assert not replace(ranked, made=early, took=1.0).fresh


def test_what_is_agreed_on_is_followed_without_scoring_anew(desk):
    ranking = Ranking(desk.settings)
    before = ranking.get(desk.scorer, desk.store, desk.now)
    ranking.reread(desk.store)
    after = ranking.get(desk.scorer, desk.store, desk.now)
    assert after.situation is not before.situation
    assert after.situation.matrix is before.situation.matrix
    assert (after.made, after.took) == (before.made, before.took)
    assert after.situation.worklist.equals(before.situation.worklist)


def test_what_is_agreed_on_while_a_new_ranking_is_made_is_in_it(desk, monkeypatch):
    ranking = Ranking(desk.settings)
    old = ranking.get(desk.scorer, desk.store, desk.now).situation
    seen = []
    monkeypatch.setattr(ranking, "reread", seen.append)

    def agreed_meanwhile(_old, _new):
        ranking._rereads += 1

    ranking.prepare = agreed_meanwhile
    ranking._replace(old, desk.scorer, desk.store, desk.now())
    assert seen == [desk.store]


def test_a_ranking_by_a_model_that_serves_no_more_is_dropped(desk):
    ranking = Ranking(desk.settings)
    old = ranking.get(desk.scorer, desk.store, desk.now).situation
    ranking.prepare = lambda _old, _new: ranking.forget()
    ranking._replace(old, desk.scorer, desk.store, desk.now())
    assert ranking.newest is None


def test_nobody_is_cut_off_with_the_first_ranking(desk, monkeypatch):
    ranking, made = Ranking(desk.settings), threading.Event()
    ranking._patience_s = 0.05
    rank = ranking._rank

    def slowly(*words):
        made.wait(30)
        return rank(*words)

    monkeypatch.setattr(ranking, "_rank", slowly)
    for _ in range(2):  # the first who asks, too
        with pytest.raises(NotReadyError):
            ranking.get(desk.scorer, desk.store, desk.now)
    made.set()
    ranking._patience_s = 30.0
    assert ranking.get(desk.scorer, desk.store, desk.now).situation is ranking.newest


def test_a_first_ranking_by_a_model_that_serves_no_more_is_dropped(desk, monkeypatch):
    ranking = Ranking(desk.settings)
    rank, late = ranking._rank, []

    def forgotten(*words):
        if not late:
            late.append(rank(*words))
            ranking.forget()
            return late[0]
        return rank(*words)

    monkeypatch.setattr(ranking, "_rank", forgotten)
    ranking.get(desk.scorer, desk.store, desk.now)
    assert ranking.newest is None
    after = ranking.get(desk.scorer, desk.store, desk.now)
    assert after is not late[0]
    assert ranking.newest is after.situation


def test_a_first_ranking_that_failed_is_tried_again(desk, monkeypatch):
    ranking = Ranking(desk.settings)
    with monkeypatch.context() as patched:
        patched.setattr(ranking, "_rank", lambda *_words: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ranking.get(desk.scorer, desk.store, desk.now)
    assert ranking.get(desk.scorer, desk.store, desk.now).situation is ranking.newest
