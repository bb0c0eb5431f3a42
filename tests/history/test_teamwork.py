"""What both teams keep: versions, crossings, and who was first."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

from history import HistoryError, open_store
from history.errors import ConflictError
from history.teamwork import (
    agree,
    agreements,
    changes,
    dispose,
    disposed_since,
    disposition_counts,
    hand_over,
    handoffs,
)

NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
LATER = pd.Timestamp("2024-07-01T12:00:00Z").as_unit("us")


@pytest.fixture
def store(store_url):
    store = open_store(store_url)
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": ["2024-01-01T00:00:00Z"] * 2})
    store.upsert("leads", leads, now=NOW)
    yield store
    store.engine.dispose()


def crossing(lead="a", cycle=0, **more):
    row = {
        "lead_id": lead,
        "handed_at": NOW,
        "owner": "",
        "score": 90.0,
        "grade": "A",
        "probability": 0.4,
    }
    return (
        row
        | {
            "reasons": [{"label": "x"}],
            "explored": False,
            "agreement": 1,
            "model_version": "3",
            "cycle": cycle,
        }
        | more
    )


def test_versions_are_kept_with_who_and_why(store):
    assert agreements(store) == []
    assert agree(store, {"target_wins": 5}, who="ann", why="start", seen=0, now=NOW) == 1
    assert agree(store, {"target_wins": 7}, who=" bob ", why="more", seen=1, now=LATER) == 2
    found = agreements(store)
    assert [each["content"] for each in found] == [{"target_wins": 5}, {"target_wins": 7}]
    assert (found[1]["who"], found[1]["at"]) == ("bob", LATER)


def test_who_looked_at_an_old_version_is_told(store):
    agree(store, {}, who="ann", why="start", seen=0, now=NOW)
    with pytest.raises(ConflictError, match="version 1 was agreed on meanwhile"):
        agree(store, {}, who="bob", why="also", seen=0, now=NOW)
    with pytest.raises(HistoryError, match="why"):
        agree(store, {}, who="bob", why=" ", seen=1, now=NOW)
    assert len(agreements(store)) == 1


def test_a_change_is_logged_with_the_figure_that_it_is_to_move(store):
    entry = {
        "said": "9 of 20 wrong fit",
        "changed": "exclude source=list",
        "figure": "refused",
        "before": 0.4,
    }
    agree(store, {}, who="ann", why="they said so", seen=0, now=NOW, changed=entry)
    found = changes(store)
    assert (found[0]["said"], found[0]["before"], found[0]["who"]) == (
        "9 of 20 wrong fit",
        0.4,
        "ann",
    )


def test_a_lead_crosses_once_a_cycle(store):
    assert hand_over(store, [crossing(), crossing("b")]) == 2
    assert hand_over(store, [crossing(handed_at=LATER), crossing(cycle=1, handed_at=LATER)]) == 1
    assert hand_over(store, []) == 0
    found = handoffs(store)
    assert found["lead_id"].tolist() == ["a", "a", "b"]
    assert found["handed_at"].tolist() == [NOW, LATER, NOW]


def test_a_forgotten_person_leaves_the_ledger(store):
    hand_over(store, [crossing(), crossing("b")])
    assert store.erase("a").removed["handoffs"] == 1
    assert handoffs(store)["lead_id"].tolist() == ["b"]


def test_a_decision_moves_the_lead_in_the_same_breath(store):
    row = {"lead_id": "a", "action": "reject", "reason": "wrong_fit", "owner": "dana"}
    assert dispose(store, row, seen=0, stage="disqualified", now=NOW) == 1
    history = store.history()
    assert history.dispositions.loc[0, ["action", "reason", "owner"]].tolist() == [
        "reject",
        "wrong_fit",
        "dana",
    ]
    assert history.outcomes.loc[0, ["stage", "reason", "owner"]].tolist() == [
        "disqualified",
        "wrong_fit",
        "dana",
    ]
    with store.reading() as connection:
        assert disposition_counts(connection, ["a", "b"]) == {"a": 1}
        assert disposed_since(connection, NOW) == {"a": "reject"}
        assert disposed_since(connection, LATER) == {}


def test_an_unknown_lead_and_a_bad_action_are_refused(store):
    with pytest.raises(HistoryError, match="knows no lead"):
        dispose(store, {"lead_id": "z", "action": "accept"}, seen=0, stage=None, now=NOW)
    with pytest.raises(HistoryError, match="action"):
        dispose(store, {"lead_id": "a", "action": "dance"}, seen=0, stage="sal", now=NOW)
    assert store.history().outcomes.empty


def test_of_two_people_on_one_lead_the_second_is_told(store, store_url):
    stores = [store, open_store(store_url)]
    results: dict[str, str] = {}
    barrier = threading.Barrier(2)

    def act(name, mine):
        barrier.wait()
        try:
            dispose(
                mine,
                {"lead_id": "a", "action": "accept", "owner": name},
                seen=0,
                stage="sal",
                now=NOW,
            )
            results[name] = "done"
        except ConflictError as error:
            results[name] = str(error)

    threads = [
        threading.Thread(target=act, args=each) for each in zip(["ann", "bob"], stores, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stores[1].engine.dispose()
    assert sorted(results.values())[0] == "done"
    winner = next(name for name, said in results.items() if said == "done")
    loser = next(said for said in results.values() if said != "done")
    assert f"lead a was accepted by {winner}" in loser
    assert len(store.history().dispositions) == 1
