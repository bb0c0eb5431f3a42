"""A person who was erased is nowhere, and no source brings them back."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from delivery.outbox import Outbox
from history import StoreError, open_store
from history.assignments import assign
from history.erasure import same_person, search
from history.extract import Extract, RawTable
from history.mapping.identity import resolved
from history.schema import ERASED, MOVED, QUARANTINE, SCORES, metadata
from history.score_log import BulkScores, ServedScore, write_bulk, write_scores
from history.score_reading import read_scores
from history.teamwork import hand_over

IDS_OF = ["p", "q", "r", "s"]
NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
IDS = {"lead_id", "entity_id", "old_id", "new_id", "record"}


def extract_of(history):
    tables = {name: RawTable(frame, f"{name}.csv") for name, frame in history.frames().items()}
    return Extract("test", tables, history.current_only, history.observed_until)


@pytest.fixture
def store(store_url, small_history):
    made = open_store(store_url)
    made.ingest(extract_of(small_history), now=NOW)
    yield made
    made.engine.dispose()


def everything(store):
    with store.reading() as connection:
        return {
            table.name: [tuple(map(str, row)) for row in connection.execute(table.select()).all()]
            for table in metadata.sorted_tables
        }


def plant(store, lead_id):
    """Write a row that names the lead into every table that can."""
    with store.writing() as connection:
        for table in metadata.sorted_tables:
            if table is not ERASED and IDS & set(table.c.keys()):
                row = {
                    column.name: lead_id
                    if column.name in IDS
                    else {"entity": "lead", "turn": 7}.get(
                        column.name, "7" if column.type.python_type is str else 7
                    )
                    for column in table.columns
                }
                taken = select(table).where(*(c == row[c.name] for c in table.primary_key))
                if connection.execute(taken).first() is None:
                    connection.execute(table.insert().values(**row))
        row = {column.name: "7" if column.type.python_type is str else 7 for column in QUARANTINE.c}
        row |= {"quarantine_id": "q", "raw": f'{{"lead_id": "{lead_id}"}}'}
        connection.execute(QUARANTINE.insert().values(**row))


def test_every_table_that_can_name_a_person_forgets_them(store):
    plant(store, "ann")
    named = {name for name, rows in everything(store).items() if "ann" in str(rows)}
    assert {"leads", "engagements", "scores", "handoffs", "assignments", "quarantine"} <= named
    assert {t.name for t in metadata.sorted_tables if IDS & set(t.c.keys())} <= named
    receipt = store.erase("ann")
    assert named <= {name for name, count in receipt.removed.items() if count}
    assert set(receipt.found_after) >= set(receipt.removed)
    assert set(receipt.found_after.values()) == {0}
    assert "ann" not in str(everything(store))


def test_a_source_does_not_bring_them_back(store, small_history):
    before = store.counts()
    gone = store.erase("ann").removed
    report = store.ingest(extract_of(small_history), now=NOW)
    for name in ("leads", "engagements", "outcomes"):
        assert report.counts[name].erased == gone[name]
        assert store.counts()[name] == before[name] - gone[name]
    assert "ann" not in str(everything(store))


def test_nor_does_a_caller_and_not_by_a_row_that_does_not_fit(store):
    store.erase("ann")
    rows = pd.DataFrame({"lead_id": ["ann", "eve"], "created_at": ["2024-01-01T00:00:00Z"] * 2})
    counts, _ = store.upsert("leads", rows, now=NOW)
    assert (counts.accepted, counts.erased) == (1, 1)
    bad = pd.DataFrame(
        {"lead_id": ["ann", "eve", "fay"], "created_at": ["soon", "soon", "2024-01-01T00:00:00Z"]}
    )
    counts, rejects = store.upsert("leads", bad, now=NOW)
    assert (counts.rejected, counts.erased, len(rejects)) == (1, 1, 1)
    assert "ann" not in str(everything(store))


def test_ids_that_were_merged_into_them_go_with_them(store):
    with store.writing() as connection:
        moves = [{"old_id": "anneli", "new_id": "anna"}, {"old_id": "anna", "new_id": "ann"}]
        connection.execute(MOVED.insert(), moves)
        assert same_person(connection, "ann") == ["ann", "anna", "anneli"]
    store.erase("ann")
    ids = ["anna", "anneli"]
    rows = pd.DataFrame({"lead_id": ids, "created_at": ["2024-01-01T00:00:00Z"] * 2})
    assert store.upsert("leads", rows, now=NOW)[0].erased == 2
    assert "ann" not in str(everything(store))


def test_the_id_that_they_became_and_what_it_was_merged_from_goes_with_an_old_one(store):
    """Rows of the old id stand under the new one by now: nobody could tell them apart."""
    with store.writing() as connection:
        moves = [{"old_id": "anna", "new_id": "ann"}, {"old_id": "anneli", "new_id": "ann"}]
        connection.execute(MOVED.insert(), moves)
    receipt = store.erase("anna")
    assert receipt.linked == ("ann", "anneli")
    assert receipt.removed["engagements"] == 2
    assert "ann" not in str(everything(store))


def test_a_source_that_says_who_they_became_brings_nothing_back(store, small_history):
    """What bears the erased id stays out; the survivor's own rows stay and go in."""
    gone = store.erase("ann").removed
    before = everything(store)
    said = replace(extract_of(small_history), merged={"ann": "bob", "other": "bob"})
    for _ in range(2):
        report = store.ingest(said, now=NOW)
        for name in ("leads", "engagements", "outcomes"):
            assert report.counts[name].erased == gone[name]
            assert everything(store)[name] == before[name]
        assert "ann" not in str(everything(store))
    with store.reading() as connection:
        assert same_person(connection, "bob") == ["bob", "other"]


