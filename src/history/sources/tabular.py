"""What readers of foreign folders share: a file with the columns that it must have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from history.errors import SourceError
from history.sources.files import read_file


def read_columns(folder: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV or Parquet file of a folder and see that it has the columns that are needed.

    Parameters
    ----------
    folder : the source.
    name : path of the file inside the folder.
    columns : the columns without which it cannot be read; there may be more.

    Raises
    ------
    SourceError : the file is missing, cannot be read, or lacks a column.
    """
    file = folder / name
    if not file.is_file():
        raise SourceError(f"{folder}: {name} is missing")
    frame = read_file(file)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise SourceError(f"{name}: the column {missing[0]!r} is missing (found {found})")
    return frame


def in_seconds(minutes: pd.Series) -> pd.Series:
    """Return minutes as seconds; what is no number stays as it is, to be refused by its row."""
    seconds = pd.to_numeric(minutes, errors="coerce") * 60.0
    return seconds.astype(object).where(seconds.notna(), minutes)


def days_after_the_last(dates: pd.Series, days: int, zone: str) -> pd.Timestamp:
    """Return the midnight so many days after the latest of dates, in UTC.

    Parameters
    ----------
    dates : dates without a time of day, as text; what is no date does not count.
    days : how many days after the start of the latest date.
    zone : the zone of the dates.

    Raises
    ------
    SourceError : there is no date among them.
    """
    read = pd.to_datetime(dates, format="%Y-%m-%d", errors="coerce")
    if not read.notna().any():
        raise SourceError("no date can be read; expected dates such as 2022-01-31")
    midnight = (read.max() + pd.Timedelta(days=days)).tz_localize(zone)
    return midnight.tz_convert("UTC").as_unit("us")
