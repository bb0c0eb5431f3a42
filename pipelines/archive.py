"""A backup as one file: a zip with a manifest that holds the fingerprint of every part."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.failures import UsageError

FORMAT = 1
_MANIFEST = "manifest.json"
_BYTES = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    Parameters
    ----------
    facts : when and by which release it was made, and the counts that were printed.
    files : fingerprint by name of each part.
    """

    facts: Mapping[str, Any]
    files: Mapping[str, str]


def write_archive(folder: Path, facts: Mapping[str, Any], out: Path) -> None:
    """Pack a folder; the file is there whole or not at all.

    Parameters
    ----------
    folder : whose files are packed, by their path below it.
    facts : plain data for the manifest.
    out : the archive.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = {file.relative_to(folder).as_posix(): file for file in files}
    manifest = {
        "format": FORMAT,
        "facts": dict(facts),
        "files": {name: _digest(file) for name, file in names.items()},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    making = out.with_name(out.name + ".part")
    try:
        with zipfile.ZipFile(making, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
            for name, file in names.items():
                archive.write(file, name)
        making.replace(out)
    finally:
        making.unlink(missing_ok=True)


def read_archive(file: Path, folder: Path) -> Manifest:
    """Unpack an archive into an empty folder, and check every part.

    Raises
    ------
    UsageError : it is missing, no backup, of a newer format, or damaged; the part is named.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read(_MANIFEST))
            files = dict(manifest["files"])
            if manifest["format"] != FORMAT:
                raise UsageError(f"{file}: a backup of format {manifest['format']}, not {FORMAT}")
            packed = set(archive.namelist()) - {_MANIFEST}
            odd = packed ^ set(files)
            if odd:
                raise UsageError(f"{file}: damaged: {min(odd)} is not in both file and manifest")
            archive.extractall(folder, sorted(files))
    except FileNotFoundError as error:
        raise UsageError(f"{file}: there is no such file") from error
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{file}: no backup of smarketing, or damaged ({error})") from error
    for name, digest in files.items():
        if _digest(folder / name) != digest:
            raise UsageError(f"{file}: damaged: {name} is not what was packed")
    return Manifest(manifest["facts"], files)


def _digest(file: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with file.open("rb") as opened:
        while part := opened.read(_BYTES):
            digest.update(part)
    return digest.hexdigest()
