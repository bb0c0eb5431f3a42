"""What was deleted is not in the files either, byte by byte."""

from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from history import open_store
from history.purging import purge
from history.score_log import ServedScore, write_scores
from history.store import Store

NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")
MARY, PETER = "mary-of-the-files", "peter-of-the-files"


@pytest.fixture
def store(tmp_path):
    with closing(open_store(f"sqlite:///{tmp_path}/history.db")) as made:
        for note in ("first words", "other words"):  # an update, which leaves the first row behind
            leads = [MARY, PETER, *(f"l{number}" for number in range(300))]
            rows = {"lead_id": leads, "created_at": "2024-01-01T00:00:00Z", "note": note * 9}
            made.upsert("leads", pd.DataFrame(rows), now=NOW)
        yield made


def log(lead_id: str) -> ServedScore:
    return ServedScore(lead_id, 0, 1, "1", (90,), (0.5,), 50.0, "C", "ok", [], ("a",), (1.0,), 1, 1)


def naming(store: Store, lead_id: str) -> list[str]:
    path = Path(str(store.engine.url.database))
    files = sorted(path.parent.glob("history.db*"))
    return [each.name for each in files if lead_id.encode() in each.read_bytes()]


def test_no_byte_of_a_file_names_who_was_erased(store):
    write_scores(store, [log(MARY), log(PETER)])
    assert naming(store, MARY)
    receipt = store.erase(MARY)
    assert naming(store, MARY) == []
    assert naming(store, PETER)
    assert set(receipt.traces.files) >= {"history.db", "history.db-wal"}
    assert not any(receipt.traces.files.values())
    assert (receipt.traces.in_the_way, receipt.traces.copies) == ("", ())
    assert store.counts()["leads"] == 301


def test_a_service_that_reads_beside_is_no_hindrance(store):
    with closing(open_store(store.name)) as service:
        with service.in_place.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM leads").fetchall()
        assert store.erase(MARY).traces.in_the_way == ""
        with service.in_place.cursor() as cursor:
            assert cursor.execute("SELECT count(*) FROM leads").fetchone()[0] == 301
    assert naming(store, MARY) == []


def test_who_reads_for_long_is_named_and_the_erasure_can_be_repeated(tmp_path, store):
    with closing(open_store(store.name, patience_s=0.1)) as hurried:
        with store.in_place.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM leads").fetchall()
            told = hurried.erase(MARY).traces
            assert "stop the service and erase again" in told.in_the_way
            assert any(told.files.values())
        again = hurried.erase(MARY)
    assert not any(again.removed.values())
    assert not any(again.traces.files.values())
    assert again.traces.in_the_way == ""


def test_copies_beside_the_store_that_name_the_person_are_told(store, tmp_path):
    copy = tmp_path / "history.db.0001-20240101T000000000000"
    copy.write_bytes(b"x" * 100 + MARY.encode())
    (tmp_path / "history.db.0002-20240101T000000000000").write_bytes(b"nobody")
    assert store.erase(MARY).traces.copies == (copy.name,)


def test_an_id_across_two_parts_of_a_file_is_found(store, tmp_path, monkeypatch):
    monkeypatch.setattr("history.purging._PART", 7)
    (tmp_path / "history.db.copy").write_bytes(b"12345" + MARY.encode() + b"67")
    assert purge(store.engine, [MARY]).copies == ("history.db.copy",)
    assert purge(store.engine, ["nobody-at-all"]).copies == ()
