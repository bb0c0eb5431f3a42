"""The canonical folder: one CSV or Parquet file a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from history.errors import SourceError
from history.extract import Extract, RawTable
from history.tables import TABLES

FORMAT = "canonical"
_SUFFIXES = (".parquet", ".csv")
_CURRENT_ONLY = "current_only.txt"


def recognises(source: str) -> bool:
    """Tell whether a source is a folder with a leads file in it."""
    return any((Path(source) / f"leads{suffix}").is_file() for suffix in _SUFFIXES)


def read(source: str, timezone: str | None) -> Extract:
    """Read a canonical folder.

    Everything of a CSV file is read as text, so that ids keep their leading zeros.

    Raises
    ------
    SourceError : no such folder, no leads, a table twice, or a file that cannot be read.
    """
    del timezone  # the store applies it
    folder = Path(source)
    tables = {name: table for name in TABLES if (table := _table(folder, name)) is not None}
    if "leads" not in tables:
        raise SourceError(f"{folder}: expected leads.csv or leads.parquet in it")
    known = {f"{name}{suffix}" for name in TABLES for suffix in _SUFFIXES} | {_CURRENT_ONLY}
    ignored = sorted(
        file.name
        for file in folder.iterdir()
        if file.suffix in (*_SUFFIXES, ".txt") and file.name not in known
    )
    notes = tuple(
        f"{name} is no table of the canonical folder and was not read" for name in ignored
    )
    return Extract(FORMAT, tables, current_only=_current_only(folder), notes=notes)


def _table(folder: Path, name: str) -> RawTable | None:
    files = [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
    there = [file for file in files if file.is_file()]
    if len(there) > 1:
        raise SourceError(f"{folder}: {name} is there as CSV and as Parquet; leave one of them")
    return RawTable(read_file(there[0]), there[0].name) if there else None


def read_file(file: Path) -> pd.DataFrame:
    """Read one CSV (UTF-8, all text) or Parquet file.

    Raises
    ------
    SourceError : it is empty, not of its kind, or not UTF-8.
    """
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        return pd.read_csv(file, dtype="str", encoding="utf-8-sig", keep_default_na=False)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file.name}: not UTF-8 text at byte {error.start}; save it as UTF-8"
        ) from error
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{file.name}: cannot be read as {file.suffix[1:]}: {reason}") from error


def _current_only(folder: Path) -> frozenset[str]:
    file = folder / _CURRENT_ONLY
    if not file.is_file():
        return frozenset()
    lines = [line.split("#")[0].strip() for line in file.read_text("utf-8-sig").splitlines()]
    for number, line in enumerate(lines, start=1):
        table, _, column = line.partition(".")
        if line and (table not in ("leads", "accounts") or not column):
            expected = "expected leads.COLUMN or accounts.COLUMN"
            raise SourceError(f"{file.name}, line {number}: {expected} (got {line!r})")
    return frozenset(line for line in lines if line)
