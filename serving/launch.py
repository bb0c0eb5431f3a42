"""`smarketing serve`: checks first, then starts the BentoML service."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from history import HistoryError, open_store
from history.keys import list_keys
from serving.security import is_loopback
from settings import Settings, SettingsError


class PortError(ValueError):
    """The service cannot listen where it was told to."""


class OpenError(ValueError):
    """The service would be open to strangers."""


def check_access(settings: Settings, address: str) -> None:
    """Refuse to listen where others can reach the service as long as it has no key.

    Raises
    ------
    OpenError : with what to do about it.
    StoreError : the store with the keys cannot be opened.
    """
    if is_loopback(address):
        return
    if all(key.revoked_at is not None for key in list_keys(open_store(settings.history.url))):
        raise OpenError(
            f"others can reach {address}, and there is no API key yet: make one with "
            "smarketing keys create --role admin, or listen on 127.0.0.1"
        )


def check_port(host: str, port: int) -> None:
    """Refuse a port that is taken, or an address that is not ours.

    Raises
    ------
    PortError : with what to do about it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortError(
                f"port {port} on {host} cannot be used ({error.strerror}); stop what listens "
                "there, or choose another with --port or [serving] port"
            ) from error


def launch(settings: Settings, host: str | None = None, port: int | None = None) -> int:
    """Run the service until it is stopped.

    Parameters
    ----------
    settings : of the installation.
    host, port : where to listen, instead of as configured.

    Returns
    -------
    0 after a clean stop, else the exit code of the service.

    Raises
    ------
    PortError : the port is taken, or the address is not ours.
    OpenError : others could reach it, and no API key was made.
    """
    address, number = _address(host or settings.serving.host), port or settings.serving.port
    check_access(settings, address)
    check_port(address, number)
    shown = f"[{address}]" if ":" in address else address
    words = [sys.executable, "-m", "bentoml", "serve", "serving.service:Smarketing"]
    words += ["--host", address, "--port", str(number), "--working-dir", str(Path.cwd())]
    with TemporaryDirectory(prefix="smarketing-") as scratch:
        # A session of its own: Ctrl-C reaches the service once, through us.
        service = subprocess.Popen(  # noqa: S603  our own words
            words, env=_environment(settings, scratch), start_new_session=True
        )
        _say(f"smarketing: open http://{shown}:{number} (stop with Ctrl-C)")
        return _wait(service)


def _environment(settings: Settings, scratch: str) -> dict[str, str]:
    override = {"services": {"smarketing": {"workers": settings.serving.workers}}}
    return {
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_CONFIG_OVERRIDES": json.dumps(override),
        # Metrics of one service are not mixed with those of another on this machine.
        "PROMETHEUS_MULTIPROC_DIR": scratch,
        **os.environ,
    }


def _wait(service: subprocess.Popen[bytes]) -> int:
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True
        service.terminate()

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        code = service.wait()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    return 0 if stopped else code


def _address(host: str) -> str:
    """Return the address of a host name: BentoML takes addresses alone.

    Raises
    ------
    PortError : the name has no address.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PortError(f"{host!r} is no address of this machine: {error}") from error
    return str(sorted(found, key=lambda each: each[0] != socket.AF_INET)[0][4][0])


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201  the terminal is whom this is for


def main() -> None:
    """Read the command's options and launch."""
    parser = argparse.ArgumentParser(prog="smarketing serve")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args()
    try:
        if options.config is not None:
            os.environ["SMARKETING_CONFIG"] = str(options.config.resolve())
        raise SystemExit(launch(Settings.load(options.config), options.host, options.port))
    except (PortError, OpenError, SettingsError, HistoryError) as error:
        _say(f"smarketing: {error}")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
