"""Hand the champion over to BentoML, so that a built Bento serves it without MLflow."""

from __future__ import annotations

import shutil
from typing import Final

import bentoml
from bentoml.exceptions import NotFound

from models.registry import Registry

MODEL_NAME: Final = "smarketing_champion"
FOLDER: Final = "model"
"""Where the model lies inside BentoML's entry."""


def export_champion(registry: Registry) -> str:
    """Copy the champion into BentoML's model store; return its tag there.

    The entry is named after the registry's version and the model's digests, so that exporting
    the same champion twice changes nothing.

    Raises
    ------
    NoChampionError : nothing was promoted yet.
    ModelError : the champion's files are damaged; nothing is exported.
    """
    champion = registry.champion()
    model = registry.load(champion)
    tag = f"{MODEL_NAME}:v{champion.version}-{champion.model_id.removeprefix('m-')[:12]}"
    if _stored(tag):
        return tag
    metadata = {
        "version": str(champion.version),
        "data_digest": champion.tags.get("data_digest", ""),
        "definitions_digest": champion.tags.get("definitions_digest", ""),
        "trained_until": champion.tags.get("trained_until", ""),
        "target": model.target,
    }
    with bentoml.models.create(tag, metadata=metadata) as entry:
        shutil.copytree(registry.folder(champion), entry.path_of(FOLDER))
    return tag


def _stored(tag: str) -> bool:
    try:
        bentoml.models.get(tag)
    except NotFound:
        return False
    return True
