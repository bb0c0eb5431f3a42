"""What pages and endpoints show of the open leads, made as soon as the queue is."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from alignment.situation import Situation
from serving.shelf import PATIENCE_S, Shelf, Worker

_MOST_KEPT = 200
"""Views that are kept: a filter more is another one."""

View = Callable[[Situation], Any]


@dataclass(frozen=True)
class Wanted:
    """Something that is shown of a situation.

    Parameters
    ----------
    key : unique to it, with all that was asked for.
    words : what it is, in a sentence such as "the page Funnel is being made".
    make : makes it.
    """

    key: str
    words: str
    make: View


@dataclass(frozen=True)
class _Made:
    shown: Any
    of: weakref.ref[Situation]
    """Not the situation itself: it holds a whole history, and a page may be kept for long."""


def _made(wanted: Wanted, situation: Situation) -> _Made:
    return _Made(wanted.make(situation), weakref.ref(situation))


class Prepared:
    """Keeps what was made of the newest situation, and shows the last good one until then.

    Parameters
    ----------
    worker : makes it.
    first : what is made of every situation before somebody asks for it, in this order.
    """

    def __init__(self, worker: Worker, first: Callable[[], list[Wanted]] = list) -> None:
        self.first = first
        self._worker = worker
        self._lock = threading.Lock()
        self._shelves: OrderedDict[str, Shelf[_Made]] = OrderedDict()

    def get(self, situation: Situation, wanted: Wanted, patience_s: float = PATIENCE_S) -> Any:
        """Return what is wanted, made of an earlier situation where that of this one is not ready.

        Raises
        ------
        BeingMadeError : it is being made for the first time.
        """
        shelf = self._shelf(wanted)
        made = shelf.get(
            partial(_made, wanted, situation),
            lambda made: made.of() is situation,
            patience_s,
        )
        return made.shown

    def prepare(self, situation: Situation) -> None:
        """Have everything made that people look at first."""
        for wanted in self.first():
            self._shelf(wanted).ask(partial(_made, wanted, situation))

    def forget(self) -> None:
        """Drop everything: both teams have agreed on something else, or another model serves."""
        with self._lock:
            self._shelves.clear()

    def _shelf(self, wanted: Wanted) -> Shelf[_Made]:
        with self._lock:
            shelf = self._shelves.get(wanted.key)
            if shelf is None:
                shelf = self._shelves[wanted.key] = Shelf(self._worker, wanted.words)
            self._shelves.move_to_end(wanted.key)
            if len(self._shelves) > _MOST_KEPT:
                self._shelves.popitem(last=False)
            return shelf
