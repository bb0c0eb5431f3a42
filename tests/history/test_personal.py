"""A mark of a personal field is kept by the store, and every reader of the history knows it."""

from __future__ import annotations

import pandas as pd
import pytest

from history import open_store
from history.extract import Extract, RawTable
from history.personal import mark, marked, unmark

NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
MARKS = ("leads.email", "accounts.boss")


@pytest.fixture
def store(store_url, small_history):
    frames = small_history.frames()
    frames["leads"] = frames["leads"].assign(email="canary@example.org")
    frames["accounts"] = frames["accounts"].assign(boss="canary")
    changes = [("lead", "ann", "email", "canary"), ("lead", "ann", "source", "event")]
    frames["attribute_history"] = pd.DataFrame(
        changes, columns=["entity", "entity_id", "field", "value"]
    ).assign(valid_from=NOW, recorded_at=NOW)
    made = open_store(store_url, personal=MARKS)
    made.ingest(Extract("test", {n: RawTable(f, n) for n, f in frames.items()}), now=NOW)
    yield made
    made.engine.dispose()


def text_of(history):
    return "".join(frame.to_csv() for frame in history.frames().values())


def test_whoever_opens_the_store_later_knows_the_marks(store, store_url):
    plain = open_store(store_url)
    history = plain.history()
    assert history.personal == set(MARKS)
    assert history.current_only >= set(MARKS)
    assert "canary" in text_of(history)  # groups are compared by them, where somebody asks
    plain.engine.dispose()


def test_marks_are_added_and_never_lost_by_naming_fewer(store, store_url):
    for more in ((), ("leads.source",)):
        open_store(store_url, personal=more).engine.dispose()
    assert store.history().personal == {*MARKS, "leads.source"}


def test_a_mark_is_taken_away_by_name_alone(store):
    with store.writing() as connection:
        assert unmark(connection, "leads.email")
        assert not unmark(connection, "leads.email")
        assert marked(connection) == {"accounts.boss"}
        mark(connection, ["leads.email"])
        assert marked(connection) == set(MARKS)


def test_what_a_service_reads_holds_no_value_of_them(store):
    for history in (
        store.live_history(NOW),
        store.lead_history(["ann", "bob"], observed_until=NOW),
        store.history().without_personal(),
    ):
        assert "canary" not in text_of(history)
        assert {"email", "boss"}.isdisjoint((*history.leads, *history.accounts))
        assert history.attribute_history["field"].tolist() == ["source"]
        assert len(history.leads) > 1


def test_the_past_and_the_parts_of_a_history_know_them_too(store):
    history = store.history()
    for part in (
        history.known_before(NOW),
        history.recorded_from(NOW - pd.Timedelta(days=200)),
        history.for_leads(["ann"]),
    ):
        assert part.personal == set(MARKS)
        assert part.current_only >= set(MARKS)


def test_whoever_names_a_field_may_use_it_and_no_other(store):
    history = store.history().unmarked(["leads.email", "leads.source"])
    assert history.personal == {"accounts.boss"}
    assert history.current_only == {"accounts.boss"}
