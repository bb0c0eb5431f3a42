"""A limit of time that costs nothing for what never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any


async def within(seconds: float, work: Awaitable[None]) -> bool:
    """Do something in so many seconds at most; tell whether it was done in time.

    A timer is set when the work waits for the first time. Most requests never do, and setting and
    clearing a timer takes longer than much of what they ask for.

    Parameters
    ----------
    seconds : from the first wait on.
    work : is cancelled when the time is over.
    """
    steps = work.__await__()
    try:
        first = steps.send(None)
    except StopIteration:
        return True
    try:
        async with asyncio.timeout(seconds) as limit:
            await _Rest(steps, first)
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    return True


class _Rest:
    """What remains of work that has begun to wait.

    Parameters
    ----------
    steps : its own, as they stand.
    first : what it waits for.
    """

    def __init__(self, steps: Generator[Any, Any, None], first: Any) -> None:
        self._steps, self._first = steps, first

    def __await__(self) -> Generator[Any, Any, None]:
        """Pass on what it waits for, and what comes of that."""
        waits_for = self._first
        step: Callable[[Any], Any]
        while True:
            try:
                sent = yield waits_for
            except BaseException as problem:  # a cancellation, too, is the work's to see
                step, what = self._steps.throw, problem
            else:
                step, what = self._steps.send, sent
            try:
                waits_for = step(what)
            except StopIteration:
                return
