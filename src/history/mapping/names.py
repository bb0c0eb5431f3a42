"""Names of tables and columns as warehouses, exports and people write them, brought to one form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def plain(name: str) -> str:
    """Return a name in lower case with underscores: `CreatedDate` and `Created Date` are one.

    >>> plain("Call Duration (in seconds)")
    'call_duration_in_seconds'
    """
    parted = _EDGE.sub("_", name.strip())
    return re.sub(r"[^0-9a-z]+", "_", parted.lower()).strip("_")


def bare(name: str, affixes: Sequence[str]) -> str:
    """Return a table's plain name without what tools put before and after it."""
    short = plain(name)
    for affix in map(plain, affixes):
        short = short.removeprefix(f"{affix}_").removesuffix(f"_{affix}")
    return short


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a name is among names that may hold * and ?."""
    return any(fnmatchcase(name, _pattern(pattern)) for pattern in patterns)


def _pattern(pattern: str) -> str:
    pieces = re.split(r"([*?])", pattern)
    return "".join(piece if piece in "*?" else _plain_piece(piece) for piece in pieces)


def _plain_piece(piece: str) -> str:
    parted = _EDGE.sub("_", piece)
    return re.sub(r"[^0-9a-z]+", "_", parted.lower())


def attribute_name(column: str) -> str:
    """Return the name of an attribute: HubSpot's prefix says nothing about the value."""
    return column.removeprefix("property_")
