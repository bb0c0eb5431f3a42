"""The one engine: a mapping applied to the tables of a source."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace

import pandas as pd

from history.extract import Extract, RawTable, Reading
from history.mapping.catalog import Catalog
from history.mapping.cells import key, make_cell
from history.mapping.checks import check_columns, check_leads
from history.mapping.declaration import Mapping, MappingError, Rule
from history.mapping.identity import deleted_leads, merged_leads
from history.mapping.names import attribute_name, matches, plain
from history.mapping.own import check_cursor
from history.mapping.progress import Marks, instants
from history.mapping.source_rows import SourceRows
from history.tables import TABLES

_MANY = 20
_HISTORIES = {"lead": "leads", "account": "accounts"}


@dataclass
class _Made:
    """What the rules have made so far."""

    frames: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    origins: dict[str, list[str]] = field(default_factory=dict)
    current_only: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    spoken: list[tuple[str, pd.Series]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)


def mapping_digest(mapping: Mapping) -> str:
    """Return a digest of a mapping: with another one, everything is read anew."""
    return hashlib.blake2b(mapping.model_dump_json().encode(), digest_size=12).hexdigest()


def apply(
    mapping: Mapping,
    catalog: Catalog,
    timezone: str | None,
    before: Marks | None = None,
    now: pd.Timestamp | None = None,
) -> Extract:
    """Read a source by a mapping.

    Rows keep the ids that the source has: mergers and deletions are told beside them, for
    `history.moved` to follow, which knows who was erased.

    Parameters
    ----------
    mapping : what becomes of its tables.
    catalog : where they lie.
    timezone : the zone of times that carry none, where the source does not fix it.
    before : what an earlier reading has seen; everything is read where missing.
    now : this instant, to know sync times of the future by; all are believed where missing.

    Raises
    ------
    MappingError : the mapping does not fit the source; the message says where and what to do.
    """
    rows = SourceRows(catalog, mapping, before or Marks(), now)
    made = _Made()
    check_cursor(mapping, catalog)
    merged = merged_leads(rows, mapping)
    gone = deleted_leads(rows, mapping, merged)
    histories = _entities_with_history(rows, mapping)
    for rule in mapping.rules:
        frame = rows.of_rule(rule)
        if frame is not None:
            check_columns(rule, frame, rows.table(rule.from_) or rule.from_, mapping)
            _take(rule, frame, rows, made, histories)
    zone = mapping.timezone or timezone or mapping.assumed_timezone
    if timezone is None and mapping.timezone is None and zone is not None:
        made.notes.append(f"times carry no zone and were read as {zone}; --timezone names another")
    tables = {name: _together(name, made, catalog) for name in TABLES if name in made.frames}
    tables = {name: _last_versions(name, table, made) for name, table in tables.items()}
    made.notes += rows.notes
    made.notes += check_leads(
        tables, made.spoken, mapping, catalog, merged=merged, partial=bool(rows.before.cursors)
    )
    if merged:
        made.notes.append(f"{len(merged):,} merged leads are read as the lead they became")
    if gone:
        made.notes.append(f"{len(gone):,} leads were deleted there and are deleted here")
    return Extract(
        mapping.name,
        tables,
        current_only=frozenset(made.current_only),
        observed_until=rows.end(),
        timezone=zone,
        notes=tuple(made.notes),
        source=catalog.name,
        merged=merged,
        gone=gone,
        marks=_marks(rows, made, mapping).as_json() if mapping.cursor else None,
        partial=bool(rows.before.cursors),
        readings=tuple(made.readings),
        unread=_unread(rows, mapping),
    )


def _take(
    rule: Rule, frame: pd.DataFrame, rows: SourceRows, made: _Made, histories: set[str]
) -> None:
    """Make the canonical rows of one rule."""
    mapping, table = rows.mapping, TABLES[rule.into]
    kinds = {column.name: column.kind for column in table.columns}
    frame = _unfolded(rule, frame, mapping) if rule.wide else frame
    data = {
        name: make_cell(cell, frame, mapping, time=kinds.get(name) == "time")
        for name, cell in rule.columns.items()
    }
    canonical = pd.DataFrame(data, index=frame.index)
    if table.attributes:
        canonical = canonical.assign(**_attributes(rule, frame, mapping, made, histories))
    if rule.into == "attribute_history":
        canonical["field"] = canonical["field"].map(_field, na_action="ignore")
        secret = canonical["field"].map(
            lambda name: (
                matches(str(name), (*mapping.hindsight, *mapping.personal))
                or matches(f"property_{name}", (*mapping.hindsight, *mapping.personal))
            )
        )
        rows.left["fields that are never read"] += int(secret.sum())
        canonical = canonical[~secret.astype(bool)]
    canonical = _named(rule, canonical, frame, made, rows.left, mapping)
    happened = _happened(rule, canonical, rows, made)
    rows.left["after the last sync"] += len(canonical) - len(happened)
    canonical = happened
    origin = rows.table(rule.from_) or rule.from_
    left = {why: count for why, count in rows.left.items() if count}
    made.readings.append(Reading(origin, rule.into, rows.there, len(canonical), left))
    if rule.into != "leads" and "lead_id" in canonical.columns:
        made.spoken.append((origin, canonical["lead_id"]))
    made.frames.setdefault(rule.into, []).append(canonical)
    made.origins.setdefault(rule.into, []).append(origin)


def _field(name: str) -> str:
    return attribute_name(plain(name)) or name


def _unfolded(rule: Rule, frame: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    """Turn versions of whole rows into changes of single fields: one row a field that changed."""
    used = {key(name) for cell in rule.columns.values() for name in cell.sources}
    used |= {key(name) for name in (*rule.where, *rule.unless, *mapping.deleted)}
    entity = key(rule.columns["entity_id"].column[0])
    moment = key(rule.columns["valid_from"].column[0])
    fields = [
        name
        for name in frame.columns
        if name not in used and not name.startswith("fivetran_") and "." not in name
    ]
    long = frame.melt([entity, moment], fields, "field", "value")
    order = instants(long[moment])
    long = long.assign(order=order).sort_values([entity, "field", "order"], kind="stable")
    before = long.groupby([entity, "field"], dropna=False)["value"].shift()
    first = ~long.duplicated([entity, "field"])
    same = (long["value"].fillna("") == before.fillna("")) & ~first
    empty = first & long["value"].isna()
    return long[~(same | empty)].drop(columns="order").reset_index(drop=True)


def _attributes(
    rule: Rule, frame: pd.DataFrame, mapping: Mapping, made: _Made, histories: set[str]
) -> dict[str, pd.Series]:
    """Return the attributes of leads or accounts: fixed ones, and current-only ones as such."""
    used = {key(name) for cell in rule.columns.values() for name in cell.sources}
    hidden = (*mapping.hindsight, *mapping.personal)
    attributes: dict[str, pd.Series] = {}
    for column in frame.columns:
        name = attribute_name(column)
        technical = (
            column.startswith("fivetran_") or "." in column or column in map(key, mapping.deleted)
        )
        if column in used or technical or matches(column, hidden) or matches(name, hidden):
            continue
        if frame[column].isna().all() or name in rule.columns:
            continue
        fixed = matches(column, rule.fixed) or matches(name, rule.fixed)
        if not fixed and rule.into in histories:
            continue  # its history is read: today's value says nothing more
        if not fixed:
            made.current_only.add(f"{rule.into}.{name}")
        attributes[name] = frame[column]
    return attributes


def _named(
    rule: Rule,
    canonical: pd.DataFrame,
    frame: pd.DataFrame,
    made: _Made,
    left: Counter[str],
    mapping: Mapping,
) -> pd.DataFrame:
    """Leave out rows that concern no lead, and rows whose word the mapping does not know."""
    key_column = "entity_id" if rule.into == "attribute_history" else None
    key_column = "lead_id" if "lead_id" in canonical.columns else key_column
    if key_column is not None and rule.into not in ("leads", "accounts"):
        without = canonical[key_column].isna()
        left["name no lead"] += int(without.sum())
        if without.any():
            made.notes.append(
                f"{rule.from_}: {int(without.sum()):,} of {len(canonical):,} rows name no lead "
                "and were not read"
            )
        canonical = canonical[~without]
    for name, cell in rule.columns.items():
        if not cell.map or name not in canonical.columns:
            continue
        silent = canonical[name] == ""
        unknown = canonical[name].isna()
        if unknown.any() and TABLES[rule.into].column(name).required:
            source = frame.loc[canonical.index[unknown]]
            said = make_words(cell.sources, cell.template, source)
            words = ", ".join(f"{word!r} {count:,}" for word, count in said.most_common(5))
            if unknown.all() and len(unknown) >= _MANY and not mapping.loose:
                raise MappingError(
                    f"mapping {mapping.name!r}, {rule.into} from {rule.from_!r}: {name}: the map "
                    f"knows none of the {len(unknown):,} rows' words ({words}); map another "
                    "column, or put the words that you use into the map"
                )
            made.notes.append(
                f"{rule.from_}: {int(unknown.sum()):,} rows have a {name} that the mapping does "
                f"not know and were not read: {words}"
            )
            left[f"{name} not known"] += int(unknown.sum())
            canonical, silent = canonical[~unknown], silent[~unknown]
        left[f"{name} that says nothing"] += int(silent.sum())
        canonical = canonical[~silent]
    return canonical


def make_words(sources: tuple[str, ...], template: str | None, frame: pd.DataFrame) -> Counter[str]:
    """Return the words of the source that a map did not know, with how often they occur."""
    if template is not None:
        return Counter({template: len(frame)})
    for name in sources:
        if key(name) in frame.columns:
            return Counter(str(each) for each in frame[key(name)])
    return Counter()


def _happened(rule: Rule, canonical: pd.DataFrame, rows: SourceRows, made: _Made) -> pd.DataFrame:
    """Leave out what is planned: it lies after the end of what the source has recorded."""
    end = rows.end()
    moments = [name for name in ("occurred_at", "recorded_at") if name in canonical.columns]
    if end is None or rule.into in ("leads", "accounts") or not moments or canonical.empty:
        return canonical
    planned = pd.Series(data=False, index=canonical.index)
    for name in moments:
        planned |= (instants(canonical[name]) > end).fillna(value=False)
    if planned.any():
        made.waiting.add(plain(rows.table(rule.from_) or rule.from_))
        made.notes.append(
            f"{rule.from_}: {int(planned.sum()):,} rows lie after the last sync; they are read "
            "once they have happened"
        )
    return canonical[~planned]


def _together(name: str, made: _Made, catalog: Catalog) -> RawTable:
    frames = made.frames[name]
    whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    whole = whole.reset_index(drop=True)
    origins = list(dict.fromkeys(made.origins[name]))
    return RawTable(whole, f"{catalog.name}: {', '.join(origins)}")


def _last_versions(name: str, table: RawTable, made: _Made) -> RawTable:
    """Keep one version of each row: the last one."""
    frame, own = table.frame, TABLES[name].key
    if own in frame.columns:
        again = frame[own].duplicated(keep="last") & frame[own].notna()
        if again.any():
            made.notes.append(
                f"{name}: {int(again.sum()):,} rows have an id that comes again, such as "
                f"{frame.loc[again, own].iloc[0]!r}; the last one counts"
            )
        frame = frame[~again]
    return replace(table, frame=frame.reset_index(drop=True))


def _unread(rows: SourceRows, mapping: Mapping) -> tuple[str, ...]:
    """Return the tables of the source that the mapping does not mention."""
    named = [rule.from_ for rule in mapping.rules]
    named += [merge.from_ for merge in mapping.merges]
    named += [deletion.from_ for deletion in mapping.deletions]
    named += [join.table for rule in mapping.rules for join in rule.join]
    named += list(mapping.unused)
    known = {rows.table(name) for name in named}
    return tuple(table for table in rows.catalog.tables if table not in known)


def _entities_with_history(rows: SourceRows, mapping: Mapping) -> set[str]:
    """Return which of leads and accounts have a history of their fields in the source."""
    return {
        _HISTORIES[str(rule.columns["entity"].value)]
        for rule in mapping.rules
        if rule.into == "attribute_history"
        and rows.table(rule.from_) is not None
        and rows.meant(rule)
        and rule.columns["entity"].value in _HISTORIES
    }


def _marks(rows: SourceRows, made: _Made, mapping: Mapping) -> Marks:
    """Return how far the source has been read; a table with planned rows is read again."""
    cursors = {**rows.before.cursors, **rows.seen}
    kept = {
        name: rows.before.cursors.get(name) if name in made.waiting else stamp
        for name, stamp in cursors.items()
    }
    known = {name: stamp for name, stamp in kept.items() if stamp is not None}
    return Marks(mapping_digest(mapping), known, {**rows.before.digests, **rows.digests})
