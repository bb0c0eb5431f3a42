"""The store: nothing lost, nothing twice, nothing overwritten, nothing half applied."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from history import History, SourceError, Store, StoreError, open_store
from history.extract import Extract, RawTable

NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
LATER = pd.Timestamp("2024-07-01T12:00:00Z").as_unit("us")


def extract_of(history: History) -> Extract:
    tables = {name: RawTable(frame, f"{name}.csv") for name, frame in history.frames().items()}
    return Extract("test", tables, history.current_only, history.observed_until)


@pytest.fixture
def store(store_url: str):
    made = open_store(store_url)
    yield made
    made.engine.dispose()


def test_a_service_reads_the_same_beside_its_writers(store: Store, small_company):
    history = small_company.history
    store.ingest(extract_of(history), now=NOW)
    whole = store.history(history.observed_until)
    live = store.live_history(history.observed_until)
    for name, frame in whole.frames().items():
        pd.testing.assert_frame_equal(frame, live.frames()[name], check_categorical=False)
    assert live.current_only == whole.current_only


def test_what_goes_in_comes_out_to_the_last_bit(store: Store, small_company):
    history = small_company.history
    store.ingest(extract_of(history), now=NOW)
    again = store.history()
    assert again.digest() == history.digest()
    assert again.observed_until == history.observed_until
    assert again.current_only == history.current_only


def test_ingesting_twice_changes_nothing(store: Store, small_history):
    first = store.ingest(extract_of(small_history), now=NOW)
    digest = store.history().digest()
    second = store.ingest(extract_of(small_history), now=LATER)
    assert first.total.accepted == 12
    assert (second.total.accepted, second.total.updated, second.total.duplicate) == (0, 0, 12)
    assert store.history().digest() == digest


def test_one_lead_with_its_colleagues_is_the_part_that_its_features_need(
    store: Store, small_history
):
    store.ingest(extract_of(small_history), now=NOW)
    part = store.lead_history(["ann"], observed_until=NOW)
    assert part.leads["lead_id"].tolist() == ["ann", "bob"]
    assert part.engagements["engagement_id"].tolist() == ["e1", "e2", "e3"]
    assert part.accounts["account_id"].tolist() == ["acme"]


def test_a_changed_attribute_becomes_history_and_overwrites_nothing(store: Store, small_history):
    store.ingest(extract_of(small_history), now=NOW)
    changed = pd.DataFrame(
        {
            "lead_id": ["ann"],
            "created_at": ["2024-01-01T00:00:00Z"],
            "account_id": ["acme"],
            "source": ["event"],
        }
    )
    counts, _ = store.upsert("leads", changed, now=LATER)
    assert (counts.accepted, counts.updated) == (0, 1)
    history = store.history().attribute_history
    assert history["value"].tolist() == ["web", "event"]
    assert history["valid_from"].tolist() == [pd.Timestamp("2024-01-01T00:00:00Z"), LATER]
    counts, _ = store.upsert("leads", changed, now=LATER + pd.Timedelta(days=1))
    assert (counts.updated, counts.duplicate) == (0, 1)
    assert len(store.history().attribute_history) == 2


def test_corrected_rows_replace_those_of_the_same_id(store: Store, small_history):
    store.ingest(extract_of(small_history), now=NOW)
    row = {
        "engagement_id": ["e1"],
        "lead_id": ["ann"],
        "occurred_at": ["2024-01-05T00:00:00Z"],
        "kind": ["call"],
    }
    counts, _ = store.upsert("engagements", pd.DataFrame(row), now=LATER)
    assert (counts.accepted, counts.updated) == (0, 1)
    assert store.history().engagements.set_index("engagement_id").loc["e1", "kind"] == "call"


def test_what_a_row_does_not_say_stays(store: Store, small_history):
    store.ingest(extract_of(small_history), now=NOW)
    told = {"lead_id": ["ann"], "created_at": ["2024-01-01T00:00:00Z"]}
    counts, _ = store.upsert("leads", pd.DataFrame(told), now=LATER)
    assert (counts.updated, counts.duplicate) == (0, 1)
    assert store.history().digest() == small_history.digest()


def test_rejected_rows_are_kept_with_their_reasons_until_they_are_mended(store: Store):
    def leads(created: str) -> Extract:
        frame = pd.DataFrame(
            {"lead_id": ["a", "b"], "created_at": ["2024-01-01T00:00:00Z", created]}
        )
        return Extract("test", {"leads": RawTable(frame, "leads.csv")})

    report = store.ingest(leads("soon"), now=NOW)
    assert (report.total.accepted, report.total.rejected) == (1, 1)
    assert store.quarantine()[["origin", "row", "field", "value"]].to_numpy().tolist() == [
        ["leads.csv", 2, "created_at", "soon"]
    ]
    store.ingest(leads("soon"), now=NOW)
    assert len(store.quarantine()) == 1
    store.ingest(leads("2024-01-02T00:00:00Z"), now=NOW)
    assert store.quarantine().empty


def test_strict_takes_nothing_of_a_source_with_a_bad_row(store: Store):
    frame = pd.DataFrame({"lead_id": ["a", "b"], "created_at": ["2024-01-01T00:00:00Z", "soon"]})
    with pytest.raises(StoreError, match="nothing was taken in"):
        store.ingest(Extract("test", {"leads": RawTable(frame, "leads.csv")}), now=NOW, strict=True)
    assert store.counts()["leads"] == 0


def test_a_source_that_breaks_in_its_last_table_leaves_nothing_behind(store: Store, small_history):
    tables = {
        **extract_of(small_history).tables,
        "dispositions": RawTable(pd.DataFrame({"lead_id": ["ann"]}), "dispositions.csv"),
    }
    with pytest.raises(SourceError, match="dispositions.csv"):
        store.ingest(Extract("test", tables), now=NOW)
    assert set(store.counts().values()) == {0}


def test_engagements_may_come_before_their_lead(store: Store, small_history):
    touches = Extract("test", {"engagements": extract_of(small_history).tables["engagements"]})
    assert store.ingest(touches, now=NOW).waiting == 4
    assert store.ingest(extract_of(small_history), now=NOW).waiting == 0


def test_an_erased_person_is_nowhere(store: Store, small_history):
    store.ingest(extract_of(small_history), now=NOW)
    receipt = store.erase("ann")
    assert receipt.removed["leads"] == 1
    assert receipt.removed["engagements"] == 2
    for frame in store.history().frames().values():
        assert not frame.astype("str").isin(["ann"]).to_numpy().any()
    assert not any(store.erase("ann").removed.values())


def test_an_empty_store_says_how_to_fill_it(store: Store):
    with pytest.raises(StoreError, match="smarketing ingest"):
        store.history()


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations(["leads", "engagements", "outcomes", "accounts"]), st.randoms())
def test_the_order_of_arrival_does_not_matter(small_history, tmp_path, order, random):
    store = open_store(f"sqlite:///{tmp_path}/{uuid.uuid4().hex}.db")
    for name in order:
        frame = small_history.frames()[name]
        rows = list(range(len(frame)))
        random.shuffle(rows)
        for row in rows:
            store.upsert(name, frame.iloc[[row]], now=NOW)
    assert store.history(small_history.observed_until).digest() == small_history.digest()


WRITE_READ_WRITE = """
import os, sys
import pandas as pd
from history import open_store
store, now = open_store(sys.argv[1]), pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
for lead in ("a", "b"):
    row = pd.DataFrame({"lead_id": [lead], "created_at": ["2024-01-01T00:00:00Z"]})
    assert store.upsert("leads", row, now=now)[0].accepted == 1
    store.history()
