"""The rows of one rule: read, chosen, joined, as text under plain names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping as Dict
from collections.abc import Sequence

import pandas as pd

from history.mapping.catalog import Catalog
from history.mapping.cells import key
from history.mapping.declaration import Join, Mapping, MappingError, Rule
from history.mapping.names import plain
from history.mapping.own import may_lack_its_table
from history.mapping.progress import Marks, digest, instants


class SourceRows:
    """Reads tables once each, and as much of them as is new.

    Parameters
    ----------
    catalog : where the tables lie.
    mapping : what is read of them.
    before : what an earlier reading has seen; nothing, for all rows.
    """

    def __init__(self, catalog: Catalog, mapping: Mapping, before: Marks) -> None:
        self.catalog = catalog
        self.mapping = mapping
        self.before = before
        self.seen: dict[str, pd.Timestamp] = {}
        self.digests: dict[str, str] = {}
        self._frames: dict[tuple[str, str | None], pd.DataFrame] = {}

    def table(self, name: str) -> str | None:
        """Return the source's own name of a table, or None."""
        return self.catalog.find(name, self.mapping.affixes)

    def has(self, table: str, column: str) -> bool:
        """Tell whether a table of the source has a column."""
        return plain(column) in self.catalog.columns(table)

    def whole(self, name: str) -> pd.DataFrame | None:
        """Return all rows of a table, or None where the source lacks it."""
        table = self.table(name)
        return None if table is None else self._read(table, None)

    def of_rule(self, rule: Rule) -> pd.DataFrame | None:
        """Return the rows of a rule with those of its joins, or None where a table is missing.

        Only rows that were synced since the last reading are there, unless a joined table has
        changed: then old rows may have got new partners, and all are read.

        Raises
        ------
        MappingError : a table or a column that is needed is not there.
        """
        table = self.table(rule.from_)
        if table is None:
            self._check_absent(rule.from_, optional=may_lack_its_table(rule, self.mapping))
            return None
        joined: list[tuple[Join, pd.DataFrame]] = []
        for join in rule.join:
            other = self.whole(join.table)
            if other is None:
                if join.optional:
                    continue
                self._check_absent(join.table, optional=may_lack_its_table(rule, self.mapping))
                return None
            self.digests[plain(join.table)] = digest(other)
            joined.append((join, chosen(other, join.where, {}, self.mapping.deleted)))
        since = self._since(table, [join.table for join, _ in joined])
        frame = chosen(self._read(table, since), rule.where, rule.unless, self.mapping.deleted)
        for join, other in joined:
            frame = joined_with(frame, join, other)
        return frame

    def end(self) -> pd.Timestamp | None:
        """Return until when the source is synced, where it tells."""
        known = [*self.seen.values(), *self.before.cursors.values()]
        return max(known) if known else None

    def _since(self, table: str, partners: list[str]) -> pd.Timestamp | None:
        before = self.before.cursors.get(plain(table))
        changed = any(
            self.digests[plain(name)] != self.before.digests.get(plain(name)) for name in partners
        )
        cursor = self.mapping.cursor
        if before is None or changed or cursor is None or not self.has(table, cursor):
            return None
        return before - self.before.overlap

    def _read(self, table: str, since: pd.Timestamp | None) -> pd.DataFrame:
        cursor = None if self.mapping.cursor is None else plain(self.mapping.cursor)
        mark = None if since is None else since.isoformat()
        if (table, mark) in self._frames:
            return self._frames[table, mark]
        frame = self.catalog.read(table, cursor if since is not None else None, mark)
        if cursor is not None and cursor in frame.columns:
            stamps = instants(frame[cursor])
            if since is not None:
                new = (stamps.isna() | (stamps >= since)).to_numpy()
                frame, stamps = frame[new].reset_index(drop=True), stamps[new]
            if stamps.notna().any():
                latest = stamps.max()
                self.seen[plain(table)] = max(latest, self.seen.get(plain(table), latest))
        self._frames[table, mark] = blanked(frame, self.mapping)
        return self._frames[table, mark]

    def _check_absent(self, name: str, *, optional: bool) -> None:
        if optional:
            return
        near = difflib.get_close_matches(name, self.catalog.tables, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        found = ", ".join(self.catalog.tables[:20]) or "none"
        raise MappingError(
            f"{self.catalog.name}: the mapping {self.mapping.name!r} reads the table {name!r}, "
            f"which is not there{hint} (found {found})"
        )


def blanked(frame: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    """Return rows with placeholders, as "Select", turned into nothing."""
    empty = {word.casefold() for word in mapping.placeholders}
    if not empty:
        return frame
    holes = frame.map(lambda each: isinstance(each, str) and each.casefold() in empty)
    return frame.astype(object).mask(holes.astype(bool), None)


def chosen(
    frame: pd.DataFrame,
    where: Dict[str, tuple[str, ...]],
    unless: Dict[str, tuple[str, ...]],
    deleted: Sequence[str],
) -> pd.DataFrame:
    """Return the rows that a rule wants, without those that are marked as deleted."""
    keep = pd.Series(data=True, index=frame.index)
    for column, words in where.items():
        keep &= _among(frame, column, words)
    for column, words in unless.items():
        keep &= ~_among(frame, column, words)
    for column in deleted:
        keep &= ~_among(frame, column, ("true", "1", "t", "yes"))
    return frame[keep].reset_index(drop=True)


def marked_deleted(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows that are marked as deleted."""
    gone = pd.Series(data=False, index=frame.index)
    for column in columns:
        gone |= _among(frame, column, ("true", "1", "t", "yes"))
    return frame[gone]


def joined_with(frame: pd.DataFrame, join: Join, other: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the columns of a joined table beside them, as ``table.column``."""
    table = plain(join.table)
    named = other.rename(columns=lambda column: f"{table}.{column}")
    theirs = [f"{table}.{plain(column)}" for column in join.on.values()]
    missing = [name for name in theirs if name not in named.columns]
    if missing:
        raise MappingError(f"{join.table}: there is no column {missing[0].partition('.')[2]!r}")
    ours = [f"on {number}" for number in range(len(theirs))]
    for name, columns in zip(ours, join.on, strict=True):
        there = [key(each) for each in columns.split("|") if key(each) in frame.columns]
        value = pd.Series(None, index=frame.index, dtype=object)
        for each in there:
            value = value.where(value.notna(), frame[each])
        frame = frame.assign(**{name: value})
    named = named.dropna(subset=theirs)
    if not join.many:
        named = named[~named.duplicated(theirs, keep=False)]
    merged = frame.merge(named, how="left", left_on=ours, right_on=theirs)
    merged = merged.drop(columns=ours).astype(object)
    return merged.where(merged.notna(), None)


def _among(frame: pd.DataFrame, column: str, words: tuple[str, ...]) -> pd.Series:
    if key(column) not in frame.columns:
        return pd.Series(data=False, index=frame.index)
    wanted = {word.casefold() for word in words}
    return frame[key(column)].map(lambda each: isinstance(each, str) and each.casefold() in wanted)
