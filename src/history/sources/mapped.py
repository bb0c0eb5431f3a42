"""Readers of sources that a mapping describes: warehouses' and exports' tables of each vendor."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any

import pandas as pd

from history.errors import SourceError
from history.extract import Extract
from history.mapping import vendor_mapping, vendor_names
from history.mapping.catalog import Catalog, open_catalog
from history.mapping.declaration import Mapping
from history.mapping.engine import apply, mapping_digest
from history.mapping.names import plain
from history.mapping.progress import Marks, marks_from


class MappedReader:
    """Reads the tables of one vendor, wherever they lie.

    Parameters
    ----------
    vendor : name of a mapping that comes with smarketing.
    own : a mapping of an installation, in its stead.
    """

    def __init__(self, vendor: str, own: Mapping | None = None) -> None:
        self.FORMAT = vendor
        self._own = own

    @property
    def mapping(self) -> Mapping:
        """The mapping that is used."""
        return self._own or vendor_mapping(self.FORMAT)

    def recognises(self, source: str) -> bool:
        """Tell whether a source has the tables that give this vendor away."""
        catalog = _opened(source)
        return catalog is not None and fits(self.mapping, catalog)

    def why_not(self, source: str) -> str:
        """Return in words what a source lacks of the mapping's signature."""
        catalog = _opened(source)
        if not self.mapping.signature:
            return f"the mapping {self.FORMAT!r} has no signature: name it with --format"
        for table, columns in self.mapping.signature.items():
            found = None if catalog is None else catalog.find(table, self.mapping.affixes)
            if catalog is None or found is None:
                return f"the mapping {self.FORMAT!r} is for sources with the table {table!r}"
            absent = [name for name in columns if plain(name) not in catalog.columns(found)]
            if absent:
                there = ", ".join(catalog.columns(found)[:20]) or "no columns"
                return (
                    f"the mapping {self.FORMAT!r} is for sources whose table {table!r} has the "
                    f"column {absent[0]!r} (found {there})"
                )
        return f"the mapping {self.FORMAT!r} fits"

    def read(self, source: str, timezone: str | None) -> Extract:
        """Read all of it.

        Raises
        ------
        SourceError : it has no tables, or lacks what the mapping needs.
        """
        return read_mapped(source, self.mapping, timezone)

    def read_new(
        self,
        source: str,
        timezone: str | None,
        marks: Dict[str, Any] | None,
        now: pd.Timestamp | None = None,
    ) -> Extract:
        """Read what is new since these marks, with an overlap; everything where there are none.

        Marks of another mapping do not count: what was read by it is read again. Nor do those that
        lie after `now`: a wrong clock has left them.
        """
        before = marks_from(marks, mapping_digest(self.mapping))
        return read_mapped(source, self.mapping, timezone, before, now)


def read_mapped(
    source: str,
    mapping: Mapping,
    timezone: str | None,
    before: Marks | None = None,
    now: pd.Timestamp | None = None,
) -> Extract:
    """Read a source by a mapping.

    Parameters
    ----------
    source : a folder, a DuckDB or SQLite file, or a database URL.
    mapping : what becomes of its tables.
    timezone : the zone of times that carry none.
    before : what an earlier reading has seen.
    now : this instant.

    Raises
    ------
    SourceError : it has no tables, or lacks what the mapping needs.
    """
    catalog = open_catalog(source)
    if catalog is None:
        raise SourceError(
            f"{source}: expected a folder of CSV or Parquet files, a .duckdb, .db or .sqlite "
            "file, or a database URL"
        )
    return apply(mapping, catalog, timezone, before, now)


def source_name(source: str) -> str:
    """Return the name under which marks of a source are kept, without a password."""
    catalog = open_catalog(source)
    return source if catalog is None else catalog.name


def fits(mapping: Mapping, catalog: Catalog) -> bool:
    """Tell whether a source has every table and column of a mapping's signature."""
    for table, columns in mapping.signature.items():
        found = catalog.find(table, mapping.affixes)
        if found is None or not {plain(name) for name in columns} <= set(catalog.columns(found)):
            return False
    return bool(mapping.signature)


def _opened(source: str) -> Catalog | None:
    """Open a source to look at it; what cannot be opened is no source of ours."""
    if "://" not in source and not Path(source).exists():
        return None
    return open_catalog(source)


READERS: tuple[MappedReader, ...] = tuple(MappedReader(name) for name in vendor_names())
"""One reader a vendor."""
