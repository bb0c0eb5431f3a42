"""How much a caller may ask for: a token bucket a key, and the size of a body."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Message, Receive

from serving.errors import RequestError


class Buckets:
    """A token bucket for each key: a sustained rate, and a burst on top.

    Parameters
    ----------
    rate : tokens that flow in, a second.
    burst : what a bucket holds.
    clock : seconds, never going back.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> float:
        """Take a token; return 0, or the seconds until there will be one."""
        now = self._clock()
        tokens, before = self._buckets.get(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - before) * self._rate)
        enough = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if enough else tokens, now)
        return 0.0 if enough else (1.0 - tokens) / self._rate


def limited(receive: Receive, length: bytes | None, most: int) -> Receive:
    """Return a `receive` that refuses a body of more than `most` bytes.

    Parameters
    ----------
    receive : of the server.
    length : what the caller says about the length of the body, where it does.
    most : in bytes.

    Raises
    ------
    RequestError : 413, at once where the caller says so, else when that much has come.
    """
    words = f"the body is larger than {most >> 20} MiB: send less at once"
    if length is not None and length.isdigit() and int(length[:20]) > most:
        raise RequestError(413, words, {"Connection": "close"})
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise RequestError(413, words, {"Connection": "close"})
        return message

    return counted
