"""`smarketing report`: the pages as files, for people without the service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignment.agreement import Agreement, in_force
from alignment.facts import facts_of
from alignment.observing import observe
from alignment.pages import drivers, funnel, goals, lead, model, render, saved_links, today
from alignment.pages.movement import Focus
from alignment.situation import Situation
from history import History, Store
from history.assignments import assignments, no_assignments
from history.spend import spend_log
from history.teamwork import agreements, changes, handoffs
from models.registry import Registry
from models.versions import ModelVersion
from pipelines import context
from pipelines.output import make_folder
from settings import Settings

_QUEUE = 25


def run(settings: Settings, out: Path) -> Path:
    """Write the report of the champion on the configured history.

    Returns
    -------
    The page to open.

    Raises
    ------
    ValueError : no champion, an empty history, or no folder to write into.
    """
    registry = Registry.of(settings.tracking)
    version = registry.version("champion")
    make_folder(out)
    with context.working("reading the history") as (progress, task):
        store = context.store_of(settings)
        history = context.history_of(settings, store)
        progress.update(task, description="scoring the open leads")
        page = write(settings, registry, version, history, out, store)
    context.note(f"open {page}")
    return page


def write(
    settings: Settings,
    registry: Registry,
    version: ModelVersion,
    history: History,
    out: Path,
    store: Store | None = None,
) -> Path:
    """Write every page, each self-contained, into a folder.

    Parameters
    ----------
    settings : of the installation.
    registry, version : the model to score with.
    history : what happened.
    out : the folder.
    store : what both teams agreed on; the configuration alone where there is none.

    Returns
    -------
    The page to open.
    """
    history = history.without_personal()
    situation = _situation(settings, registry, version, history, store)
    foot = (
        f"As of {situation.now:%d %B %Y %H:%M} UTC, scored by version {situation.version}. "
        "Saved by smarketing report."
    )
    make_folder(out)
    choice = today.Choice(size=_QUEUE)
    places = today.paged(today.chosen(situation, choice), choice)
    best = situation.worklist["lead_id"].iloc[places].tolist()
    files = {str(lead_id): f"lead-{place}.html" for place, lead_id in enumerate(best, start=1)}
    links = saved_links(files)
    now, served = situation.now, situation.model
    pages = {
        "index.html": ("today", today.view(situation, choice)),
        "drivers.html": ("drivers", drivers.view(situation, Focus())),
        "funnel.html": ("funnel", funnel.view(situation, funnel.DIMENSIONS)),
        "goals.html": ("goals", goals.view(situation, alone=True)),
        "model.html": ("model", model.view(situation)),
        "health.html": ("health", model.health(model.checks(history, served, now))),
    }
    part = colleagues_of(history, best)
    for lead_id, file in files.items():
        pages[file] = ("lead", _lead(situation, part, lead_id, settings))
    for file, (name, data) in pages.items():
        (out / file).write_text(render(name, data, links, foot=foot), "utf-8")
    return out / "index.html"


def _lead(
    situation: Situation, part: History, lead_id: str, settings: Settings
) -> dict[str, object]:
    logged = situation.logged
    return lead.view(
        colleagues_of(part, [lead_id]),
        lead_id,
        situation.model,
        now=situation.now,
        grades=situation.agreement.grades(settings.grades),
        version=situation.version,
        handoffs=None if logged is None else logged[logged["lead_id"] == lead_id],
        floors=situation.floors,
    )


def colleagues_of(history: History, lead_ids: Sequence[str]) -> History:
    """Return the history of some leads and of those at the same accounts."""
    leads = history.leads
    mine = leads["lead_id"].isin(lead_ids)
    same = leads["account_id"].isin(leads.loc[mine, "account_id"].dropna())
    return history.for_leads(leads.loc[mine | same, "lead_id"].tolist())


def _situation(
    settings: Settings,
    registry: Registry,
    version: ModelVersion,
    history: History,
    store: Store | None,
) -> Situation:
    records = agreements(store) if store else []
    versions = [Agreement.from_record(each) for each in records]
    won = history.outcomes.loc[history.outcomes["stage"] == "won", "amount"]
    deal = settings.serving.average_deal
    return observe(
        history,
        registry.load(version),
        str(version.version),
        now=history.observed_until,
        grades=settings.grades,
        agreement=in_force(records, settings.agreement),
        versions=versions,
        log=changes(store) if store else (),
        logged=handoffs(store) if store else None,
        assigned=assignments(store) if store else no_assignments(),
        spent=spend_log(store) if store else None,
        deal=deal if deal is not None else float(won.median()) if won.notna().any() else 0.0,
        facts=facts_of(registry, version.version),
    )
