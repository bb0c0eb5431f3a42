"""One process at a time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PAUSE_SECONDS: Final = 0.05


@contextmanager
def alone(file: Path, seconds: float) -> Iterator[None]:
    """Hold a lock on `file`, which is made if need be; it is released even if the process dies.

    Parameters
    ----------
    file : what all contenders name.
    seconds : how long to wait for it.

    Raises
    ------
    TimeoutError : another process still holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        _acquire(handle.fileno(), seconds)
        yield


def _acquire(descriptor: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not acquired within {seconds:g} s")
        time.sleep(_PAUSE_SECONDS)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
