"""How far a source has been read, so that the next reading takes only what is new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

OVERLAP = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Marks:
    """What a reading has seen.

    Parameters
    ----------
    mapping : digest of the mapping; with another one everything is read anew.
    cursors : by table, the latest sync time that was seen, in UTC.
    digests : by joined table, the digest of its rows.
    overlap : how far before a mark the next reading starts, since syncs commit out of order.
    """

    mapping: str = ""
    cursors: Dict[str, pd.Timestamp] = field(default_factory=dict)
    digests: Dict[str, str] = field(default_factory=dict)
    overlap: pd.Timedelta = OVERLAP

    def until(self, now: pd.Timestamp | None) -> Marks:
        """Return the marks without those of the future, which a wrong clock has left."""
        if now is None:
            return self
        known = {name: at for name, at in self.cursors.items() if at <= now + self.overlap}
        return replace(self, cursors=known)

    def as_json(self) -> dict[str, Any]:
        """Return the marks as JSON data."""
        return {
            "mapping": self.mapping,
            "cursors": {name: stamp.isoformat() for name, stamp in self.cursors.items()},
            "digests": dict(self.digests),
        }


def marks_from(data: Dict[str, Any] | None, mapping: str, overlap: pd.Timedelta = OVERLAP) -> Marks:
    """Return stored marks, or none where they belong to another mapping."""
    if data is None or data["mapping"] != mapping:
        return Marks(mapping, overlap=overlap)
    cursors = {name: pd.Timestamp(text) for name, text in data["cursors"].items()}
    return Marks(mapping, cursors, data["digests"], overlap)


def digest(frame: pd.DataFrame) -> str:
    """Return a digest of rows that does not depend on their order."""
    hashes = pd.util.hash_pandas_object(frame.fillna("").astype("str"), index=False)
    total = f"{len(frame)} {int(hashes.sum())} {sorted(frame.columns)}"
    return hashlib.blake2b(total.encode(), digest_size=12).hexdigest()


def instants(values: pd.Series) -> pd.Series:
    """Return sync times as instants; they are in UTC where they carry no zone."""
    parsed = pd.to_datetime(values.astype("str"), utc=True, format="ISO8601", errors="coerce")
    unread = parsed.isna() & values.notna()
    if unread.any():
        clean = values[unread].astype("str").str.replace(r"\s*UTC$", "+00:00", regex=True)
        clean = clean.str.replace(r"([T ])(\d):", r"\g<1>0\2:", regex=True)
        read = pd.to_datetime(clean, utc=True, format="ISO8601", errors="coerce")
        parsed = parsed.dt.as_unit("us")
        parsed[unread] = read.dt.as_unit("us")
    return parsed.dt.as_unit("us")
