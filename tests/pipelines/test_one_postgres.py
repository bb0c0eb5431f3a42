"""History, MLflow and Optuna on one PostgreSQL server: trained, promoted and scored from there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pandas as pd
import pytest
from sqlalchemy import create_engine, inspect, text

from settings import Settings
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@contextmanager
def mlflow_server(backend, folder):
    """Run MLflow's server as deploy/ does; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--artifacts-destination", str(folder / "artifacts")]
    # MLflow starts its workers by name.
    beside = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    environment = {**os.environ, "MLFLOW_BACKEND_STORE_URI": backend, "PATH": beside}
    with (folder / "mlflow.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *words],
            env={**environment, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _answering(f"http://127.0.0.1:{port}", server)
        finally:
            server.terminate()
            server.wait(timeout=60)


def _answering(address, server):
    for _ in range(600):
        assert server.poll() is None
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == httpx.codes.OK:
                return address
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("MLflow's server does not answer")


@pytest.fixture
def optuna_url(postgres_url):
    """Return a URL of a schema of its own in the same database."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA optuna"))
    engine.dispose()
    return f"{postgres_url}?options=-csearch_path%3Doptuna"


def smarketing(folder, settings, *words):
    """Run a verb as a person does, each in a process of its own; return what it says."""
    environment = {**os.environ, **settings.as_environment(), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words],
        cwd=folder, env={**environment, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def lived_through(settings, folder):
    """Migrate, ingest, train, promote and score; return the scores."""
    assert "no store yet" in smarketing(folder, settings, "migrate")
    smarketing(folder, settings, "demo", "--leads", "600", "--trials", "2")
    smarketing(folder, settings, "score", "--out", "scores.parquet")
    assert "nothing to do" in smarketing(folder, settings, "migrate")
    return pd.read_parquet(folder / "scores.parquet")


def settings_on(history_url, tracking, search):
    return Settings(
        history={"url": history_url},
        training={"horizons": [30], "timeout_s": 60.0},
        tracking={"uri": tracking, "search_storage": search, "artifacts": "own"},
    )


@pytest.mark.parametrize("served", [False, True], ids=["mlflow's database", "mlflow's server"])
def test_all_three_share_a_server(served, postgres_url, optuna_url, tmp_path):
    if served:
        with mlflow_server(postgres_url, tmp_path) as address:
            settings = settings_on(postgres_url, address, optuna_url)
            scores = lived_through(settings, tmp_path)
        assert not (tmp_path / "own").exists()
    else:
        settings = settings_on(postgres_url, postgres_url, optuna_url)
        scores = lived_through(settings, tmp_path)
        assert list((tmp_path / "own").rglob("manifest.json"))
    assert len(scores) > 100
    assert scores["probability_30d"].between(0, 1).all()
    engine = create_engine(postgres_url)
    here, there = inspect(engine), set(inspect(engine).get_table_names(schema="optuna"))
    assert {"leads", "smarketing_version", "runs", "alembic_version"} <= set(here.get_table_names())
    assert {"trials", "alembic_version"} <= there
    with engine.connect() as connection:
        # Starting points that the search had no trials left for go on waiting in the storage.
        tried = text("SELECT count(*) FROM optuna.trials WHERE state <> 'WAITING'")
        trials = connection.execute(tried).scalar_one()
        leads = connection.execute(text("SELECT count(*) FROM leads")).scalar_one()
    engine.dispose()
    assert (trials, leads) == (2, 600)
