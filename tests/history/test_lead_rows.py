import pandas as pd
import pytest

from history import StoreError, open_store
from history.extract import Extract, RawTable
from history.lead_rows import read_lead_rows

NOW = pd.Timestamp("2024-06-01", tz="UTC").as_unit("us")


@pytest.fixture
def store(small_history, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    tables = {name: RawTable(frame, name) for name, frame in small_history.frames().items()}
    store.ingest(Extract("test", tables), now=NOW)
    yield store
    store.engine.dispose()


def test_a_lead_comes_with_its_colleagues_and_their_deeds(store):
    rows = read_lead_rows(store, ["ann", "nobody"])
    assert rows.leads["ann"].attributes == {"source": "web"}
    assert rows.leads["bob"].attributes == {}
    assert set(rows.leads) == {"ann", "bob"}
    assert sorted(row[0] for row in rows.engagements) == ["e1", "e2", "e3"]
    assert len(rows.outcomes) == 3
    assert rows.accounts["acme"].attributes == {"industry": "retail"}


def test_of_colleagues_only_what_is_wanted_is_read(store):
    rows = read_lead_rows(store, ["ann"], of_colleagues=["kind"])
    (row,) = [row for row in rows.engagements if row[1] == "bob"]
    assert row[0] == "e3"
    assert row[4:] == ("visit",) + (None,) * 6
    (own, _) = [row for row in rows.engagements if row[1] == "ann"]
    assert "web" in own


def test_a_changed_attribute_has_its_values_in_time(store):
    later = pd.DataFrame(
        {"lead_id": ["cyd"], "created_at": ["2024-01-03T00:00:00Z"], "source": ["fair"]}
    )
    store.upsert("leads", later, now=NOW)
    changes = read_lead_rows(store, ["cyd"]).changes["lead", "cyd", "source"]
    assert sorted((each.valid_from, each.value) for each in changes)[-1][1] == "fair"


def test_more_leads_than_fit_into_a_query_are_read(store):
    many = [f"L{number}" for number in range(1200)]
    assert set(read_lead_rows(store, [*many, "dee"]).leads) == {"dee"}


def test_a_database_that_cannot_be_read_is_one_clear_line(store):
    with store.writing() as connection:
        connection.exec_driver_sql("DROP TABLE accounts")
    with pytest.raises(StoreError, match="no such table: accounts"):
        read_lead_rows(store, ["ann"])
