"""Event logs in XES, the XML of process mining (IEEE 1849), read as a stream."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from history.errors import SourceError

SUFFIXES = (".xes", ".xes.gz")


@dataclass(frozen=True)
class Case:
    """One case of a log.

    Parameters
    ----------
    attributes : of the case, by key, as text.
    events : attributes of each event, in the order of the file.
    """

    attributes: dict[str, str]
    events: list[dict[str, str]]


def find_log(source: str) -> Path | None:
    """Return the log that a path names, or the only one in the folder that it names."""
    path = Path(source)
    if path.is_file():
        return path if path.name.endswith(SUFFIXES) else None
    found = [file for suffix in SUFFIXES for file in path.glob(f"*{suffix}")]
    return found[0] if len(found) == 1 else None


def read_cases(file: Path) -> Iterator[Case]:
    """Read a log case by case; memory does not grow with the log.

    Raises
    ------
    SourceError : the file is not gzip or XML, or uses XML features that could be abused.
    """
    try:
        with _opened(file) as stream:
            steps = iterparse(stream, events=("start", "end"))
            _, log = next(steps)
            for step, element in steps:
                if step == "end" and _name(element) == "trace":
                    yield _case(element)
                    log.clear()
    except (ParseError, DefusedXmlException, OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{file.name}: not a readable XES log: {error}") from error


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    if file.name.endswith(".gz"):
        with gzip.open(file) as packed:
            yield cast(IO[bytes], packed)
    else:
        with file.open("rb") as plain:
            yield plain


def _case(trace: Element) -> Case:
    events = [_attributes(child) for child in trace if _name(child) == "event"]
    return Case(_attributes(trace), events)


def _attributes(element: Element) -> dict[str, str]:
    return {
        child.attrib["key"]: child.attrib["value"]
        for child in element
        if "key" in child.attrib and "value" in child.attrib
    }


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
