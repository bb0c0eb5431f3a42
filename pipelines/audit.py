"""`smarketing audit`: leaks and faults of the history, of a source, or of one flat table."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from jinja2 import Environment, PackageLoader
from matplotlib.figure import Figure

from features.audit import AuditReport, Finding, audit_table
from features.audit import audit as audit_history
from history import History, open_store
from history.sources import read
from history.sources.files import read_file
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings
from settings.settings import check_zone

_PAGE = "audit.html"


@dataclass(frozen=True)
class FlatTable:
    """How to read a file that is no history but one table, a row a lead.

    Parameters
    ----------
    outcome, key : the columns with the outcome and the id.
    order : a column that rises with the creation of the leads.
    """

    outcome: str
    key: str
    order: str | None


def run(
    settings: Settings,
    source: str | None = None,
    *,
    format: str | None = None,
    timezone: str | None = None,
    against: str | None = None,
    table: FlatTable | None = None,
    out: Path | None = None,
    as_json: bool = False,
) -> AuditReport:
    """Audit the configured history, or a source without taking it in.

    Raises
    ------
    ValueError : a source cannot be read, or what was asked for contradicts itself.
    """
    waived = settings.training.waived
    if table is not None:
        if source is None or against is not None:
            raise UsageError("--outcome reads one flat file: name it, and leave --against out")
        with context.working(f"auditing {source}"):
            report = _of_table(Path(source), table, waived)
    else:
        with context.working("auditing"):
            report = audit_history(
                _history(settings, source, format, timezone),
                target=settings.training.target,
                against=None if against is None else _history(settings, against, format, timezone),
                waived=waived,
            )
    if out is not None:
        _write(report, out)
    if as_json:
        context.print_json(as_plain(report))
    else:
        _print(report, out)
    return report


def as_plain(report: AuditReport) -> dict[str, object]:
    """Return the report as JSON data."""
    return {
        "leaks": len(report.leaks),
        "findings": [finding.as_dict() for finding in report.findings],
        "not_applicable": dict(report.not_applicable),
        "checked": list(report.checked),
    }


def _of_table(file: Path, table: FlatTable, waived: tuple[str, ...]) -> AuditReport:
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    frame = read_file(file)
    if table.order is not None and table.order in frame:
        numbers = pd.to_numeric(frame[table.order], errors="coerce")
        if numbers.isna().any():
            raise UsageError(f"{file.name}: the column {table.order!r} is not a number throughout")
        frame = frame.assign(**{table.order: numbers})
    return audit_table(
        frame, outcome=table.outcome, key=table.key, order=table.order, waived=waived
    )


def _history(
    settings: Settings, source: str | None, format: str | None, timezone: str | None
) -> History:
    """Return the configured history, or that of a source, by way of a store that is thrown away."""
    if source is None:
        return context.history_of(settings, context.store_of(settings))
    zone = timezone or settings.history.timezone
    check_zone(zone)
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/audit.db", personal=settings.history.personal)
        report = store.ingest(read(source, format, zone), now=context.now(), timezone=zone)
        if report.rejects:
            context.note(f"{len(report.rejects):,} rows of {source} could not be read")
        return store.history(current_only=settings.history.current_only)


def _print(report: AuditReport, out: Path | None) -> None:
    for finding in report.findings:
        state = " (waived)" if finding.waived else "" if finding.used else " (not used)"
        context.say(f"{finding.severity:<6} {finding.name}{state}: {finding.message}")
        context.say(f"       {finding.advice}")
    for code, reason in report.not_applicable.items():
        context.note(f"not looked at, {code}: {reason}")
    count = len(report.leaks)
    leaks = "no leak" if not count else f"{count} leak{'s' if count > 1 else ''}"
    context.say(f"{len(report.checked)} checks, {len(report.findings)} findings, {leaks}")
    if out is not None:
        context.say(f"Report: {out / _PAGE}")


def _write(report: AuditReport, out: Path) -> None:
    pages = Environment(loader=PackageLoader("pipelines"), autoescape=True)
    rows = [
        (finding, None if finding.table is None else _picture(finding))
        for finding in report.findings
    ]
    out.mkdir(parents=True, exist_ok=True)
    page = pages.get_template(_PAGE).render(report=report, rows=rows)
    (out / _PAGE).write_text(page, encoding="utf-8")


def _picture(finding: Finding) -> str:
    """Draw the rate of conversion by value, as the data of a PNG."""
    table = finding.table
    if table is None:
        raise ValueError(f"{finding.name} has nothing to draw")
    figure = Figure(figsize=(7, 0.5 + 0.3 * len(table)), layout="constrained")
    axes = figure.add_subplot()
    names = [str(value)[:40] for value in table["value"]]
    bars = axes.barh(range(len(table)), table["rate"] * 100, color="#4064c8")
    axes.bar_label(bars, [f"{leads:,} leads" for leads in table["leads"]], padding=3, fontsize=8)
    axes.set_yticks(range(len(table)), names, fontsize=8)
    axes.set_xlabel("converted, %")
    axes.set_xlim(0, max(5.0, float(table["rate"].max()) * 125))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return base64.b64encode(file.getvalue()).decode()
