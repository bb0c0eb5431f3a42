"""Each vendor's mapping: on a warehouse that a person can check, and on the vendors' shapes."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from history import open_store
from history.mapping import vendor_names, vendor_text
from history.sources import read
from tests.history.mapping import warehouse

NOW = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")
PLACES = {
    "folder": ("warehouse", warehouse.as_folder),
    "duckdb": ("warehouse.duckdb", warehouse.as_duckdb),
    "sqlite": ("warehouse.db", warehouse.as_sqlite),
}


def history_of(tmp_path, source):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    report = store.ingest(read(source), now=NOW)
    assert report.rejects == []
    return store.history()


def check(history):
    """Say what the small warehouse must become, wherever it lies."""
    assert history.leads["lead_id"].tolist() == ["001", "004"]
    outcomes = history.outcomes.sort_values("occurred_at")
    assert outcomes["stage"].tolist() == ["mql", "opportunity", "opportunity", "won"]
    assert set(outcomes["lead_id"]) == {"001"}
    won = outcomes.iloc[-1]
    assert won["amount"] == 1234.5
    assert won["occurred_at"] == pd.Timestamp("2024-03-01T10:00:00Z")
    assert won["recorded_at"] == pd.Timestamp("2024-03-01T10:05:00Z")
    assert history.attribute_history[["entity_id", "field", "value"]].to_numpy().tolist() == [
        ["001", "jobtitle", "CEO"]
    ]
    assert sorted(history.engagements["kind"]) == ["email_open", "meeting"]
    assert "lifecyclestage" not in history.leads.columns
    assert "email" not in history.leads.columns


@pytest.mark.parametrize("place", PLACES)
def test_one_warehouse_is_one_history_wherever_it_lies(tmp_path, place):
    name, write = PLACES[place]
    check(history_of(tmp_path, write(tmp_path / name, warehouse.tables())))


@pytest.mark.skipif(
    "SMARKETING_TEST_POSTGRES" not in os.environ,
    reason="SMARKETING_TEST_POSTGRES names no PostgreSQL server to test with",
)
def test_a_schema_in_postgresql_is_read_likewise(tmp_path):
    url = os.environ["SMARKETING_TEST_POSTGRES"]
    engine = create_engine(url)
    schema = f"hubspot_{os.getpid()}"
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
            for name, frame in warehouse.tables().items():
                frame.to_sql(name, connection, schema=schema, index=False)
        check(history_of(tmp_path, f"{url}#{schema}"))
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()


def test_what_the_mapping_does_not_know_is_told(tmp_path):
    extract = read(warehouse.as_sqlite(tmp_path / "w.db", warehouse.tables()))
    notes = "\n".join(extract.notes)
    assert "'weird' 1" in notes
    assert "1 rows lie after the last sync" in notes
    assert "2 merged leads" in notes
    assert "1 leads were deleted" in notes


def test_a_merger_learned_later_moves_what_is_stored(tmp_path):
    before = warehouse.tables()
    before["contact_merge_audit"] = before["contact_merge_audit"].iloc[:0]
    extra = before["contact"].iloc[[0]].assign(id="002", property_email="b@x")
    before["contact"] = pd.concat([before["contact"], extra])
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    store.ingest(read(warehouse.as_sqlite(tmp_path / "1.db", before)), now=NOW)
    assert set(store.history().outcomes["lead_id"]) == {"001", "002"}
    store.ingest(read(warehouse.as_sqlite(tmp_path / "2.db", warehouse.tables())), now=NOW)
    check(store.history())


def test_a_merger_learned_later_brings_no_erased_person_back(tmp_path):
    """The deal was of the one who was erased: it does not become the survivor's."""
    before = warehouse.tables()
    before["contact_merge_audit"] = before["contact_merge_audit"].iloc[:0]
    extra = before["contact"].iloc[[0]].assign(id="002", property_email="b@x")
    before["contact"] = pd.concat([before["contact"], extra])
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    store.ingest(read(warehouse.as_sqlite(tmp_path / "1.db", before)), now=NOW)
    own = store.history().for_leads(["001"])
    store.erase("002")
    store.ingest(read(warehouse.as_sqlite(tmp_path / "2.db", warehouse.tables())), now=NOW)
    after = store.history()
    assert "won" not in set(after.outcomes["stage"])
    pd.testing.assert_frame_equal(after.outcomes, own.outcomes, check_categorical=False)
    pd.testing.assert_frame_equal(after.engagements, own.engagements, check_categorical=False)


def test_a_deletion_learned_later_removes_the_lead(tmp_path):
    before = warehouse.tables()
    before["contact"]["_fivetran_deleted"] = "false"
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    store.ingest(read(warehouse.as_sqlite(tmp_path / "1.db", before)), now=NOW)
    assert "003" in set(store.history().leads["lead_id"])
    store.ingest(read(warehouse.as_sqlite(tmp_path / "2.db", warehouse.tables())), now=NOW)
    check(store.history())


def test_snapshot_columns_without_a_history_are_current_only(tmp_path):
    tables = warehouse.tables()
    del tables["contact_property_history"]
    tables["contact"]["property_industry"] = "IT"
    extract = read(warehouse.as_sqlite(tmp_path / "w.db", tables))
    assert "leads.industry" in extract.current_only
    assert "leads.hs_analytics_source" not in extract.current_only


SHAPES = {
    "fivetran_hubspot": ("hubspot", 19),
    "fivetran_salesforce": ("salesforce", 5),
    "fivetran_marketo": ("marketo", 100),
    "fivetran_pardot": ("pardot", 22),
    "salesforce_data_cloud_workshop": ("salesforce", 162),
}


@pytest.mark.parametrize("folder", SHAPES)
def test_the_vendors_shapes_are_recognised_and_read(shared_data, tmp_path, folder):
    extract = read(shared_data / "crm_shapes" / folder)
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    first, second = store.ingest(extract, now=NOW), store.ingest(extract, now=NOW)
    assert (extract.format, first.counts["leads"].accepted) == SHAPES[folder]
    assert (second.total.accepted, second.total.updated) == (0, 0)
    columns = set(extract.tables["leads"].frame.columns)
    assert not columns & {"lifecyclestage", "status", "is_converted", "score", "grade", "email"}


def test_every_vendor_says_what_each_choice_of_time_means():
    assert vendor_names() == ("hubspot", "marketo", "pardot", "salesforce", "zoho")
    for name in vendor_names():
        assert "truth =" in vendor_text(name)
