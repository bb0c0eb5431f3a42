"""An installation to measure: leads with sixty fields and many touches, a champion, servers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from features import build_training_set, default_features
from history import History, open_store
from history.extract import Extract, RawTable
from models import ConversionModel, tune
from models.registry import Registry

NOW = pd.Timestamp("2025-06-30", tz="UTC").as_unit("us")
FIELDS = 60
TOUCHES = 200
KINDS = ["email_open", "email_click", "web_visit", "form", "call", "meeting"]


def make_history(leads: int) -> History:
    """Return a history whose leads have sixty attributes and two hundred engagements each."""
    random = np.random.default_rng(7)
    ids = np.array([f"L{number:06d}" for number in range(leads)], dtype=object)
    created = NOW - pd.to_timedelta(random.uniform(100, 600, leads), unit="D")
    fields = random.normal(size=(leads, FIELDS)).round(3)
    chance = 1 / (1 + np.exp(2.0 - fields[:, :5].sum(axis=1)))
    won = random.random(leads) < chance
    after = random.uniform(1, 90, (leads, TOUCHES))
    touched = created.repeat(TOUCHES) + pd.to_timedelta(after.ravel(), unit="D")
    tables = {
        "leads": pd.DataFrame({"lead_id": ids, "created_at": created}).join(
            pd.DataFrame(fields, columns=[f"field_{place:02d}" for place in range(FIELDS)])
        ),
        "engagements": pd.DataFrame(
            {
                "engagement_id": [f"E{number}" for number in range(leads * TOUCHES)],
                "lead_id": np.repeat(ids, TOUCHES),
                "occurred_at": touched.as_unit("us"),
                "kind": random.choice(KINDS, leads * TOUCHES),
                "channel": random.choice(["email", "web", "phone"], leads * TOUCHES),
            }
        ),
        "outcomes": pd.DataFrame(
            {
                "lead_id": ids[won],
                "occurred_at": created[won] + pd.Timedelta(days=60),
                "stage": "won",
                "amount": 12000.0,
            }
        ),
    }
    return History.from_frames(tables, observed_until=NOW)


class Installation:
    """A store, a registry with a champion, and servers started beside each other.

    Parameters
    ----------
    folder : empty.
    history : that is served.
    learned : from which the champion learns; the same history where missing.
    """

    def __init__(self, folder: Path, history: History, learned: History | None = None) -> None:
        self._at(folder)
        self.history = history
        store = open_store(self.store)
        tables = {
            name: RawTable(frame.assign(outcome_id=[f"O{n}" for n in range(len(frame))])
                           if name == "outcomes" else frame, name)
            for name, frame in history.frames().items() if len(frame)
        }  # fmt: skip
        until = history.observed_until
        store.ingest(Extract("bench", tables, observed_until=until), now=until)
        store.engine.dispose()
        self.model = self._train(learned or history)

    @classmethod
    def there(cls, folder: Path) -> Installation:
        """Return an installation that was made in a folder before, to serve it again."""
        made = cls.__new__(cls)
        made._at(folder)
        return made

    def _at(self, folder: Path) -> None:
        self.folder = folder
        self.store = f"sqlite:///{folder}/history.db"
        self.tracking = f"sqlite:///{folder}/mlflow.db"

    def _train(self, history: History) -> ConversionModel:
        features = default_features(history)
        training_set = build_training_set(history, features, ages=(3, 30))
        tuned = tune(training_set, trials=2, folds=2, min_conversions=10)
        registry = Registry(self.tracking, f"{self.folder}/artifacts")
        words = {"who": "benchmark", "why": "to be measured", "now": NOW}
        made = registry.log_and_register(tuned.model, tuned.evaluation, tuned.trials, **words)
        registry.promote(made, **words)
        self.folder_of_model = registry.folder("champion")
        return tuned.model

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the servers."""
        return {
            **os.environ,
            # MLflow starts its server by the name of a command.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "BENTOML_DO_NOT_TRACK": "True",
            "MLFLOW_TRACKING_URI": self.tracking,
            "SMARKETING_HISTORY__URL": self.store,
            "SMARKETING_TRACKING__URI": self.tracking,
            "SMARKETING_TRACKING__ARTIFACTS": f"{self.folder}/artifacts",
        }

    @contextmanager
    def serving(self, *words: str, ready: str, **more: str) -> Iterator[int]:
        """Start a server; give its port once it answers.

        Parameters
        ----------
        words : of its command, ``PORT`` standing for the port.
        ready : the path that answers with 200 when it is.
        more : further environment.
        """
        port = free_port()
        command = [sys.executable, *(word.replace("PORT", str(port)) for word in words)]
        with (self.folder / "server.log").open("ab") as log:
            server = subprocess.Popen(
                command, env=self.environment | more, cwd=self.folder, stdout=log, stderr=log
            )
        try:
            try:
                wait_for(f"http://127.0.0.1:{port}{ready}", 120)
            except TimeoutError:
                print((self.folder / "server.log").read_text()[-2000:])
                raise
            yield port
        finally:
            server.terminate()
            server.wait(30)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, seconds: float) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{url} did not answer within {seconds} seconds")


def attributes(history: History, row: int) -> Mapping[str, float]:
    """Return the sixty fields of a lead."""
    lead = history.leads.iloc[row]
    return {name: float(lead[name]) for name in history.leads.columns if name.startswith("field")}
