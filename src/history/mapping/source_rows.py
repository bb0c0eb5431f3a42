"""The rows of one rule: read, chosen, joined, as text under plain names."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Dict

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
    now : this instant; sync times much later than it are no sync times.
    """

    def __init__(
        self, catalog: Catalog, mapping: Mapping, before: Marks, now: pd.Timestamp | None = None
    ) -> None:
        self.catalog = catalog
        self.mapping = mapping
        self.before = before.until(now)
        self._latest = None if now is None else now + before.overlap
        self.notes: list[str] = []
        self.left: Counter[str] = Counter()
        self.there = 0
        self.seen: dict[str, pd.Timestamp] = {}
        self.digests: dict[str, str] = {}
        self._frames: dict[tuple[str, str | None], pd.DataFrame] = {}

    def table(self, name: str) -> str | None:
        """Return the source's own name of a table, or None."""
        return self.catalog.find(name, self.mapping.affixes)

    def has(self, table: str, column: str) -> bool:
        """Tell whether a table of the source has a column."""
        return plain(column) in self.catalog.columns(table)

    def meant(self, rule: Rule) -> bool:
        """Tell whether a rule is for a table of the shape that the source has."""
        table = self.table(rule.from_)
        return table is None or all(self.has(table, column) for column in rule.needs)

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
        if not self.meant(rule):
            return None
        joined: list[tuple[Join, pd.DataFrame]] = []
        for join in rule.join:
            other = self.whole(join.table)
            if other is None:
                if join.optional:
                    continue
                self._check_absent(join.table, optional=may_lack_its_table(rule, self.mapping))
                return None
            partner = used_of(chosen(other, join.where, {}, self.mapping.deleted), join, rule)
            self.digests[self._partner(rule, join)] = digest(partner)
            joined.append((join, partner))
        since = self._since(table, [self._partner(rule, join) for join, _ in joined])
        frame = self._counted(self._read(table, since), rule)
        for join, other in joined:
            frame = joined_with(frame, join, other)
        return frame

    def _counted(self, frame: pd.DataFrame, rule: Rule) -> pd.DataFrame:
        """Return the rows that a rule wants, and keep how many it does not."""
        alive = chosen(frame, {}, {}, self.mapping.deleted)
        wanted = chosen(alive, rule.where, rule.unless, ())
        self.there = len(frame)
        self.left = Counter(
            {
                "deleted there": len(frame) - len(alive),
                "not wanted by `where` and `unless`": len(alive) - len(wanted),
            }
        )
        return wanted

    def end(self) -> pd.Timestamp | None:
        """Return until when the source is synced, where it tells."""
        known = [*self.seen.values(), *self.before.cursors.values()]
        return max(known) if known else None

    def _partner(self, rule: Rule, join: Join) -> str:
        """Return under which name the digest of a joined table is kept: each rule uses its own."""
        return f"{self.mapping.rules.index(rule)} {plain(join.table)}"

    def _since(self, table: str, partners: list[str]) -> pd.Timestamp | None:
        before = self.before.cursors.get(plain(table))
        changed = any(self.digests[name] != self.before.digests.get(name) for name in partners)
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
            stamps = self._believed(table, instants(frame[cursor]))
            if since is not None:
                if not (stamps >= since + self.before.overlap).any():
                    return self._refilled(table)
                new = (stamps.isna() | (stamps >= since)).to_numpy()
                frame, stamps = frame[new].reset_index(drop=True), stamps[new]
            if stamps.notna().any():
                latest = stamps.max()
                self.seen[plain(table)] = max(latest, self.seen.get(plain(table), latest))
        self._frames[table, mark] = blanked(frame, self.mapping)
        return self._frames[table, mark]

    def _refilled(self, table: str) -> pd.DataFrame:
        """Read all of a table that has lost the row that its mark came from.

        It was filled anew, or a clock was set back: what is new may stand before the mark.
        """
        self.notes.append(f"{table}: was filled anew since the last reading, and is read whole")
        return self._read(table, None)

    def _believed(self, table: str, stamps: pd.Series) -> pd.Series:
        """Return sync times without those of the future, which would hide all rows after them."""
        late = pd.Series(data=False, index=stamps.index)
        if self._latest is not None:
            late = (stamps > self._latest).fillna(value=False)
        if late.any():
            said = (
                f"{table}: {int(late.sum()):,} rows were synced in the future, such as on "
                f"{stamps[late].iloc[0]:%Y-%m-%d}; they are read every time, and say nothing of "
                "how far the source is complete"
            )
            self.notes += [] if said in self.notes else [said]
        return stamps.mask(late)

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
    filled = {name: _without(frame[name], empty) for name in frame.columns}
    return pd.DataFrame(filled, index=frame.index, columns=frame.columns)


def _without(values: pd.Series, words: set[str]) -> pd.Series:
    """Return text without words of any case."""
    found = _spelled(values, words)
    if not found:
        return values
    kept = [None if each in found else each for each in values.tolist()]
    return pd.Series(kept, index=values.index, dtype=object)


def _spelled(values: pd.Series, words: Collection[str]) -> set[str]:
    """Return how words, given in folded case, are spelled in a column."""
    longest = max(map(len, words), default=0) * 3
    distinct = (each for each in set(values.tolist()) if isinstance(each, str))
    return {each for each in distinct if len(each) <= longest and each.casefold() in words}


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


def used_of(other: pd.DataFrame, join: Join, rule: Rule) -> pd.DataFrame:
    """Return the columns of a joined table that a rule uses; all where one of them is missing.

    A change of the others is no news to the rule.
    """
    named = [name for cell in rule.columns.values() for name in cell.named]
    named += [name for each in rule.join for names in each.on for name in names.split("|")]
    table = f"{plain(join.table)}."
    used = {key(name).removeprefix(table) for name in named if key(name).startswith(table)}
    used |= {plain(name) for name in join.on.values()}
    return other[[name for name in other.columns if name in used]] if used <= set(other) else other


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
    found = _spelled(frame[key(column)], {word.casefold() for word in words})
    return frame[key(column)].isin(found) & bool(found)
