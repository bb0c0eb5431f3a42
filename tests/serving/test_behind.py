import logging
import threading

import pytest

from serving.behind import Behind


def test_notes_are_worked_off_in_order_by_another_thread():
    seen = []
    behind = Behind("test", lambda batch: seen.append((threading.current_thread().name, *batch)))
    for number in range(3):
        assert behind.note(number)
    behind.close()
    assert [number for _, *batch in seen for number in batch] == [0, 1, 2]
    assert {name for name, *_ in seen} == {"test"}


def test_flushing_works_off_what_waits_and_nothing_twice():
    seen = []
    behind = Behind("test", seen.extend)
    behind.note("a")
    behind.flush()
    assert seen == ["a"]
    behind.close()
    assert seen == ["a"]


def test_more_than_fits_is_refused(monkeypatch):
    monkeypatch.setattr("serving.behind._MOST_WAITING", 2)
    monkeypatch.setattr("serving.behind._EVERY_S", 3600.0)
    behind = Behind("test", lambda batch: None)
    assert [behind.note(each) for each in "abc"] == [True, True, False]
    behind.close()


def test_work_that_fails_is_told_once_and_later_notes_are_not_lost(monkeypatch, caplog):
    monkeypatch.setattr("serving.behind._EVERY_S", 0.001)
    seen, failed = [], threading.Event()

    def work(batch):
        if "bad" in batch:
            failed.set()
            raise RuntimeError("the disk is full")
        seen.extend(batch)

    behind = Behind("test", work)
    with caplog.at_level(logging.ERROR, "smarketing.behind"):
        behind.note("bad")
        assert failed.wait(10)
        behind.note("bad")
        behind.flush()
        behind.note("good")
        behind.flush()
        behind.note("bad")
        behind.flush()
        behind.note("last")
        behind.close()
    assert seen == ["good", "last"]
    assert [each.getMessage() for each in caplog.records] == ["test: 1 notes were lost"] * 2
    assert "the disk is full" in str(caplog.records[0].exc_info[1])


def test_a_note_after_a_close_is_worked_off_too():
    seen = []
    behind = Behind("test", seen.extend)
    for each in "ab":
        behind.note(each)
        behind.close()
    assert seen == ["a", "b"]


@pytest.mark.parametrize("patience", [0.0, 5.0])
def test_closing_what_never_began_is_nothing(patience):
    Behind("test", lambda batch: None).close(patience)
