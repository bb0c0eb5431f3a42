import sqlite3

import pytest
from sqlalchemy import text

from history import StoreError, open_store
from serving.live import reading

LEAD = {"lead_id": "L1", "created_at": "2025-06-01T00:00:00Z"}


def test_what_is_acknowledged_is_there_for_everyone(empty_desk):
    """Whatever the service has read before, a record is in the file when it is acknowledged."""
    empty_desk.write("leads", [LEAD])
    assert len(empty_desk.situation().worklist) == 1
    empty_desk.look()
    empty_desk.write("leads", [LEAD | {"lead_id": "L2"}])
    connection = sqlite3.connect(empty_desk.store.engine.url.database)
    try:
        assert connection.execute("SELECT count(*) FROM leads").fetchone() == (2,)
    finally:
        connection.close()


def test_reading_does_not_wait_for_a_writer(tmp_path, monkeypatch):
    monkeypatch.setattr("history.engine._BUSY_SECONDS", 1)
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    try:
        with store.engine.begin() as writer:
            writer.execute(text("DELETE FROM leads"))
            with reading(store) as reader:
                assert reader.execute(text("SELECT count(*) FROM leads")).scalar_one() == 0
    finally:
        store.engine.dispose()


def test_a_database_that_cannot_be_read_is_one_clear_line(empty_desk):
    with pytest.raises(StoreError, match="syntax error"), reading(empty_desk.store) as connection:
        connection.execute(text("SELECT 1 FROM nothing"))
