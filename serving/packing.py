"""The champion as BentoML packs it, when `bentoml build` makes a Bento."""

from __future__ import annotations

import shutil
from typing import Any, Final

import bentoml
from bentoml.exceptions import BentoMLException
from bentoml.models import BentoModel

import models
from models.errors import ModelError
from settings import Settings

MODEL_NAME: Final = "smarketing_champion"
FOLDER: Final = "model"
"""Where the model lies inside BentoML's entry."""


class PackedChampion(BentoModel):  # type: ignore[misc]  # BentoML is untyped
    """The champion of the registry, copied into BentoML's model store when a Bento is built.

    BentoML asks for the description of a service's models when it builds a Bento; that is when
    the copy is made. Served from a checkout the service asks the registry itself, so that there
    is nothing to resolve, and it starts without a champion too.
    """

    def to_info(self, alias: str | None = None) -> Any:
        """Copy the champion, and describe the copy.

        Raises
        ------
        BentoMLException : there is no champion to pack, or it is damaged.
        """
        try:
            tag = export_champion(Settings.load())
        except (ModelError, ValueError) as error:
            raise BentoMLException(f"the Bento cannot be built: {error}") from error
        return BentoModel(tag).to_info(alias)

    def resolve(self, base_path: Any = None) -> None:
        """Do nothing: a Bento resolves the copy by its own tag."""
        del base_path


def export_champion(settings: Settings) -> str:
    """Copy the champion into BentoML's model store; return its tag there.

    The entry is named after the registry's version and the model's id, so that exporting the
    same champion twice changes nothing.

    Raises
    ------
    ModelError : nothing was promoted yet, or the champion's files are damaged.
    """
    registry = models.Registry.of(settings.tracking)
    champion = registry.version("champion")
    model = registry.load(champion)
    tag = f"{MODEL_NAME}:v{champion.version}-{champion.model_id.removeprefix('m-')[:12]}"
    if any(str(entry.tag) == tag for entry in bentoml.models.list()):
        return tag
    metadata = {"version": str(champion.version), "target": model.target}
    with bentoml.models.create(tag, metadata=metadata) as entry:
        shutil.copytree(registry.folder(champion), entry.path_of(FOLDER))
    return tag
