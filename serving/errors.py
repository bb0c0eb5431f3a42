"""What the service refuses, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping


class RequestError(ValueError):
    """A request that cannot be answered.

    Parameters
    ----------
    status : of the HTTP answer.
    message : what is wrong, where, and what was expected.
    headers : to send with it.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


COME_BACK_S = 5
"""Until then a champion is looked for again, a writer is done, or a queue may be made."""


class NotReadyError(RequestError):
    """No model serves yet, or no queue is made yet; the message says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(503, message, {"Retry-After": str(COME_BACK_S)})


class BeingMadeError(NotReadyError):
    """What was asked for is being made for the first time.

    Parameters
    ----------
    words : what is being made.
    since_s : for how many seconds.
    """

    def __init__(self, words: str, since_s: float) -> None:
        ago = f", begun {since_s:.0f} seconds ago" if since_s >= 2 else ""
        self.told = f"{words} for the first time{ago}"
        self.words = words
        self.since_s = since_s
        super().__init__(f"{self.told}: ask again in a few seconds")


class EmptyHistoryError(ValueError):
    """The history holds no leads yet."""

    def __init__(self) -> None:
        super().__init__(
            "the history holds no leads yet: `POST /leads`, or run `smarketing ingest SOURCE`"
        )


class UnknownLeadError(ValueError):
    """The history knows no such lead."""
