"""Results as files: CSV or Parquet by the name's ending, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.failures import UsageError

SUFFIXES = (".parquet", ".csv")
_SORTING = "300MB"
_ROWS = 20_000


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


def make_folder(out: Path) -> None:
    """Make a folder to write into, before the work is done.

    Raises
    ------
    UsageError : something else is there, or nobody may write there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out: {out} cannot be made a folder: {error.strerror}") from error


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


def write_sorted(folder: Path, column: str, file: Path) -> None:
    """Write scores that lie in a folder into a file, the highest first, in bounded memory.

    Parameters
    ----------
    folder : holds ``scored.parquet``, and is free to be worked in.
    column : to sort by; equal ones by lead.
    file : as for `write`.

    Raises
    ------
    UsageError : as for `check`.
    """
    check(file)
    ready = folder / "sorted.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{_SORTING}'")
        connection.execute("SET temp_directory = '" + str(folder).replace("'", "''") + "'")
        relation = connection.read_parquet(str(folder / "scored.parquet"))
        relation.order(f'"{column}" DESC, lead_id').write_parquet(str(ready))
    if file.suffix == ".csv":
        ready = _as_csv(ready, folder / "sorted.csv")
    ready.chmod(0o644)
    ready.replace(file)


def _as_csv(parquet: Path, csv: Path) -> Path:
    """Write a Parquet file as CSV, batch by batch."""
    for place, batch in enumerate(pq.ParquetFile(parquet).iter_batches(_ROWS)):
        frame = batch.to_pandas()
        for name in frame.columns:
            if len(frame) and isinstance(frame[name].iloc[0], np.ndarray):
                frame[name] = pd.Series([each.tolist() for each in frame[name]], dtype=object)
        _flat(frame).to_csv(csv, mode="a", index=False, header=place == 0)
    return csv


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as CSV can hold it: lists as JSON, times as ISO 8601."""
    flat = frame.copy()
    for name in flat.columns:
        if isinstance(flat[name].dtype, pd.DatetimeTZDtype):
            flat[name] = flat[name].map(lambda each: each.isoformat(), na_action="ignore")
        elif len(flat) and isinstance(flat[name].iloc[0], list):
            flat[name] = flat[name].map(json.dumps)
    return flat
