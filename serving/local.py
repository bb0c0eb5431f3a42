"""The service for as long as a block of code runs, for notebooks and trials on one machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from settings import Settings

_LOOPBACK = "127.0.0.1"
_PAUSE_S = 0.2


class StartError(RuntimeError):
    """The service did not become ready; the message ends with what it said last."""


@contextmanager
def local_service(settings: Settings, *, patience_s: float = 90.0) -> Iterator[str]:
    """Serve an installation on a free port of this machine, and stop at the end.

    Parameters
    ----------
    settings : of the installation; a registered champion is needed.
    patience_s : how long to wait for it to be ready.

    Yields
    ------
    The address, as ``http://127.0.0.1:40123``; only this machine can reach it.

    Raises
    ------
    StartError : it ended or was not ready in time, with its last words.
    """
    port = _free_port()
    words = [sys.executable, "-m", "serving.launch", "--host", _LOOPBACK, "--port", str(port)]
    with TemporaryDirectory(prefix="smarketing-") as scratch:
        said = Path(scratch) / "log"
        environment = {**os.environ, "BENTOML_HOME": scratch, **settings.as_environment()}
        with said.open("wb") as log:
            service = subprocess.Popen(  # noqa: S603  our own words
                words, env=environment, stdout=log, stderr=log, cwd=scratch
            )
        try:
            _wait(service, f"http://{_LOOPBACK}:{port}", said, patience_s)
            yield f"http://{_LOOPBACK}:{port}"
        finally:
            service.terminate()
            service.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _wait(service: subprocess.Popen[bytes], address: str, said: Path, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while time.monotonic() < end and service.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:  # it does not listen yet
            pass
        time.sleep(_PAUSE_S)
    raise StartError(f"the service did not become ready:\n{said.read_text()[-2000:]}")
