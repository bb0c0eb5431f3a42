import sqlite3
import threading

import pytest

from history import StoreError, open_store
from history.aside import LARGE_BYTES, is_large, read_aside
from history.extract import Extract


@pytest.fixture
def path(tmp_path, small_history):
    path = str(tmp_path / "history.db")
    store = open_store(f"sqlite:///{path}")
    store.ingest(Extract.of(small_history, "test"), now=small_history.observed_until)
    store.close()
    return path


def test_a_large_file_is_read_as_a_small_one_is(path, small_history, monkeypatch):
    store = open_store(f"sqlite:///{path}")
    until = small_history.observed_until
    small = store.live_history(until)
    monkeypatch.setattr("history.reading.is_large", lambda _path: True)
    large = store.live_history(until)
    store.close()
    assert large.digest() == small.digest()
    assert large.digest() == small_history.digest()


def test_what_waits_in_the_log_of_writes_counts_and_is_read(path, small_history, tmp_path):
    writer = sqlite3.connect(path)
    writer.execute("DELETE FROM engagements")
    writer.commit()
    (tmp_path / "out").mkdir()
    found = read_aside(path, str(tmp_path / "out"))
    writer.close()
    assert found["engagements"].num_rows == 0
    assert found["leads"].num_rows == len(small_history.leads)


def test_nobody_is_held_up_by_a_writer_and_nothing_half_done_is_seen(path, tmp_path):
    writer = sqlite3.connect(path, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM leads")
    found = []
    (tmp_path / "out").mkdir()
    reading = threading.Thread(target=lambda: found.append(read_aside(path, str(tmp_path / "out"))))
    reading.start()
    reading.join(60)
    writer.rollback()
    writer.close()
    assert found[0]["leads"].num_rows > 0


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    broken = tmp_path / "history.db"
    broken.write_bytes(b"not a database at all" * 100)
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreError, match=r"history\.db: .*database"):
        read_aside(str(broken), str(tmp_path / "out"))


def test_a_file_is_large_with_its_log(tmp_path):
    path = tmp_path / "history.db"
    assert not is_large(str(path))
    path.write_bytes(b"")
    (tmp_path / "history.db-wal").write_bytes(bytes(LARGE_BYTES))
    assert is_large(str(path))
