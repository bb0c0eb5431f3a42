"""Reads in the thread of an event loop give what other reads give, and wait for nobody."""

import sqlite3
import threading

import pytest

from history import History, open_store
from history.errors import NotInPlaceError
from history.extract import Extract, RawTable
from history.lead_rows import read_lead_rows


@pytest.fixture
def store(small_history: History, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    tables = {name: RawTable(frame, name) for name, frame in small_history.frames().items()}
    store.ingest(Extract("test", tables), now=small_history.observed_until)
    yield store
    store.close()


def rows_of(store, **how):
    known = read_lead_rows(store, ["ann", "bob", "nobody"], **how)
    return {name: getattr(known, name) for name in known.__dataclass_fields__}


def test_they_find_what_other_reads_find(store):
    assert rows_of(store, in_place=True) == rows_of(store)


def test_they_see_what_was_written_a_moment_ago(store, small_history):
    rows_of(store, in_place=True)
    row = small_history.leads.iloc[[0]].assign(lead_id="nobody")
    store.upsert("leads", row, now=small_history.observed_until)
    assert "nobody" in read_lead_rows(store, ["nobody"], in_place=True).leads


def test_a_writer_at_work_keeps_nobody_waiting(store):
    other = sqlite3.connect(store.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert rows_of(store, in_place=True) == rows_of(store)
    other.close()


def test_a_file_that_somebody_has_for_himself_is_not_waited_for(store):
    store.close()
    other = sqlite3.connect(store.engine.url.database, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NotInPlaceError, match="locked"):
        rows_of(store, in_place=True)
    other.close()
    assert rows_of(store, in_place=True) == rows_of(store)


def test_many_rows_are_not_read(store, monkeypatch):
    monkeypatch.setattr("history.lead_rows._MOST_IN_PLACE", 1)
    with pytest.raises(NotInPlaceError, match="more than 1 rows"):
        rows_of(store, in_place=True)
    monkeypatch.undo()
    assert rows_of(store, in_place=True) == rows_of(store)


def test_one_thread_reads_at_a_time(store):
    refused = []

    def read():
        try:
            rows_of(store, in_place=True)
        except NotInPlaceError as error:
            refused.append(error)

    with store.in_place.cursor():
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert len(refused) == 1
    read()
    assert len(refused) == 1
