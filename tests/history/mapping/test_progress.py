"""Reading only what is new: nothing lost, nothing doubled, whatever happens in between."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history import Store, open_store
from history.mapping import parse_mapping
from history.sources.mapped import MappedReader, source_name
from tests.history.mapping import warehouse

NOW = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")
LATER = "2024-06-05 00:00:00"
HUBSPOT = MappedReader("hubspot")


def take(store: Store, source: str):
    marks = store.marks("hubspot", source_name(source))
    return store.ingest(HUBSPOT.read_new(source, None, marks, NOW), now=NOW)


@pytest.fixture
def store(tmp_path):
    return open_store(f"sqlite:///{tmp_path}/history.db")


def event(name: str, synced: str, created: str = "2024-01-07 09:00:00") -> pd.DataFrame:
    row = warehouse.tables()["email_event"].iloc[[0]]
    return row.assign(id=name, _fivetran_synced=synced, created=created)


def test_only_new_rows_are_read_again(tmp_path, store):
    tables = warehouse.tables()
    source = warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    tables["email_event"] = pd.concat([tables["email_event"], event("e9", LATER)])
    warehouse.as_sqlite(tmp_path / "w.db", tables)
    extract = HUBSPOT.read_new(source, None, store.marks("hubspot", source_name(source)))
    assert extract.partial
    report = store.ingest(extract, now=NOW)
    assert report.counts["engagements"].accepted == 1
    again = HUBSPOT.read_new(source, None, store.marks("hubspot", source_name(source)))
    read = set(again.tables["engagements"].frame["engagement_id"])
    assert "email-e9" in read
    assert "email-e1" not in read


def test_a_row_that_the_sync_committed_late_is_within_the_overlap(tmp_path, store):
    tables = warehouse.tables()
    source = warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    tables["email_event"] = pd.concat([tables["email_event"], event("e9", "2024-05-31 12:00:00")])
    warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    assert "email-e9" in set(store.history().engagements["engagement_id"])


def test_an_old_deal_that_gets_a_contact_late_is_not_lost(tmp_path, store):
    tables = warehouse.tables()
    linked = tables["deal_contact"]
    tables["deal_contact"] = linked.iloc[:0]
    source = warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    tables["email_event"] = pd.concat([tables["email_event"], event("e9", "2024-07-01 00:00:00")])
    tables["deal_contact"] = linked
    warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    assert "won" in set(store.history().outcomes["stage"])


def test_a_planned_meeting_is_read_once_it_has_happened(tmp_path, store):
    tables = warehouse.tables()
    source = warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    tables["email_event"] = pd.concat([tables["email_event"], event("e9", "2025-01-01 00:00:00")])
    warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    assert "meeting-m2-001" in set(store.history().engagements["engagement_id"])


def test_a_crash_leaves_neither_rows_nor_marks(tmp_path, store, monkeypatch):
    source = warehouse.as_sqlite(tmp_path / "w.db", warehouse.tables())

    def crash(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Store, "_remember", crash)
        with pytest.raises(KeyboardInterrupt):
            take(store, source)
    assert store.counts()["leads"] == 0
    assert store.marks("hubspot", source_name(source)) is None
    take(store, source)
    assert store.counts()["leads"] == 2


def test_a_changed_mapping_reads_everything_again(tmp_path, store):
    source = warehouse.as_sqlite(tmp_path / "w.db", warehouse.tables())
    take(store, source)
    data = HUBSPOT.mapping.model_dump(by_alias=True)
    data["placeholders"] = ["Nothing"]
    own = MappedReader("hubspot", parse_mapping(data, "test"))
    assert not own.read_new(source, None, store.marks("hubspot", source_name(source))).partial


def test_rows_in_quarantine_outlive_a_partial_reading(tmp_path, store):
    tables = warehouse.tables()
    bad = event("bad", "2024-05-01 00:00:00", created="soon")
    tables["email_event"] = pd.concat([tables["email_event"], bad])
    source = warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    assert len(store.quarantine()) == 1
    take(store, source)
    assert len(store.quarantine()) == 1


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_reading_step_by_step_equals_reading_once(tmp_path_factory, days):
    """Whatever arrives on whatever day, the steps end where one reading of all would."""
    folder = tmp_path_factory.mktemp("steps")
    tables, stepwise = warehouse.tables(), open_store(f"sqlite:///{folder}/steps.db")
    source = str(folder / "w.db")
    for step, day in enumerate(sorted(days)):
        new = event(f"n{step}", f"2024-06-{day + 1:02d} 00:00:00")
        tables["email_event"] = pd.concat([tables["email_event"], new])
        warehouse.as_sqlite(folder / "w.db", tables)
        take(stepwise, source)
    once = open_store(f"sqlite:///{folder}/once.db")
    take(once, source)
    assert stepwise.history().digest() == once.history().digest()


def engagements(store: Store) -> set[str]:
    return set(store.history().engagements["engagement_id"])


def with_events(*events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    tables = warehouse.tables()
    tables["email_event"] = pd.concat([tables["email_event"], *events])
    return tables


def test_a_sync_time_of_the_future_hides_nothing_that_comes_after_it(tmp_path, store):
    """One row by a clock that is wrong: the mark, and the end of the history, stay believable."""
    wrong = event("e8", "2099-01-01 00:00:00")
    source = warehouse.as_sqlite(tmp_path / "w.db", with_events(wrong))
    report = take(store, source)
    assert any("1 rows were synced in the future, such as on 2099-01-01" in n for n in report.notes)
    assert store.history().observed_until < NOW
    warehouse.as_sqlite(tmp_path / "w.db", with_events(wrong, event("e9", LATER)))
    take(store, source)
    assert {"email-e8", "email-e9"} <= engagements(store)


def test_a_table_that_was_filled_anew_under_an_older_clock_is_read_whole(tmp_path, store):
    source = warehouse.as_sqlite(tmp_path / "w.db", with_events(event("e8", LATER)))
    take(store, source)
    old = event("e9", "2024-01-01 00:00:00")
    warehouse.as_sqlite(tmp_path / "w.db", with_events(old))
    report = take(store, source)
    assert any("email_event: was filled anew" in note for note in report.notes)
    assert "email-e9" in engagements(store)


def test_a_table_that_loses_its_sync_column_is_read_whole(tmp_path, store):
    source = warehouse.as_sqlite(tmp_path / "w.db", warehouse.tables())
    take(store, source)
    tables = with_events(event("e9", "2024-01-01 00:00:00"))
    tables["email_event"] = tables["email_event"].drop(columns="_fivetran_synced")
    warehouse.as_sqlite(tmp_path / "w.db", tables)
    take(store, source)
    assert "email-e9" in engagements(store)


def test_a_contact_that_changes_in_what_no_event_uses_is_no_reason_to_read_all_events(tmp_path):
    tables = with_events(event("e9", LATER))
    source = warehouse.as_sqlite(tmp_path / "w.db", tables)
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    take(store, source)
    tables["contact"] = tables["contact"].assign(property_city="Ulm", _fivetran_synced=LATER)
    warehouse.as_sqlite(tmp_path / "w.db", tables)
    extract = HUBSPOT.read_new(source, None, store.marks("hubspot", source_name(source)), NOW)
    (events,) = [each for each in extract.readings if each.origin == "email_event"]
    assert events.rows == 1