os.kill(os.getpid(), 9)
"""


def test_what_was_accepted_survives_a_kill_right_after_a_bulk_read(tmp_path):
    url = f"sqlite:///{tmp_path}/history.db"
    subprocess.run([sys.executable, "-c", WRITE_READ_WRITE, url], check=False, timeout=60)
    assert open_store(url).counts()["leads"] == 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("not a url", "is no database URL"),
        ("mysql://somewhere/else", "SQLite or PostgreSQL"),
        ("sqlite://", "would be lost"),
    ],
)
def test_a_url_that_cannot_hold_a_history_is_refused(url, words):
    with pytest.raises(StoreError, match=words):
        open_store(url)


def test_a_file_that_is_no_database_is_told_apart(tmp_path):
    (tmp_path / "history.db").write_text("surely not a database, but long enough to look at" * 50)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path}/history.db")


@pytest.mark.parametrize("version", ["2", "0"])
def test_a_store_of_another_schema_is_refused_and_left_as_it_is(store: Store, version):
    with store.writing() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('schema_version', :v)"), {"v": version})
        connection.execute(text("DROP TABLE smarketing_version"))
        connection.execute(text("DROP TABLE moved_leads"))
    with pytest.raises(StoreError, match=f"at revision schema {version}.*upgrade smarketing"):
        Store(store.engine)
    with store.reading() as connection:
        assert not inspect(connection).has_table("moved_leads")
