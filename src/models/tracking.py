"""Runs in MLflow: one for a training, one nested in it for every trial of the search.

MLflow is reached through its client alone, so that nothing here changes the process-wide state
that a notebook's own MLflow calls rely on.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from models.access import (
    absolute_uri,
    is_database,
    is_remote,
    local_folder,
    mlflow_calls,
    sqlite_file,
    stay_private,
    stay_quiet,
)
from models.relocation import relocate

PARENT_RUN: Final = "mlflow.parentRunId"
_BATCH: Final = 100


class Figure(Protocol):
    """What a plot must be able to do: matplotlib's figures can."""

    def savefig(self, fname: Any, *, format: str, metadata: dict[str, Any]) -> None:
        """Write the picture."""
        ...


@dataclass(frozen=True)
class Tracking:
    """A connection to MLflow and the experiment that everything is logged to.

    Parameters
    ----------
    uri : absolute tracking URI.
    experiment_id : of the experiment.
    client : MLflow's client.
    """

    uri: str
    experiment_id: str
    client: MlflowClient

    @classmethod
    def connect(cls, tracking_uri: str, artifacts: str, experiment: str) -> Tracking:
        """Open a tracking database or server; make its folders and the experiment if need be.

        If the folder of the artefacts was moved since they were written, their stored absolute
        paths are brought up to date first. MLflow's usage reports to its makers are switched
        off, unless ``MLFLOW_DISABLE_TELEMETRY`` says otherwise.

        Parameters
        ----------
        tracking_uri : ``sqlite:///relative/or/absolute.db``, another database or an MLflow server.
        artifacts : folder (relative to the working directory, or absolute) or URI.
        experiment : its name.

        Raises
        ------
        RegistryError : the database cannot be opened, is locked, or is no database of MLflow.
        """
        uri, folder = absolute_uri(tracking_uri), local_folder(artifacts)
        database = sqlite_file(uri)
        with mlflow_calls(uri):
            stay_private()
            stay_quiet()
            if database is not None:
                database.parent.mkdir(parents=True, exist_ok=True)
            if folder is not None and is_database(uri):
                folder.mkdir(parents=True, exist_ok=True)
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            location = str(folder) if folder is not None else artifacts
            experiment_id = _experiment(client, experiment, location, local=is_database(uri))
            if database is not None and folder is not None:
                relocate(database, folder, experiment_id)
        return cls(uri, experiment_id, client)

    @contextmanager
    def training_run(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """Open a run for one training; it ends as finished, or as failed if the body raises."""
        run = self.start(name, tags)
        try:
            yield run
        except BaseException as error:
            run.tag({"error": f"{type(error).__name__}: {error}"})
            run.end("FAILED")
            raise
        run.end("FINISHED")

    def start(self, name: str, tags: Mapping[str, str] | None = None) -> Run:
        """Start a run that the caller ends."""
        with mlflow_calls(self.uri):
            run = self.client.create_run(self.experiment_id, run_name=name, tags=dict(tags or {}))
        return Run(self, run.info.run_id, run.info.start_time)


@dataclass(frozen=True)
class Run:
    """One run in MLflow.

    Parameters
    ----------
    tracking : where it is.
    run_id : MLflow's id.
    started_ms : when it started, as MLflow recorded it; the time of its metrics.
    """

    tracking: Tracking
    run_id: str
    started_ms: int

    def log_trial(
        self, number: int, params: Mapping[str, Any], value: float | None, state: str
    ) -> None:
        """Log one trial of the search as a run nested in this one.

        Parameters
        ----------
        number : of the trial.
        params : what was tried.
        value : the objective (log loss); None when the trial was pruned or failed.
        state : ``complete``, ``pruned`` or ``failed``.
        """
        tags = {PARENT_RUN: self.run_id, "state": state}
        trial = self.tracking.start(f"trial-{number:03d}", tags)
        trial.log(params, {} if value is None else {"objective": value})
        trial.end("FAILED" if state.lower().startswith("fail") else "FINISHED")

    def log(self, params: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
        """Log parameters and metrics; nested mappings become dotted names.

        Only finite numbers are metrics: what is missing or text is left out of them.
        """
        numbers = flatten(metrics)
        rows = [Metric(key, value, self.started_ms, 0) for key, value in numbers.items()]
        texts = [Param(clean_name(key), str(value)) for key, value in params.items()]
        with mlflow_calls(self.tracking.uri):
            for start in range(0, max(len(rows), len(texts)), _BATCH):
                batch = slice(start, start + _BATCH)
                self.tracking.client.log_batch(self.run_id, rows[batch], texts[batch])

    def tag(self, tags: Mapping[str, Any]) -> None:
        """Set tags, at most a hundred at a time."""
        rows = [RunTag(key, str(value)) for key, value in tags.items()]
        with mlflow_calls(self.tracking.uri):
            self.tracking.client.log_batch(self.run_id, tags=rows)

    def log_data(self, data: Mapping[str, Any], file: str) -> None:
        """Store plain data as a JSON file of the run."""
        with mlflow_calls(self.tracking.uri):
            self.tracking.client.log_dict(self.run_id, dict(data), file)

    def log_frame(self, frame: pd.DataFrame, file: str) -> None:
        """Store a frame as a CSV file of the run."""
        with mlflow_calls(self.tracking.uri):
            self.tracking.client.log_text(self.run_id, frame.to_csv(index=False), file)

    def log_plot(self, figure: Figure, file: str) -> None:
        """Store a figure as an SVG file of the run, without a date: equal figures, equal files."""
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        with mlflow_calls(self.tracking.uri):
            self.tracking.client.log_text(self.run_id, text.getvalue(), file)

    def end(self, status: str = "FINISHED") -> None:
        """End the run as ``FINISHED`` or ``FAILED``."""
        with mlflow_calls(self.tracking.uri):
            self.tracking.client.set_terminated(self.run_id, status)


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the finite numbers of nested mappings under dotted names.

    >>> flatten({"90": {"auc": 0.7, "note": "n/a"}, "n": 12})
    {'90.auc': 0.7, 'n': 12.0}
    """
    found: dict[str, float] = {}
    for key, value in data.items():
        name = f"{prefix}{clean_name(str(key))}"
        if isinstance(value, Mapping):
            found.update(flatten(value, f"{name}."))
        elif _is_number(value) and math.isfinite(value):
            found[name] = float(value)
    return found


def clean_name(name: str) -> str:
    """Return a name of the letters that MLflow allows in metrics and parameters.

    >>> clean_name("lift@10%")
    'lift_10_'
    """
    return re.sub(r"[^0-9A-Za-z_\-. /]", "_", name)


def _is_number(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, str | bool)


def _experiment(client: MlflowClient, name: str, location: str, *, local: bool) -> str:
    """Return the id of the experiment; make it where it is missing.

    A server decides for itself where artefacts go, so it gets no local folder.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        remote = is_remote(location)
        try:
            return str(client.create_experiment(name, location if local or remote else None))
        except MlflowException as error:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise error from None
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)
