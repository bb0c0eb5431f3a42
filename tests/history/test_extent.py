import pandas as pd
import pytest

from history import StoreError, open_store
from history.extent import lead_pages, observed_until
from history.extract import Extract, RawTable

NOW = pd.Timestamp("2024-06-01", tz="UTC").as_unit("us")


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    yield store
    store.engine.dispose()


def fill(store, history, until=None):
    tables = {name: RawTable(frame, name) for name, frame in history.frames().items()}
    store.ingest(Extract("test", tables, observed_until=until), now=NOW)


@pytest.mark.parametrize("until", [None, NOW])
def test_the_end_is_the_one_of_the_whole_history(store, small_history, until):
    fill(store, small_history, until)
    assert observed_until(store) == store.history().observed_until


def test_an_empty_store_says_how_to_fill_it(store):
    with pytest.raises(StoreError, match="smarketing ingest"):
        observed_until(store)


def test_leads_come_in_pages_without_those_of_later(store, small_history):
    fill(store, small_history)
    before = pd.Timestamp("2024-02-01", tz="UTC")
    assert list(lead_pages(store, before, 2)) == [["ann", "bob"], ["cyd"]]
    assert list(lead_pages(store, pd.Timestamp("2020-01-01", tz="UTC"), 2)) == []
