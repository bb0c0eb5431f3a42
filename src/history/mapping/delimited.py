"""CSV as exports write it: several encodings, commas or semicolons, everything as text."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from history.errors import SourceError


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
        start = _decoded(opened.read(1 << 16))
    return next(csv.reader(io.StringIO(start), delimiter=_delimiter(start)), [])


def decoded(file: Path) -> str:
    """Return a file's text, whatever its encoding."""
    return _decoded(file.read_bytes())


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="ignore")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.end >= len(content) - 3:  # a letter cut in half at the end of what was read
            return content[: error.start].decode("utf-8-sig")
        return content.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)
