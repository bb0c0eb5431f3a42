"""Where the serving model comes from: the Bento that we run in, else the registry."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import bentoml
import yaml

from models import ConversionModel
from models.errors import ModelError
from settings import Settings

MODEL_NAME = "smarketing_champion"


@dataclass(frozen=True, eq=False)
class Champion:
    """The model that serves.

    Parameters
    ----------
    model : loaded and checked.
    version : its version in the registry.
    """

    model: ConversionModel
    version: str


class ChampionSource:
    """Finds the champion. Inside a Bento it is fixed; beside a registry it may change.

    Parameters
    ----------
    settings : of the installation.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.bento = _bento_file()

    def version(self) -> str:
        """Return the version that should serve now.

        Raises
        ------
        ModelError : there is no champion.
        """
        if self.bento is not None:
            return str(self._packed().info.metadata["version"])
        return str(self._registry().version("champion").version)

    def load(self) -> Champion:
        """Load the champion.

        Raises
        ------
        ModelError : there is no champion, or it is damaged.
        """
        if self.bento is not None:
            packed = self._packed()
            model = ConversionModel.load(Path(packed.path_of("model")))
            return Champion(model, str(packed.info.metadata["version"]))
        registry = self._registry()
        version = registry.version("champion")
        return Champion(registry.load(version), str(version.version))

    def _packed(self) -> bentoml.Model:
        if self.bento is None:
            raise ModelError("not running in a Bento")
        models = yaml.safe_load(self.bento.read_text("utf-8")).get("models", [])
        tags = [each["tag"] for each in models if each["tag"].startswith(f"{MODEL_NAME}:")]
        if not tags:
            raise ModelError(f"{self.bento}: the Bento holds no champion; promote one and build again")
        return bentoml.models.get(tags[0])

    def _registry(self):  # type: ignore[no-untyped-def]  # models.registry.Registry
        # A Bento has no MLflow: the registry is loaded only where it is asked.
        registry = importlib.import_module("models.registry")
        tracking = self.settings.tracking
        return registry.Registry(
            tracking.uri, tracking.artifacts, tracking.experiment, tracking.model
        )


def _bento_file() -> Path | None:
    """Return the description of the Bento that this code runs in, if it does."""
    file = Path(__file__).resolve().parents[2] / "bento.yaml"
    return file if file.is_file() else None
