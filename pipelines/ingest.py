"""`smarketing ingest`: a source into the history."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from history import IngestReport, Store
from history.sources import read
from pipelines import context
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
    as_json: bool = False,
) -> IngestReport:
    """Read a source and take it into the store: all of it, or nothing.

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
    with context.working(f"reading {source}") as (progress, task):
        extract = read(source, format, zone)
        if until is not None:
            extract = extract.observed(until)
        progress.update(task, description="writing the history", note="")
        report = store.ingest(extract, now=context.now(), timezone=zone, strict=strict)
    if as_json:
        context.print_json(as_plain(report))
    else:
        _print(report, store)
    return report


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
        (name, f"{c.accepted:,}", f"{c.updated:,}", f"{c.duplicate:,}", f"{c.rejected:,}")
        for name, c in report.counts.items()
    ]
    context.print_table(
        f"Read as {report.format} into {store.name}",
        ("table", "accepted", "updated", "duplicate", "rejected"),
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
