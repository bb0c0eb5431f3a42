import threading

import pytest

from serving.errors import EmptyHistoryError
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
    first = ranking.get(desk.scorer, desk.store, desk.now)
    with ranking._making:
        found = []
        asking = threading.Thread(
            target=lambda: found.append(ranking.get(desk.scorer, desk.store, desk.now))
        )
        asking.start()
        asking.join(5)
    assert found == [first]


def test_an_empty_history_is_said_to_be_empty(empty_desk):
    ranking = Ranking(empty_desk.settings)
    with pytest.raises(EmptyHistoryError, match="no leads yet"):
        ranking.get(empty_desk.scorer, empty_desk.store, empty_desk.now)
