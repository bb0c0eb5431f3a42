"""`smarketing serve`: checks first, then starts the BentoML service."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from settings import Settings, SettingsError


class PortError(ValueError):
    """The service cannot listen where it was told to."""


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
                f"port {port} on {host} cannot be used ({error.strerror}); stop what listens there, "
                "or choose another with --port or [serving] port"
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
    PortError : the port is taken.
    """
    address, number = host or settings.serving.host, port or settings.serving.port
    check_port(address, number)
    root = Path(__file__).resolve().parent
    environment = {
        **os.environ,
        "BENTOML_CONFIG": os.environ.get("BENTOML_CONFIG", str(root / "bentoml.yaml")),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    words = [sys.executable, "-m", "bentoml", "serve", "serving.service:Smarketing"]
    print(f"smarketing listens on http://{address}:{number} (stop with Ctrl-C)", file=sys.stderr)  # noqa: T201
    service = subprocess.Popen(  # noqa: S603  our own words
        [*words, "--host", address, "--port", str(number), "--working-dir", os.getcwd()],
        env=environment,
    )
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True
        service.terminate()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    code = service.wait()
    return 0 if stopped else code


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
    except (PortError, SettingsError) as error:
        print(f"smarketing: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
