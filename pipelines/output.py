"""Results as files: CSV or Parquet by the name's ending, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pandas as pd

from pipelines.failures import UsageError

SUFFIXES = (".parquet", ".csv")


def check(file: Path) -> None:
    """Refuse a file that could not be written, before the work is done.

    Raises
    ------
    UsageError : its ending is neither .parquet nor .csv, or its folder does not exist.
    """
    if file.suffix not in SUFFIXES:
        raise UsageError(f"--out: {file.name!r} must end in .parquet or .csv")
    if not file.parent.is_dir():
        raise UsageError(f"--out: there is no folder {file.parent}")


def write(frame: pd.DataFrame, file: Path) -> None:
    """Write a frame; a reader sees the old file or the new one, never a part.

    Raises
    ------
    UsageError : as for `check`, or the folder cannot be written.
    """
    check(file)
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise UsageError(f"--out: {file} cannot be written: {error.strerror}") from error
    os.close(handle)
    try:
        if file.suffix == ".parquet":
            frame.to_parquet(name, index=False)
        else:
            _flat(frame).to_csv(name, index=False)
        Path(name).chmod(0o644)
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as CSV can hold it: lists as JSON, times as ISO 8601."""
    flat = frame.copy()
    for name in flat.columns:
        if isinstance(flat[name].dtype, pd.DatetimeTZDtype):
            flat[name] = flat[name].map(lambda each: each.isoformat(), na_action="ignore")
        elif len(flat) and isinstance(flat[name].iloc[0], list):
            flat[name] = flat[name].map(json.dumps)
    return flat