def test_whoever_a_source_merges_into_them_is_erased_too(store, small_history):
    """Ann has rows in the store, and they are those of an erased person now."""
    store.erase("bob")
    plant(store, "ann")
    said = replace(extract_of(small_history), merged={"anna": "ann", "ann": "bob"})
    report = store.ingest(said, now=NOW)
    assert "erased too: 2 leads" in report.notes[-1]
    text = str(everything(store))
    assert "ann" not in text
    assert "bob" not in text
    again = store.ingest(said, now=NOW)
    assert again.counts["leads"].erased == 2
    assert str(everything(store)) == text


def test_a_deletion_told_of_them_again_leaves_no_id(store, small_history):
    store.erase("ann")
    store.ingest(replace(extract_of(small_history), gone=frozenset({"ann", "cyd"})), now=NOW)
    assert "ann" not in str(everything(store))
    assert everything(store)["moved_leads"] == [("cyd", "None")]


@given(
    merged=st.dictionaries(st.sampled_from(IDS_OF), st.sampled_from(IDS_OF), max_size=4),
    erased=st.sets(st.sampled_from(IDS_OF), min_size=1),
)
@settings(max_examples=40, deadline=None)
def test_no_erased_id_returns_whatever_a_source_merges(tmp_path_factory, merged, erased):
    merged = resolved({old: new for old, new in merged.items() if old != new})
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('merged')}/history.db")
    at = [pd.Timestamp("2024-01-01", tz="UTC").isoformat()] * len(IDS_OF)
    own = [f"touch of {each}" for each in IDS_OF]
    tables = {
        "leads": pd.DataFrame({"lead_id": IDS_OF, "created_at": at}),
        "engagements": pd.DataFrame(
            {"engagement_id": own, "lead_id": IDS_OF, "occurred_at": at, "kind": "visit"}
        ),
    }
    plain = Extract("test", {name: RawTable(each, name) for name, each in tables.items()})
    store.ingest(plain, now=NOW)
    for each in sorted(erased):
        store.erase(each)
    store.ingest(replace(plain, merged=merged), now=NOW)
    store.engine.dispose()
    out = erased | {old for old, new in merged.items() if new in erased}
    found = everything(store)
    assert {row[0] for row in found["engagements"]} == {
        f"touch of {each}" for each in IDS_OF if each not in out
    }
    assert {row[1] for row in found["engagements"]} == {
        merged.get(each, each) for each in IDS_OF if each not in out
    }
    assert {row[0] for row in found["leads"]} == set(IDS_OF) - out - set(merged)


@pytest.mark.parametrize("raw", ['{"lead_id": 777123, "kind": "x"}', '{"kind": "x", "id": 777123}'])
def test_an_id_that_stood_as_a_number_in_a_bad_row_is_found(store, raw):
    rows = pd.DataFrame({"lead_id": ["777123"], "created_at": ["2024-01-01T00:00:00Z"]})
    store.upsert("leads", rows, now=NOW)
    with store.writing() as connection:
        row = {column.name: "7" if column.type.python_type is str else 7 for column in QUARANTINE.c}
        connection.execute(QUARANTINE.insert().values(**row | {"raw": raw}))
    assert store.erase("777123").removed["quarantine"] == 1
    assert "777123" not in str(everything(store))


def test_they_may_come_back_at_their_own_wish(store, small_history):
    before = store.counts()
    store.erase("ann")
    assert store.readmit("ann") == 1
    assert store.readmit("ann") == 0
    store.ingest(extract_of(small_history), now=NOW)
    assert store.counts() == before


