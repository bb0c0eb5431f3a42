"""Bring MLflow's absolute artefact paths up to date after a checkout was moved or copied.

MLflow stores where every artefact lies as an absolute path, in five columns of its database, and
offers no way to change them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from models.access import is_remote

_COLUMNS: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_BUSY_SECONDS: Final = 10.0


def relocate(database: Path, folder: Path, experiment_id: str) -> int:
    """Point every path below the experiment's old folder at the same place below `folder`.

    Nothing happens when the experiment already lies in `folder`, nor when its old folder still
    exists and `folder` holds nothing: then another folder was configured, but nothing was moved.

    Parameters
    ----------
    database : MLflow's SQLite file.
    folder : where the artefacts are now, absolute.
    experiment_id : whose location tells the old folder.

    Returns
    -------
    The number of paths changed; all of them in one transaction.

    Raises
    ------
    OSError : the database is locked or damaged.
    """
    try:
        with closing(sqlite3.connect(database, timeout=_BUSY_SECONDS)) as connection:
            old = _location(connection, experiment_id)
            if old is None or old == folder or not _moved(old, folder):
                return 0
            with connection:
                return _rewrite(connection, str(old), str(folder))
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


def _location(connection: sqlite3.Connection, experiment_id: str) -> Path | None:
    query = "SELECT artifact_location FROM experiments WHERE experiment_id = ?"
    row = connection.execute(query, (int(experiment_id),)).fetchone()
    if row is None or not row[0]:
        return None
    location = str(row[0])
    return None if is_remote(location) else Path(location.removeprefix("file://"))


def _moved(old: Path, folder: Path) -> bool:
    return not old.exists() or any(folder.iterdir())


def _rewrite(connection: sqlite3.Connection, old: str, new: str) -> int:
    """Replace the leading folder, with or without ``file://`` before it."""
    changed = 0
    for table, column in _COLUMNS:
        for prefix in (old, f"file://{old}"):
            query = (
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - our own names
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?"
            )
            below = f"{prefix}/"
            given = (new, len(prefix) + 1, prefix, len(below), below)
            changed += connection.execute(query, given).rowcount
    return changed
