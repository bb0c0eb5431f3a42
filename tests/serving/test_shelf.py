import logging
import threading

import pytest

from serving.errors import BeingMadeError, EmptyHistoryError
from serving.shelf import Shelf, Worker

PATIENCE_S = 30.0


class Maker:
    """Makes 1, 2, 3 and so on, each when it may."""

    def __init__(self):
        self.count = 0
        self.may = threading.Event()
        self.begun = threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.may.wait(30)
        self.count += 1
        return self.count


@pytest.fixture
def maker():
    made = Maker()
    yield made
    made.may.set()


@pytest.fixture
def shelf():
    return Shelf(Worker("a test"), "it is being made")


def never(_value):
    return False


def always(_value):
    return True


def test_who_asks_first_waits_for_a_moment_and_is_told_why(shelf, maker):
    with pytest.raises(BeingMadeError, match="it is being made for the first time"):
        shelf.get(maker, always, 0.0)
    maker.may.set()
    assert shelf.get(maker, always, PATIENCE_S) == 1
    assert shelf.get(maker, always, 0.0) == 1
    assert maker.count == 1


def test_the_last_good_one_is_shown_while_a_new_one_is_made(shelf, maker):
    maker.may.set()
    assert shelf.get(maker, never, PATIENCE_S) == 1
    maker.may.clear()
    assert [shelf.get(maker, never, 0.0) for _ in range(3)] == [1, 1, 1]
    coming = shelf.ask(maker)
    maker.may.set()
    assert coming.result(PATIENCE_S) == 2
    assert shelf.newest == 2


def test_one_that_was_forgotten_while_it_was_made_is_not_kept(shelf, maker):
    coming = shelf.ask(maker)
    assert maker.begun.wait(30)
    shelf.forget()
    maker.may.set()
    assert coming.result(PATIENCE_S) == 1
    assert shelf.newest is None
    assert shelf.get(maker, always, PATIENCE_S) == 2


def test_a_change_reaches_the_one_that_is_there_and_the_one_on_its_way(shelf, maker):
    maker.may.set()
    shelf.get(maker, never, PATIENCE_S)
    maker.may.clear()
    coming = shelf.ask(maker)
    shelf.change(lambda number: number + 100)
    assert shelf.newest == 101
    maker.may.set()
    assert coming.result(PATIENCE_S) == 102


def test_a_failure_is_told_to_who_waits_and_tried_again(shelf, caplog):
    with pytest.raises(ZeroDivisionError):
        shelf.get(lambda: 1 // 0, always, PATIENCE_S)
    assert "it is being made, in vain" in caplog.text
    assert shelf.get(lambda: 5, always, PATIENCE_S) == 5


def test_a_failure_leaves_the_last_good_one(shelf, caplog):
    shelf.get(lambda: 5, always, PATIENCE_S)
    failing = shelf.ask(lambda: 1 // 0)
    assert isinstance(failing.exception(PATIENCE_S), ZeroDivisionError)
    assert shelf.newest == 5


def test_an_empty_history_is_no_failure_of_ours(shelf, caplog):
    def empty():
        raise EmptyHistoryError

    with caplog.at_level(logging.INFO), pytest.raises(EmptyHistoryError):
        shelf.get(empty, always, PATIENCE_S)
    assert [each.levelname for each in caplog.records] == ["INFO"]
    assert "Traceback" not in caplog.text


def test_each_one_that_is_kept_is_told_of():
    told = []
    shelf = Shelf(Worker("a test"), "it is being made", told.append)
    shelf.get(lambda: 7, always, PATIENCE_S)
    assert told == [7]


def test_what_somebody_waits_for_is_made_first(maker):
    worker, order = Worker("a test"), []
    worker.do("slow", maker)
    assert maker.begun.wait(30)
    last = threading.Event()
    worker.do("one", lambda: order.append("one"))
    worker.do("two", lambda: order.append("two"))
    worker.do("three", lambda: (order.append("three"), last.set()))
    worker.hurry("two")
    maker.may.set()
    assert last.wait(30)
    assert order == ["two", "one", "three"]


def test_a_closed_worker_begins_nothing(maker):
    worker, order = Worker("a test"), []
    worker.do("slow", maker)
    assert maker.begun.wait(30)
    worker.do("later", lambda: order.append("later"))
    worker.close()
    maker.may.set()
    last = threading.Event()
    worker.do("last", last.set)
    assert last.wait(30)
    assert order == []
