"""Readers: one module per kind of source, all giving an `Extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from history.addresses import shown
from history.errors import SourceError
from history.extract import Extract, RawTable
from history.sources import bpic2012, files, leadforge, learning365, mapped, sql

__all__ = ["FORMATS", "Extract", "RawTable", "Reader", "check_there", "read", "recognise"]


class Reader(Protocol):
    """What a reader's module offers."""

    FORMAT: str

    def recognises(self, source: str) -> bool:
        """Tell whether this reader is for the source."""

    def read(self, source: str, timezone: str | None) -> Extract:
        """Read the source."""


# A database is canonical only if no vendor knows its tables.
_READERS: tuple[Reader, ...] = (
    files,
    bpic2012,
    learning365,
    leadforge,
    *mapped.READERS,
    sql,
)
FORMATS: dict[str, Reader] = {reader.FORMAT: reader for reader in _READERS}
"""Every reader by the name of its format, in the order in which they are tried."""


def read(source: str | Path, format: str | None = None, timezone: str | None = None) -> Extract:
    """Read a source, recognising its format where none is named.

    Parameters
    ----------
    source : a folder, a file or a database URL.
    format : the name of a reader, one of `FORMATS`.
    timezone : the zone of times that carry none.

    Raises
    ------
    SourceError : there is no such source or format, or the source cannot be read.
    """
    return recognise(source, format).read(str(source), timezone)


def check_there(source: str) -> None:
    """See that a source that is no database is on the disk.

    Raises
    ------
    SourceError : there is no such file or folder.
    """
    if "://" not in source and not Path(source).exists():
        raise SourceError(f"{shown(source)}: there is no such file or folder")


def recognise(source: str | Path, format: str | None = None) -> Reader:
    """Return the reader of a source.

    Parameters
    ----------
    source, format : as in `read`.

    Raises
    ------
    SourceError : there is no such source or format, or nobody recognises it.
    """
    text = str(source)
    known = ", ".join(FORMATS)
    if format is not None and format not in FORMATS:
        raise SourceError(f"unknown format {format!r}; the formats are {known}")
    check_there(text)
    if format is not None:
        return FORMATS[format]
    for reader in FORMATS.values():
        if reader.recognises(text):
            return reader
    raise SourceError(
        f"{shown(text)}: not recognised as any of {known}; a canonical folder holds leads.csv or "
        "leads.parquet, and --format names the reader of anything else"
    )
