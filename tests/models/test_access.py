"""How MLflow is reached."""

import logging
import warnings
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from models.access import (
    RegistryError,
    absolute_uri,
    is_database,
    is_remote,
    local_folder,
    mlflow_calls,
    sqlite_file,
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("(sqlite3.OperationalError) database is locked", "is locked by another process"),
        ("unable to open database file", "check the path and its permissions"),
        ("file is not a database", "is not a database of MLflow, or damaged"),
        ("anything\nelse", "db: anything else"),
    ],
)
def test_what_mlflow_raises_becomes_one_sentence(said, told):
    with pytest.raises(RegistryError, match=told), mlflow_calls("db"):
        raise MlflowException(said)


def test_our_own_errors_pass_through():
    with pytest.raises(KeyError), mlflow_calls("db"):
        raise KeyError("ours")


def test_chatter_is_kept_back_and_the_loggers_are_as_before():
    before = logging.getLogger("mlflow").level
    with mlflow_calls("db"):
        warnings.warn("about something nobody can act on", UserWarning, stacklevel=1)
        assert not logging.getLogger("mlflow.store").isEnabledFor(logging.INFO)
    assert logging.getLogger("mlflow").level == before


def test_only_a_file_of_sqlite_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert absolute_uri("sqlite:///runs/m.db") == f"sqlite:///{tmp_path}/runs/m.db"
    assert absolute_uri("postgresql://host/db") == "postgresql://host/db"
    assert sqlite_file("sqlite:////var/m.db") == Path("/var/m.db")
    assert sqlite_file("http://host:5000") is None


def test_only_a_folder_is_local(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert local_folder("mlruns") == tmp_path / "mlruns"
    assert local_folder("s3://bucket/runs") is None


@pytest.mark.parametrize(
    ("location", "remote"),
    [
        ("mlflow-artifacts:/1/models", True),  # as MLflow's own server names its artefacts
        ("mlflow-artifacts:///models", True),
        ("s3://bucket/models", True),
        ("http://models.example/1", True),
        ("file:///var/models", False),
        ("/var/models", False),
        ("mlruns/artifacts", False),
        ("C:/models", False),
    ],
)
def test_what_mlflow_has_to_fetch_is_told_from_what_lies_here(location, remote):
    assert is_remote(location) is remote
    assert remote is False or local_folder(location) is None


def test_a_database_is_told_from_a_server():
    assert is_database("sqlite:///mlruns/mlflow.db")
    assert is_database("postgresql+psycopg://me@db/mlflow")
    assert not is_database("http://models.example:5000")
    assert not is_database("https://models.example")
