"""What MLflow's model registry knows of our models: versions, aliases and the log of champions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pandas as pd
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from models.access import RegistryError, is_database, mlflow_calls
from models.tracking import Tracking
from models.versions import CHALLENGER, CHAMPION, PROMOTION_TAG, ModelVersion, Promotion, Reign

Found = TypeVar("Found")
_ABSENT: Final = "RESOURCE_DOES_NOT_EXIST"
_PAST: Final = {"promote": "promoted", "rollback": "rolled_back"}


class NoChampionError(RegistryError):
    """No model serves yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no version of {name!r} is champion yet: train a model with `smarketing train`, "
            "then make it serve with `smarketing promote`"
        )


@dataclass(frozen=True)
class Records:
    """The versions of one registered model.

    Parameters
    ----------
    tracking : the connection to MLflow.
    name : of the registered model.
    """

    tracking: Tracking
    name: str

    def add(self, run_id: str, model_id: str, tags: Mapping[str, str]) -> int:
        """Register a logged model as the newest version and challenger; return its number."""
        client = self.tracking.client
        with self._calls():
            if self.registered() is None:
                client.create_registered_model(self.name)
            location = client.get_logged_model(model_id).artifact_location
            created = client.create_model_version(
                self.name,
                # MLflow resolves models:/ with its process-wide URI, which may be another one.
                location if is_database(self.tracking.uri) else f"models:/{model_id}",
                run_id=run_id,
                model_id=model_id,
                tags={**tags, "model_id": model_id},
            )
            client.set_registered_model_alias(self.name, CHALLENGER, created.version)
        return int(created.version)

    def all(self) -> tuple[ModelVersion, ...]:
        """Return every version, newest first."""
        registered = self.registered()
        if registered is None:
            return ()
        with self._calls():
            found = self.tracking.client.search_model_versions(f"name = '{self.name}'")
        described = [self._described(entry, registered.aliases) for entry in found]
        return tuple(sorted(described, key=lambda version: -version.version))

    def one(self, reference: int | str) -> ModelVersion:
        """Return a version by number or alias.

        Raises
        ------
        NoChampionError : the champion was asked for and there is none.
        RegistryError : there is no such version.
        """
        aliases = self.aliases()
        number = self._number(reference, aliases)
        with self._calls():
            found = _if_any(lambda: self.tracking.client.get_model_version(self.name, str(number)))
        if found is None:
            raise RegistryError(
                f"there is no version {number} of {self.name!r}; `smarketing models` lists those "
                "there are"
            )
        return self._described(found, aliases)

    def location(self, version: int) -> str:
        """Return where the files of a version are, a path or a URI."""
        with self._calls():
            uri = self.tracking.client.get_model_version_download_uri(self.name, str(version))
        return str(uri).removeprefix("file://")

    def registered(self) -> RegisteredModel | None:
        """Return MLflow's entry of the model, None before the first version."""
        with self._calls():
            return _if_any(lambda: self.tracking.client.get_registered_model(self.name))

    def aliases(self) -> dict[str, int]:
        """Return the version of each alias."""
        registered = self.registered()
        found = {} if registered is None else registered.aliases
        return {alias: int(number) for alias, number in found.items()}

    def reign(self) -> Reign:
        """Return who is champion, who was before, and the log of it."""
        registered = self.registered()
        if registered is None:
            return Reign(None)
        keys = sorted(key for key in registered.tags if key.startswith(PROMOTION_TAG))
        entries = [Promotion.from_json(registered.tags[key]) for key in keys]
        champion = registered.aliases.get(CHAMPION)
        return Reign.of(None if champion is None else int(champion), entries)

    def crown(self, version: int) -> None:
        """Move the alias of the champion; a crowned challenger is challenger no more."""
        client = self.tracking.client
        with self._calls():
            client.set_registered_model_alias(self.name, CHAMPION, str(version))
            if self.aliases().get(CHALLENGER) == version:
                client.delete_registered_model_alias(self.name, CHALLENGER)

    def note(self, entry: Promotion, number: int) -> None:
        """Write an entry into the log, and its story onto the version."""
        client, done = self.tracking.client, _PAST[entry.kind]
        story = {f"{done}_at": entry.at, f"{done}_by": entry.who, f"{done}_why": entry.why}
        with self._calls():
            key = f"{PROMOTION_TAG}{number:06d}"
            client.set_registered_model_tag(self.name, key, entry.to_json())
            for name, value in story.items():
                client.set_model_version_tag(self.name, str(entry.version), name, value)

    def _number(self, reference: int | str, aliases: Mapping[str, int]) -> int:
        if isinstance(reference, int) or reference.isdecimal():
            return int(reference)
        if reference in aliases:
            return aliases[reference]
        if reference == CHAMPION:
            raise NoChampionError(self.name)
        raise RegistryError(
            f"no version of {self.name!r} is {reference}: train one with `smarketing train`"
        )

    def _described(self, entry: Any, aliases: Mapping[str, int | str]) -> ModelVersion:
        number = int(entry.version)
        return ModelVersion(
            version=number,
            aliases=tuple(sorted(alias for alias in aliases if int(aliases[alias]) == number)),
            created_at=_created(entry),
            metrics=self._metrics(entry.run_id),
            tags=dict(entry.tags),
            run_id=str(entry.run_id),
            model_id=str(entry.tags.get("model_id", "")),
        )

    def _metrics(self, run_id: str) -> dict[str, float]:
        with self._calls():
            run = _if_any(lambda: self.tracking.client.get_run(run_id))
        return {} if run is None else dict(run.data.metrics)

    @contextmanager
    def _calls(self) -> Iterator[None]:
        with mlflow_calls(self.tracking.uri):
            yield


def _if_any(call: Callable[[], Found]) -> Found | None:
    """Return what MLflow finds, None when it says that the thing does not exist."""
    try:
        return call()
    except MlflowException as error:
        if error.error_code == _ABSENT:
            return None
        raise


def _created(entry: Any) -> pd.Timestamp:
    when = entry.tags.get("when")
    if when:
        return pd.Timestamp(when)
    return pd.Timestamp(entry.creation_timestamp, unit="ms", tz="UTC")
