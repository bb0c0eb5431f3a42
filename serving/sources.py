"""Sources of the champion: the Bento that we run in, else the registry."""

from __future__ import annotations

from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

import models
from alignment.facts import Facts, facts_of
from models.errors import ModelError
from serving.champion import Champion
from serving.packing import FOLDER, MODEL_NAME
from settings import Settings


class RegistrySource:
    """Finds the champion in the registry, where it may change at any time.

    Parameters
    ----------
    settings : of the installation.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def version(self) -> str:
        """Return the version that should serve now."""
        return str(self._registry().version("champion").version)

    def load(self) -> Champion:
        """Load the champion."""
        registry = self._registry()
        version = registry.version("champion")
        return Champion(registry.load(version), str(version.version))

    def challenger(self) -> str:
        """Return the version that wants to serve; empty where there is none."""
        waiting = (each for each in self._registry().versions() if "challenger" in each.aliases)
        return next((str(each.version) for each in waiting), "")

    def load_challenger(self) -> Champion:
        """Load the challenger."""
        registry = self._registry()
        version = registry.challenger()
        return Champion(registry.load(version), str(version.version))

    def facts(self, version: str) -> Facts:
        """Return what the registry knows of a version."""
        return facts_of(self._registry(), int(version))

    def _registry(self) -> models.Registry:
        return models.Registry.of(self.settings.tracking)


class BentoSource:
    """Finds the champion that was packed into a Bento. It never changes.

    Parameters
    ----------
    bento : the folder of the Bento.
    """

    def __init__(self, bento: Path) -> None:
        self.bento = bento

    def version(self) -> str:
        """Return the version that was packed."""
        return str(self._packed().info.metadata["version"])

    def load(self) -> Champion:
        """Load what was packed."""
        packed = self._packed()
        model = models.ConversionModel.load(Path(packed.path_of(FOLDER)))
        return Champion(model, str(packed.info.metadata["version"]))

    def challenger(self) -> str:
        """Return nothing: a Bento holds one model."""
        return ""

    def load_challenger(self) -> Champion:
        """Refuse: there is none."""
        raise ModelError(f"{self.bento}: a Bento holds no challenger")

    def facts(self, version: str) -> Facts:  # noqa: ARG002  a Bento holds one version
        """Return nothing: a Bento holds the model alone."""
        return Facts()

    def _packed(self) -> bentoml.Model:
        try:
            named = [info.tag for info in bentoml.Bento.from_path(self.bento).info.all_models]
            ours = [tag for tag in named if tag.name == MODEL_NAME]
            if ours:
                return bentoml.models.get(ours[0])
        except BentoMLException as error:
            raise ModelError(
                f"{self.bento}: the packed champion cannot be read: {error}"
            ) from error
        raise ModelError(f"{self.bento}: the Bento holds no champion; promote one and build again")


def bento_folder() -> Path | None:
    """Return the Bento that this code runs in, None where it runs from a checkout."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "bento.yaml").is_file() else None
