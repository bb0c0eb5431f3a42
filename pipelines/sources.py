"""Which reader reads a source: the installation's own mapping first, then those that we have."""

from __future__ import annotations

import re
from pathlib import Path

from history.errors import SourceError
from history.mapping import parse_mapping, vendor_names, vendor_text
from history.sources import Reader, check_there, recognise
from history.sources.mapped import MappedReader
from pipelines.failures import UsageError
from settings import Settings

_HEADER = re.compile(r"^\[(\[?)", re.MULTILINE)


def reader_of(settings: Settings, source: str, format: str | None) -> Reader:
    """Return the reader of a source.

    The mapping of the configuration is used where `format` names it, or where the source has the
    tables of its signature.

    Raises
    ------
    ValueError : the mapping is wrong, there is no such format, or nobody recognises the source.
    """
    own = None
    if settings.mapping is not None:
        mapping = parse_mapping(settings.mapping, "[mapping]")
        own = MappedReader(mapping.name, mapping)
        if format == own.FORMAT or (format is None and own.recognises(source)):
            check_there(source)
            return own
    try:
        return recognise(source, format)
    except SourceError as error:
        if own is None or format is not None:
            raise
        raise UsageError(f"{error}; {own.why_not(source)}") from error


def write_mapping(reader: Reader, file: Path) -> None:
    """Append a reader's mapping to a configuration file, as a section that can be edited.

    Raises
    ------
    UsageError : the format has no mapping, or the file has one already.
    """
    if not isinstance(reader, MappedReader) or reader.FORMAT not in vendor_names():
        raise UsageError(
            f"--write-mapping: the format {reader.FORMAT!r} has no mapping; "
            f"{', '.join(vendor_names())} have one"
        )
    before = file.read_text("utf-8") if file.exists() else ""
    if re.search(r"^\[mapping\]", before, re.MULTILINE):
        raise UsageError(
            f"--write-mapping: {file} has a section [mapping] already; edit it, or remove it first"
        )
    section = _HEADER.sub(r"[\1mapping.", vendor_text(reader.FORMAT))
    joined = f"{before.rstrip()}\n\n" if before.strip() else ""
    file.write_text(f"{joined}[mapping]\n{section}", "utf-8")
