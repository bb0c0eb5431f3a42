"""`smarketing ingest --dry-run`: what a source would become, before anything is written."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from history.conform import conform
from history.extract import Extract
from history.mapping import Mapping
from history.mapping.declaration import Cell
from history.moved import as_they_became
from history.rejects import Conformed
from history.sources import Reader
from history.sources.mapped import MappedReader
from history.tables import TABLES
from pipelines import context

_SHOWN = 5


def show(reader: Reader, extract: Extract, timezone: str | None, *, as_json: bool) -> None:
    """Print the mapping, the counts, the first rows that would be set aside, and what it means.

    Raises
    ------
    SourceError : the source breaks a contract as a whole.
    """
    extract = as_they_became(extract)
    conformed = {
        name: conform(
            TABLES[name],
            table.frame,
            origin=table.origin,
            timezone=extract.timezone or timezone,
            partial=True,
        )
        for name, table in extract.tables.items()
    }
    mapping = reader.mapping if isinstance(reader, MappedReader) else None
    if as_json:
        context.print_json(_plain(extract, conformed, mapping))
    else:
        _print(extract, conformed, mapping)


def _plain(
    extract: Extract, conformed: dict[str, Conformed], mapping: Mapping | None
) -> dict[str, Any]:
    return {
        "format": extract.format,
        "dry_run": True,
        "mapping": _rules(mapping),
        "choices": list(extract.choices),
        "tables": {
            name: {
                "rows": len(each.frame),
                "duplicate": each.duplicates,
                "rejected": len(each.rejects),
            }
            for name, each in conformed.items()
        },
        "current_only": sorted(extract.current_only),
        "rejected": [asdict(reject) for each in conformed.values() for reject in each.rejects],
        "readings": [asdict(each) for each in extract.readings],
        "unused": {} if mapping is None else dict(mapping.unused),
        "unmentioned": list(extract.unread),
        "notes": list(extract.notes),
    }


def _rules(mapping: Mapping | None) -> list[dict[str, Any]]:
    return [
        {
            "into": rule.into,
            "from": rule.from_,
            "columns": {name: _words(cell) for name, cell in rule.columns.items()},
            "fixed": list(rule.fixed),
            "truth": rule.truth,
        }
        for rule in (mapping.rules if mapping else ())
    ]


def _words(cell: Cell) -> str:
    if cell.value is not None:
        return f"always {cell.value!r}"
    if cell.template is not None:
        return cell.template
    if cell.latest:
        return f"the latest of {', '.join(cell.latest)}"
    return ", else ".join(cell.column)


def _readings(extract: Extract) -> list[tuple[str, ...]]:
    return [
        (
            each.origin,
            each.into,
            f"{each.rows:,}",
            f"{each.read:,}",
            ", ".join(f"{count:,} {why}" for why, count in each.left.items()),
        )
        for each in extract.readings
    ]


def _print(extract: Extract, conformed: dict[str, Conformed], mapping: Mapping | None) -> None:
    for rule in _rules(mapping):
        rows = list(rule["columns"].items())
        context.print_table(f"{rule['from']} -> {rule['into']}", ("becomes", "from"), rows)
        if rule["truth"]:
            context.say(f"  in time: {rule['truth']}")
    for choice in extract.choices:
        context.say(f"in time: {choice}")
    counts = [
        (name, f"{len(each.frame):,}", f"{each.duplicates:,}", f"{len(each.rejects):,}")
        for name, each in conformed.items()
    ]
    context.print_table(
        f"Would be read as {extract.format}; nothing was written",
        ("table", "rows", "duplicate", "rejected"),
        counts,
    )
    if extract.readings:
        columns = ("table", "becomes", "rows", "read", "left out")
        context.print_table("What becomes of each table", columns, _readings(extract))
    for note in extract.notes:
        context.say(f"note: {note}")
    for table, reason in (mapping.unused if mapping else {}).items():
        context.say(f"not read: {table}: {reason}")
    if extract.unread:
        names = ", ".join(extract.unread)
        context.say(f"not read, since the mapping says nothing of them: {names}")
    if extract.current_only:
        names = ", ".join(sorted(extract.current_only))
        context.say(f"today's value alone, so that no feature uses it: {names}")
    rejects = [reject for each in conformed.values() for reject in each.rejects]
    for reject in rejects[:_SHOWN]:
        context.say(f"would be quarantined: {reject}")
