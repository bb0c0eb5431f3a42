"""Taking turns on the event loop.

What is done on the loop itself keeps it from everything else until the next pass: from answering
those who wait for one second alone, and from accepting connections, of which libuv accepts one a
pass (its pull request 3696). So only a few requests are worked on in one pass, and the others in
the passes that follow, in the order in which they came.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Lets a few through in each pass of the loop.

    Parameters
    ----------
    most : in one pass.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Return when it is one's turn: at once, unless others have come before."""
        loop = asyncio.get_running_loop()
        if self._taken >= self._most or self._queue:
            turn = loop.create_future()
            self._queue.append(turn)
            await turn
            return
        if self._taken == 0:
            loop.call_soon(self._next, loop)
        self._taken += 1

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a pass: the first in the queue are woken within it."""
        self._taken = 0
        while self._queue and self._taken < self._most:
            turn = self._queue.popleft()
            if not turn.done():  # who gave up needs none
                turn.set_result(None)
                self._taken += 1
        if self._taken:
            loop.call_soon(self._next, loop)
