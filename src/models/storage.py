"""Nested plain data, arrays and boosters in a folder: JSON, npz and text, never a pickle.

A manifest holds the fingerprint of every file, so that a damaged folder is noticed before a
single score leaves it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelError

FORMAT = 1
MANIFEST = "manifest.json"
_LONG_TEXT = 2000


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a nested state into `folder`, which is made if need be.

    Arrays go to ``arrays.npz``, long texts to files of their own, everything else to
    ``model.json``; the manifest comes last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    texts: dict[str, str] = {}
    plain = _separated(state, "", arrays, texts)
    (folder / "model.json").write_text(json.dumps(plain, indent=1, sort_keys=True), "utf-8")
    np.savez_compressed(folder / "arrays.npz", allow_pickle=False, **arrays)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    files = ["model.json", "arrays.npz", *texts]
    manifest = {"format": FORMAT, "files": {name: _digest(folder / name) for name in files}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")


def read_state(folder: Path) -> dict[str, Any]:
    """Read back what `write_state` wrote.

    Raises
    ------
    ModelError : the folder is no model, of a newer format, or damaged; the file is named.
    """
    _check(folder)
    plain = json.loads((folder / "model.json").read_text("utf-8"))
    with np.load(folder / "arrays.npz", allow_pickle=False) as packed:
        arrays = {name: packed[name] for name in packed.files}
    joined = _joined(plain, arrays, folder)
    return dict(joined)


def _check(folder: Path) -> None:
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise ModelError(f"{folder}: no model here, {MANIFEST} is missing; train or restore one")
    try:
        listed = json.loads(manifest.read_text("utf-8"))
        version, files = listed["format"], dict(listed["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{manifest}: damaged ({error}); restore it or train again") from error
    if version != FORMAT:
        raise ModelError(f"{manifest}: format {version}, this version reads {FORMAT}; train again")
    for name, digest in files.items():
        if not (folder / name).is_file() or _digest(folder / name) != digest:
            raise ModelError(f"{folder / name}: missing or damaged; restore it or train again")


def _digest(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


def _separated(value: Any, path: str, arrays: dict[str, Any], texts: dict[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _separated(v, f"{path}{key}.", arrays, texts) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_separated(v, f"{path}{i}.", arrays, texts) for i, v in enumerate(value)]
    if isinstance(value, np.ndarray):
        arrays[path[:-1]] = value
        return {"$array": path[:-1]}
    if isinstance(value, str) and len(value) > _LONG_TEXT:
        texts[f"{path}txt"] = value
        return {"$text": f"{path}txt"}
    return value.item() if isinstance(value, np.generic) else value


def _joined(value: Any, arrays: Mapping[str, np.ndarray], folder: Path) -> Any:
    if isinstance(value, list):
        return [_joined(item, arrays, folder) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$text" in value:
        return (folder / value["$text"]).read_bytes().decode()
    return {key: _joined(item, arrays, folder) for key, item in value.items()}
