"""The registry: every trained model, the one that serves, and the way back.

A registered model is our own model folder (no pickle), packed so that
``mlflow.pyfunc.load_model("models:/smarketing@champion")`` loads it alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pandas as pd
from mlflow.artifacts import download_artifacts

from models.access import RegistryError, is_remote, mlflow_calls, sqlite_file
from models.conversion import ConversionModel
from models.errors import ModelError
from models.evaluation import Evaluation
from models.lock import alone
from models.packing import DATA, pack
from models.records import NoChampionError, Records
from models.tracking import Figure, Run, Tracking
from models.versions import (
    CHALLENGER,
    CHAMPION,
    ModelVersion,
    Promotion,
    Reign,
    describing,
    parameters,
)
from settings.settings import TrackingSettings

__all__ = ["ModelVersion", "NoChampionError", "Promotion", "Registry", "RegistryError"]

Reference = int | str | ModelVersion
_JUDGED: Final = "judged"
_FIGURES: Final = "evaluation/figures.csv"


@dataclass(frozen=True)
class Registry:
    """Registered models under one name, in MLflow.

    Nothing is opened or created before the first call.

    Parameters
    ----------
    tracking_uri : ``sqlite:///mlruns/mlflow.db`` or any MLflow server.
    artifacts : folder or URI of the artefacts.
    experiment : that trainings are logged to.
    model_name : in MLflow's model registry.
    lock_seconds : how long a promotion waits for another one on this machine.
    """

    tracking_uri: str = "sqlite:///mlruns/mlflow.db"
    artifacts: str = "mlruns/artifacts"
    experiment: str = "smarketing"
    model_name: str = "smarketing"
    lock_seconds: float = field(default=10.0, repr=False)

    @classmethod
    def of(cls, configured: TrackingSettings) -> Registry:
        """Return the registry that is configured."""
        return cls(configured.uri, configured.artifacts, configured.experiment, configured.model)

    @cached_property
    def tracking(self) -> Tracking:
        """The connection to MLflow, opened when first used."""
        return Tracking.connect(self.tracking_uri, self.artifacts, self.experiment)

    @cached_property
    def _records(self) -> Records:
        return Records(self.tracking, self.model_name)

    def log_and_register(
        self,
        model: ConversionModel,
        evaluation: Evaluation,
        trials: pd.DataFrame,
        plots: Mapping[str, Figure] | None = None,
        *,
        judged: ConversionModel | None = None,
        who: str,
        why: str,
        now: pd.Timestamp,
        run: Run | None = None,
    ) -> ModelVersion:
        """Log a training and register its model as challenger.

        Parameters
        ----------
        model : the model that would serve.
        evaluation, trials : what the search left behind; stored as files of the run.
        plots : figures by file name without suffix.
        judged : the same recipe fitted to the past alone, which the gate compares; `model`
            where None.
        who, why : kept with the version.
        now : time of registration.
        run : the open run that its trials were logged to; one of its own where None.

        Raises
        ------
        RegistryError : MLflow cannot be reached, or its database is locked.
        """
        if run is None:
            with self.tracking.training_run(f"training-{now:%Y%m%d-%H%M%S}") as own:
                return self.log_and_register(
                    model,
                    evaluation,
                    trials,
                    plots,
                    judged=judged,
                    who=who,
                    why=why,
                    now=now,
                    run=own,
                )
        tags = describing(model.metadata) | {"who": who, "why": why, "when": _iso(now)}
        run.tag(tags)
        run.log(parameters(model.metadata), evaluation.metrics())
        run.log_data(evaluation.as_dict(), "evaluation/evaluation.json")
        run.log_frame(evaluation.figures, _FIGURES)
        run.log_frame(trials, "search/trials.csv")
        for name, figure in (plots or {}).items():
            run.log_plot(figure, f"plots/{name}.svg")
        model_id = self._store(run, model, model if judged is None else judged)
        return self.version(self._records.add(run.run_id, model_id, tags))

    def _store(self, run: Run, model: ConversionModel, judged: ConversionModel) -> str:
        """Write both models as artefacts; return MLflow's id of the one that would serve."""
        client = self.tracking.client
        with TemporaryDirectory() as scratch, mlflow_calls(self.tracking.uri):
            judged.save(Path(scratch) / _JUDGED)
            client.log_artifacts(run.run_id, str(Path(scratch) / _JUDGED), _JUDGED)
            logged = client.create_logged_model(
                self.tracking.experiment_id, self.model_name, source_run_id=run.run_id
            )
            pack(model, Path(scratch) / "packed", logged.model_id, run.run_id)
            client.log_model_artifacts(logged.model_id, str(Path(scratch) / "packed"))
            client.finalize_logged_model(logged.model_id, "READY")
        return str(logged.model_id)

    def versions(self) -> tuple[ModelVersion, ...]:
        """Return all versions, newest first; none before the first training."""
        return self._records.all()

    def version(self, reference: Reference) -> ModelVersion:
        """Return one version by its number or alias.

        Raises
        ------
        NoChampionError : the champion was asked for and there is none.
        RegistryError : there is no such version.
        """
        if isinstance(reference, ModelVersion):
            return reference
        return self._records.one(reference)

    def champion(self) -> ModelVersion:
        """Return the version that serves.

        Raises
        ------
        NoChampionError : nothing was promoted yet; `reign` tells without raising.
        """
        return self.version(CHAMPION)

    def challenger(self) -> ModelVersion:
        """Return the version that wants to serve.

        Raises
        ------
        RegistryError : there is none.
        """
        return self.version(CHALLENGER)

    def evaluation_figures(self, reference: Reference = CHAMPION) -> pd.DataFrame:
        """Return `Evaluation.figures` as they were when the version was trained.

        Raises
        ------
        ModelError : the version is missing, or its files are.
        """
        version = self.version(reference)
        with self._reading(version):
            return pd.read_csv(self._file(version, _FIGURES), keep_default_na=True)

    def evaluation_report(self, reference: Reference = CHAMPION) -> dict[str, Any]:
        """Return `Evaluation.as_dict` as it was when the version was trained.

        Raises
        ------
        ModelError : the version is missing, or its files are.
        """
        version = self.version(reference)
        with self._reading(version):
            text = self._file(version, "evaluation/evaluation.json").read_text("utf-8")
        report: dict[str, Any] = json.loads(text)
        return report

    def plot(self, reference: Reference, name: str) -> str:
        """Return a plot of the training as SVG; an empty text where none of that name was made.

        Raises
        ------
        ModelError : the version is missing, or its files are.
        """
        version = self.version(reference)
        client = self.tracking.client
        with self._reading(version), mlflow_calls(self.tracking.uri):
            made = {entry.path for entry in client.list_artifacts(version.run_id, "plots")}
        path = f"plots/{name}.svg"
        return self._file(version, path).read_text("utf-8") if path in made else ""

    def _file(self, version: ModelVersion, path: str) -> Path:
        """Return a file or folder of a version's training run, fetched if it is remote."""
        with mlflow_calls(self.tracking.uri):
            root = self.tracking.client.get_run(version.run_id).info.artifact_uri
        return self._local(f"{root}/{path}")

    def _local(self, uri: str) -> Path:
        """Return the path of an artefact; what lies on this machine is read where it lies."""
        if not is_remote(uri):
            return Path(uri.removeprefix("file://"))
        with mlflow_calls(self.tracking.uri):
            return Path(download_artifacts(artifact_uri=uri, tracking_uri=self.tracking.uri))

    def load(self, reference: Reference = CHAMPION) -> ConversionModel:
        """Return a registered model, bit-identical to the one that was registered.

        Parameters
        ----------
        reference : a version's number, an alias, or a `ModelVersion`.

        Raises
        ------
        NoChampionError : the champion was asked for and there is none.
        ModelError : the version is missing, or its files are missing or damaged.
        """
        version = self.version(reference)
        with self._reading(version):
            return ConversionModel.load(self.folder(version))

    def judged(self, reference: Reference = CHALLENGER) -> ConversionModel:
        """Return the twin of a registered model that saw the past alone.

        Raises
        ------
        ModelError : as for `load`.
        """
        version = self.version(reference)
        with self._reading(version):
            return ConversionModel.load(self._file(version, _JUDGED))

    def folder(self, reference: Reference = CHAMPION) -> Path:
        """Return the folder with a registered model's own files, fetched if it is remote.

        Raises
        ------
        ModelError : as for `load`.
        """
        version = self.version(reference)
        return self._local(f"{self._records.location(version.version)}/data/{DATA}")

    def promote(
        self, reference: Reference = CHALLENGER, *, who: str, why: str, now: pd.Timestamp
    ) -> ModelVersion:
        """Make a version the champion; what it replaces is remembered for `rollback`.

        The gate is not asked here: see `models.promotion`.

        Raises
        ------
        RegistryError : the version is missing or already champion, or another promotion is
            under way.
        ModelError : the version's files are damaged: such a model never becomes champion.
        """
        with self._alone():
            version, reign = self.version(reference), self.reign()
            if version.version == reign.champion:
                raise RegistryError(f"version {version.version} is already the champion")
            self.load(version)
            entry = reign.promoted(version.version, who, why, _iso(now))
            self._records.crown(entry.version)
            self._records.note(entry, len(reign.entries))
            return self.version(entry.version)

    def rollback(self, *, who: str, why: str, now: pd.Timestamp) -> ModelVersion:
        """Make the previous champion serve again, exactly as it was; repeat to go further back.

        Raises
        ------
        NoChampionError : nothing was ever promoted.
        RegistryError : there is no earlier champion, or another promotion is under way.
        ModelError : the earlier champion's files are damaged; the present one goes on serving.
        """
        with self._alone():
            reign = self.reign()
            if reign.champion is None:
                raise NoChampionError(self.model_name)
            if not reign.earlier:
                raise RegistryError(
                    f"version {reign.champion} is the first champion: there is none to go back to"
                )
            entry = reign.rolled_back(who, why, _iso(now))
            self.load(entry.version)
            # Noted first: should this process die in between, the rollback can be repeated.
            self._records.note(entry, len(reign.entries))
            self._records.crown(entry.version)
            return self.version(entry.version)

    def reign(self) -> Reign:
        """Return who is champion, who was before, and the log of it."""
        return self._records.reign()

    def promotions(self) -> tuple[Promotion, ...]:
        """Return every change of champion, oldest first."""
        return self.reign().entries

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time change the champion of a local registry."""
        database = sqlite_file(self.tracking.uri)
        if database is None:
            yield
            return
        try:
            with alone(database.with_name(f"{database.name}.promotion"), self.lock_seconds):
                yield
        except TimeoutError as busy:
            raise RegistryError(
                "another promotion or rollback is under way: wait for it, then try again"
            ) from busy

    @contextmanager
    def _reading(self, version: ModelVersion) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            raise ModelError(
                f"version {version.version} of {self.model_name!r} cannot be loaded: {error}; "
                "or go back with `smarketing rollback`"
            ) from error


def _iso(now: pd.Timestamp) -> str:
    return str(pd.Timestamp(now).tz_convert("UTC").isoformat())