@pytest.mark.parametrize("asked", ["ann", "anna", "anneli", "bob"])
def test_all_ids_of_a_person_come_back_together(store, small_history, asked):
    """Those that were erased together, and one that a source merged into them afterwards."""
    with store.writing() as connection:
        moves = [{"old_id": "anna", "new_id": "ann"}, {"old_id": "anneli", "new_id": "anna"}]
        connection.execute(MOVED.insert(), moves)
    store.erase("ann")
    store.erase("cyd")
    store.ingest(replace(extract_of(small_history), merged={"bob": "ann"}), now=NOW)
    assert not any(
        each in str(everything(store)["erased"]) for each in ("ann", "anna", "anneli", "bob")
    )
    assert store.readmit(asked) == 4
    assert len(everything(store)["erased"]) == 1
    report = store.ingest(extract_of(small_history), now=NOW)
    assert report.counts["leads"].erased == 1
    assert {row[0] for row in everything(store)["leads"]} == {"ann", "bob", "dee"}


def test_two_who_were_erased_apart_and_turn_out_the_same_come_back_together(store, small_history):
    store.erase("ann")
    store.erase("bob")
    store.ingest(replace(extract_of(small_history), merged={"bob": "ann"}), now=NOW)
    assert store.readmit("bob") == 2
    assert everything(store)["erased"] == []


def test_an_id_that_was_erased_before_links_were_kept_comes_back_alone(store):
    store.erase("ann")
    store.erase("bob")
    with store.writing() as connection:
        connection.execute(ERASED.update().values(person=None))
    assert store.readmit("ann") == 1
    assert len(everything(store)["erased"]) == 1


def test_nobody_is_forgotten_who_was_not_there(store):
    with pytest.raises(StoreError, match="no lead 'nobody'"):
        store.erase("nobody")
    assert everything(store)["erased"] == []


def test_what_stays_says_nothing_without_the_store(store, tmp_path, small_history):
    other = open_store(f"sqlite:///{tmp_path}/other.db")
    other.ingest(extract_of(small_history), now=NOW)
    for each in (store, other):
        each.erase("ann")
    assert everything(store)["erased"] != everything(other)["erased"]


def test_the_proof_finds_what_no_condition_of_the_deletion_asks_for(store):
    """A column that nobody thought of: the id of a person in the reasons of somebody else."""
    with store.writing() as connection:
        row = {c.name: "7" if c.type.python_type is str else 7 for c in SCORES.c}
        connection.execute(SCORES.insert().values(**{**row, "reasons": '["ann-lee"]'}))
        assert search(connection, ["ann-lee"])["scores"] == 1
        assert search(connection, ["7"])["scores"] == 1  # by the name of its column alone


def test_nothing_is_written_of_them_later(store):
    """A score that was on its way when they were erased, a hand-over and an owner."""
    score = ServedScore("ann", 0, 1, "1", (90,), (0.5,), 50.0, "C", "ok", [], ("a",), (1.0,), 1, 1)
    bulk = BulkScores(
        ["ann", "bob"], np.zeros(2, dtype=np.int64), 1, "1", (90,), np.full((2, 1), 0.5),
        np.full(2, 50.0), ["C", "C"], ["ok", "ok"], 1, 1,
    )  # fmt: skip
    row = {
        "lead_id": "ann", "cycle": 0, "handed_at": NOW, "owner": "", "score": 1.0, "grade": "A",
        "probability": 0.1, "reasons": [], "explored": False, "agreement": 0, "model_version": "1",
    }  # fmt: skip
    store.erase("ann")
    write_scores(store, [score])
    write_bulk(store, bulk)
    assert hand_over(store, [row, {**row, "lead_id": "bob"}]) == 1
    given = {"turn": 0, "owner": "kim", "why": "free"}
    assert assign(store, [{"lead_id": "ann", **given}, {"lead_id": "bob", **given}], NOW) == 1
    outbox = Outbox(store.engine)
    assert outbox.put("hubspot", {"ann": {"score": 1}, "bob": {"score": 1}}) == 1
    outbox.ask("odoo", {"ann": {}})
    assert "ann" not in str({n: r for n, r in everything(store).items() if n != "meta"})
    assert read_scores(store)["lead_id"].tolist() == ["bob"]


def test_an_erasure_that_is_not_proved_changes_nothing(store, monkeypatch):
    before = everything(store)
    monkeypatch.setattr("history.erasure.search", lambda *_: {"scores": 1})
    with pytest.raises(StoreError, match="still named; nothing was erased"):
        store.erase("ann")
    assert everything(store) == before
