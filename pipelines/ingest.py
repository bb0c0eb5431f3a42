"""`smarketing ingest`: a source into the history."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from history import IngestReport, Store
from history.addresses import shown
from history.extract import Extract
from history.sources import Reader
from history.sources.mapped import MappedReader, source_name
from history.upsert import Counts
from pipelines import context, dry_run
from pipelines.sources import reader_of, write_mapping
from settings import Settings
from settings.settings import check_zone

_SHOWN = 5


def run(
    settings: Settings,
    source: str,
    *,
    format: str | None = None,
    timezone: str | None = None,
    observed_until: str | None = None,
    strict: bool = False,
    full: bool = False,
    as_json: bool = False,
) -> IngestReport:
    """Read a source and take it into the store: all of it, or nothing.

    Of a source that tells when its rows were synced, only what is new since the last time is
    read, with an overlap; `full` reads all of it again.

    Raises
    ------
    ValueError : the source, the zone or the store cannot be used; one clear line says why.
    """
    zone = timezone or settings.history.timezone
    check_zone(zone)
    until = None
    if observed_until is not None:
        until = context.instant(observed_until, "--observed-until", zone)
    store = context.store_of(settings)
    with context.working(f"reading {shown(source)}") as (progress, task):
        reader = reader_of(settings, source, format)
        extract = _new(reader, source, zone, store, full=full)
        if until is not None:
            extract = extract.observed(until)
        progress.update(task, description="writing the history", note="")
        report = store.ingest(extract, now=context.now(), timezone=zone, strict=strict)
    if as_json:
        context.print_json(as_plain(report))
    else:
        _print(report, store)
    return report


def preview(
    settings: Settings,
    source: str,
    *,
    format: str | None = None,
    timezone: str | None = None,
    save_to: Path | None = None,
    as_json: bool = False,
) -> None:
    """Show what a source would become, without writing to the history.

    Parameters
    ----------
    save_to : the configuration file that the mapping is appended to.

    Raises
    ------
    ValueError : the source or its mapping cannot be used; one clear line says why.
    """
    zone = timezone or settings.history.timezone
    check_zone(zone)
    reader = reader_of(settings, source, format)
    with context.working(f"reading {shown(source)}"):
        extract = _all(reader, source, zone)
    dry_run.show(reader, extract, zone, as_json=as_json)
    if save_to is not None:
        write_mapping(reader, save_to)
        context.notices.print(f"{save_to}: the mapping is now its section \\[mapping]")


def _new(reader: Reader, source: str, zone: str | None, store: Store, *, full: bool) -> Extract:
    if full or not isinstance(reader, MappedReader):
        return _all(reader, source, zone)
    marks = store.marks(reader.FORMAT, source_name(source))
    return reader.read_new(source, zone, marks, context.now())


def _all(reader: Reader, source: str, zone: str | None) -> Extract:
    if isinstance(reader, MappedReader):
        return reader.read_new(source, zone, None, context.now())
    return reader.read(source, zone)


def as_plain(report: IngestReport) -> dict[str, Any]:
    """Return the report as JSON data."""
    return {
        "format": report.format,
        "tables": {name: asdict(counts) for name, counts in report.counts.items()},
        "waiting_for_their_lead": report.waiting,
        "rejected": [asdict(reject) for reject in report.rejects],
        "notes": list(report.notes),
    }


def _print(report: IngestReport, store: Store) -> None:
    rows = [
        (name, *(f"{count:,}" for count in asdict(counts).values()))
        for name, counts in report.counts.items()
    ]
    context.print_table(
        f"Read as {report.format} into {store.name}",
        ("table", *(each.name for each in fields(Counts))),
        rows,
    )
    for note in report.notes:
        context.say(f"note: {note}")
    if report.waiting:
        context.say(f"{report.waiting:,} rows wait for a lead that is not known yet")
    for reject in report.rejects[:_SHOWN]:
        context.say(f"quarantined: {reject}")
    if len(report.rejects) > _SHOWN:
        context.say(f"... and {len(report.rejects) - _SHOWN:,} more: smarketing quarantine")
