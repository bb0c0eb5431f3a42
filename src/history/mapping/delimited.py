"""CSV as exports write it: several encodings, commas or semicolons, everything as text."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from history.errors import SourceError

_START = 1 << 16


def read_delimited(file: Path) -> pd.DataFrame:
    """Read a CSV file, all of it as text.

    UTF-8 and UTF-16 are recognised; bytes that are neither are read as Windows-1252, which is
    what spreadsheets in western Europe write. The delimiter is the one of `,`, `;` and tab that
    parts the header most often.

    Raises
    ------
    SourceError : the file is empty, or its rows do not fit its header.
    """
    text = decoded(file)
    try:
        return pd.read_csv(
            io.StringIO(text), sep=_delimiter(text), dtype="str", keep_default_na=False
        )
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{file.name}: cannot be read as csv: {reason}") from error


def header(file: Path) -> list[str]:
    """Return the names of a CSV file's columns."""
    with file.open("rb") as opened:
        start = opened.read(_START)
    text = _decoded(start, cut=file.stat().st_size > len(start))
    return next(csv.reader(io.StringIO(text), delimiter=_delimiter(text)), [])


def decoded(file: Path) -> str:
    """Return a file's text, whatever its encoding."""
    return _decoded(file.read_bytes())


def _decoded(content: bytes, *, cut: bool = False) -> str:
    """Return bytes as text; those of a file's start may end within a letter."""
    wide = _wide(content)
    if wide is not None:
        return content.decode(wide, errors="ignore")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if cut and error.end >= len(content) - 3:
            return content[: error.start].decode("utf-8-sig")
        return content.decode("cp1252", errors="replace")


def _wide(content: bytes) -> str | None:
    """Return which UTF-16 bytes are in, by their mark or by every second one being empty."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = content[:1000]
    for name, empty in (("utf-16-le", start[1::2]), ("utf-16-be", start[0::2])):
        if len(empty) > 3 and empty.count(0) > 0.8 * len(empty):
            return name
    return None


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)
