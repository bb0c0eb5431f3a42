"""How MLflow is reached: quietly, privately, and with errors that say what to do."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mlflow.environment_variables import (
    MLFLOW_DISABLE_TELEMETRY,
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
)
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.telemetry import set_telemetry_client
from sqlalchemy.exc import SQLAlchemyError

from models.errors import ModelError

_CHATTY: Final = ("mlflow", "alembic")
_SQLITE: Final = "sqlite:///"
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+:/")


class RegistryError(ModelError):
    """Runs or registered models cannot be read or written; the message says what to do."""


@contextmanager
def mlflow_calls(uri: str) -> Iterator[None]:
    """Keep MLflow quiet, and turn what it raises into one sentence.

    It logs its migrations, warns about SQLAlchemy's future and about its own type hints: nothing
    that a user of ours can act on.

    Raises
    ------
    RegistryError : MLflow or its database refused; the cause is chained.
    """
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise RegistryError(_sentence(uri, error)) from error
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _sentence(uri: str, error: Exception) -> str:
    said = " ".join(str(error).split())
    if "database is locked" in said:
        return f"{uri} is locked by another process: wait for it to finish, then try again"
    if "unable to open database file" in said or "Permission denied" in said:
        return f"{uri} cannot be opened: check the path and its permissions ({said[:200]})"
    if "file is not a database" in said or "malformed" in said:
        return f"{uri} is not a database of MLflow, or damaged: restore it from a backup"
    return f"{uri}: {said[:400]}"


def absolute_uri(uri: str) -> str:
    """Return a tracking URI whose SQLite file is absolute; other URIs as they are.

    MLflow keeps one connection for each URI that it has seen, wherever the process then stood.

    >>> absolute_uri("http://models.example:5000")
    'http://models.example:5000'
    """
    file = sqlite_file(uri)
    return uri if file is None else f"{_SQLITE}{file}"


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of the SQLite database that a URI names, None for any other."""
    if not uri.startswith(_SQLITE) or uri == _SQLITE or ":memory:" in uri:
        return None
    return Path(uri.removeprefix(_SQLITE)).expanduser().resolve()


def is_database(uri: str) -> bool:
    """Tell whether MLflow opens a tracking URI's database in this process, and asks no server.

    >>> is_database("sqlite:///mlflow.db"), is_database("postgresql+psycopg://me@db/mlflow")
    (True, True)
    >>> is_database("http://models.example:5000")
    False
    """
    return uri.split(":", 1)[0].split("+", 1)[0] in DATABASE_ENGINES


def local_folder(artifacts: str) -> Path | None:
    """Return the absolute path of a folder for artefacts, None when it is a remote URI."""
    return None if is_remote(artifacts) else Path(artifacts).expanduser().resolve()


def is_remote(location: str) -> bool:
    """Tell whether artefacts at a path or URI are to be fetched by MLflow.

    >>> is_remote("mlflow-artifacts:/1/models"), is_remote("s3://bucket/models")
    (True, True)
    >>> is_remote("/var/models"), is_remote("file:///var/models"), is_remote("C:/models")
    (False, False, False)
    """
    scheme = _SCHEME.match(location)
    return scheme is not None and scheme[0] != "file:/"


def stay_quiet() -> None:
    """Leave progress bars to the command line, which has its own."""
    if not MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.is_set():  # type: ignore[no-untyped-call]  # MLflow's
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)  # type: ignore[no-untyped-call]  # likewise


def stay_private() -> None:
    """Switch MLflow's usage reports to its makers off, unless the environment decides it."""
    if not MLFLOW_DISABLE_TELEMETRY.is_set():  # type: ignore[no-untyped-call]  # MLflow's
        MLFLOW_DISABLE_TELEMETRY.set(True)  # type: ignore[no-untyped-call]  # likewise
        set_telemetry_client()  # type: ignore[no-untyped-call]  # likewise
