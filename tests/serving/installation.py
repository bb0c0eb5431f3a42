"""An installation in a folder of its own, run as other processes, as users run it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]

REGISTER = """
import sys
import pandas as pd
from models.conversion import ConversionModel
from models.evaluation import Evaluation
from models.registry import Registry

folder, model = sys.argv[1:]
registry = Registry(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
figures = pd.DataFrame(columns=["segment", "horizon", "predictor", "metric", "value"])
now = pd.Timestamp("2025-12-31", tz="UTC")
words = {"who": "a test", "why": "to serve", "now": now}
loaded = ConversionModel.load(model)
evaluation = Evaluation(figures, figures, figures, figures, 0.1)
version = registry.log_and_register(loaded, evaluation, pd.DataFrame(), **words)
print(registry.folder(registry.promote(version, **words)))
"""


@dataclass
class Installation:
    """A folder with a store, a registry and a home for BentoML.

    Parameters
    ----------
    folder : empty.
    port : where its service listens.
    """

    folder: Path
    port: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "BENTOML_HOME": str(self.folder / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
            "OMP_NUM_THREADS": "1",
            "SMARKETING_HISTORY__URL": f"sqlite:///{self.folder}/history.db",
            "SMARKETING_TRACKING__URI": f"sqlite:///{self.folder}/mlflow.db",
            "SMARKETING_TRACKING__ARTIFACTS": f"{self.folder}/artifacts",
        }

    def run(
        self, *words: str, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=cwd or self.folder,
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def register(self, model: Path) -> Path:
        """Make a saved model the champion; return where its files lie now."""
        done = self.run("-c", REGISTER, str(self.folder), str(model))
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.splitlines()[-1])

    def start(
        self, *words: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        with (self.folder / "log").open("wb") as log:
            service = subprocess.Popen(
                [sys.executable, *words],
                cwd=cwd or self.folder,
                env=env or self.environment,
                stdout=log,
                stderr=log,
            )
        self.running.append(service)
        self.wait_for(lambda: self.get("/livez").status_code == 200, 180)

    def wait_for(self, condition: Any, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def post(self, path: str, body: Any) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}{path}", content=json.dumps(body), timeout=30
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        service = self.running.pop()
        service.send_signal(how)
        return service.wait(30)

    def close(self) -> None:
        while self.running:
            self.stop()
