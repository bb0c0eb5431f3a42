"""An erasure and a writer at once: whoever asked who was erased writes before it, or knows of it."""

from __future__ import annotations

import threading

import pandas as pd
import pytest
from sqlalchemy import create_engine, select, text

from history import StoreError, open_store
from history.erasure import erase, kept_out
from history.schema import STORED

NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
LEADS = STORED["leads"]
ROW = {"lead_id": "ann", "created_at": 0, "attributes": "{}"}


@pytest.fixture
def store(postgres_url):
    made = open_store(postgres_url)
    with made.writing() as connection:
        connection.execute(LEADS.insert().values(**ROW))
    yield made
    made.engine.dispose()


class Beside:
    """Runs something in a thread, and tells when it is done or waits for a lock of the database."""

    def __init__(self, url, work):
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        self.results = []
        self._thread = threading.Thread(target=lambda: self.results.append(work()))
        self._thread.start()

    def until_it_waits(self):
        """Return as soon as it waits for a lock; fail where it ends without."""
        waiting = text(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
            "WHERE NOT granted AND datname = current_database()"
        )
        with self._engine.connect() as connection:
            while not connection.execute(waiting).scalar_one():
                assert self._thread.is_alive(), "it did not wait for the other one"

    def until_it_ends(self):
        self._thread.join()
        self._engine.dispose()
        return self.results[0]


def test_an_erasure_waits_for_who_has_asked_and_takes_what_they_wrote(store, postgres_url):
    with store.writing() as connection:
        assert kept_out(connection, ["ann"]) == set()
        erasure = Beside(postgres_url, lambda: store.erase("ann"))
        erasure.until_it_waits()
        connection.execute(
            STORED["engagements"].insert().values(engagement_id="late", lead_id="ann")
        )
    receipt = erasure.until_it_ends()
    assert receipt.removed["engagements"] == 1
    with store.reading() as connection:
        assert connection.execute(select(STORED["engagements"])).all() == []


def test_who_asks_while_somebody_is_erased_waits_and_is_told(store, postgres_url):
    rows = pd.DataFrame({"lead_id": ["ann"], "created_at": ["2024-01-01T00:00:00Z"]})
    with store.engine.begin() as connection:
        erase(connection, "ann")
        writer = Beside(postgres_url, lambda: store.upsert("leads", rows, now=NOW)[0])
        writer.until_it_waits()
    assert writer.until_it_ends().erased == 1
    with store.reading() as connection:
        assert connection.execute(select(LEADS)).all() == []


def test_writers_do_not_wait_for_each_other(store):
    with store.writing() as first, store.writing() as second:
        assert kept_out(first, ["ann"]) == kept_out(second, ["ann"]) == set()


def test_on_sqlite_there_is_one_writer(tmp_path):
    url = f"sqlite:///{tmp_path}/history.db"
    store, other = open_store(url), open_store(url, patience_s=0.01)
    with store.writing() as connection:
        assert kept_out(connection, ["ann"]) == set()
        with pytest.raises(StoreError, match="locked"):
            other.erase("ann")
        connection.execute(LEADS.insert().values(**ROW))
    assert other.erase("ann").removed["leads"] == 1
    for each in (store, other):
        each.engine.dispose()
