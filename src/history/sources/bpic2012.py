"""The BPI Challenge 2012 log: loan applications at a bank as leads, approval as the win.

B.F. van Dongen, BPI Challenge 2012, doi:10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f.
Activities that begin with A are states of the application, O of the offer, W work of the staff.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from history.errors import SourceError
from history.extract import Extract, RawTable
from history.sources.xes import Case, find_log, read_cases

FORMAT = "bpic2012"

_CHOICES = (
    "case -> leads: an application is created at REG_DATE; the amount is taken as known from then "
    "on",
    "A_ events and O_SENT -> outcomes, known from their own instant on: preaccepted is mql, "
    "accepted sal, finalized sql, an offer sent opportunity, and the first of approved, registered "
    "and activated the win",
    "W_ and O_ events -> engagements of sales: work is known at its completion and not before, "
    "with its duration where the same member of staff began it",
)

_STAGES = {
    "A_PREACCEPTED": "mql",
    "A_ACCEPTED": "sal",
    "A_FINALIZED": "sql",
    "O_SENT": "opportunity",
    "A_DECLINED": "disqualified",
    "A_CANCELLED": "lost",
    # Three records of one approval; the first of them is the win.
    "A_APPROVED": "won",
    "A_REGISTERED": "won",
    "A_ACTIVATED": "won",
}

_KINDS = {
    "W_Completeren aanvraag": ("complete_application", "phone", "outbound"),
    "W_Nabellen offertes": ("call_after_offer", "phone", "outbound"),
    "W_Nabellen incomplete dossiers": ("call_for_documents", "phone", "outbound"),
    "W_Valideren aanvraag": ("validate_application", "back_office", "outbound"),
    "W_Afhandelen leads": ("handle_lead", "phone", "outbound"),
    "W_Beoordelen fraude": ("assess_fraud", "back_office", "outbound"),
    "W_Wijzigen contractgegevens": ("change_contract", "back_office", "outbound"),
    "O_SELECTED": ("offer_selected", "offer", "outbound"),
    "O_CREATED": ("offer_created", "offer", "outbound"),
    "O_SENT": ("offer_sent", "mail", "outbound"),
    "O_SENT_BACK": ("offer_returned", "mail", "inbound"),
    "O_ACCEPTED": ("offer_accepted", "offer", "inbound"),
    "O_DECLINED": ("offer_declined", "offer", "inbound"),
    "O_CANCELLED": ("offer_cancelled", "offer", "outbound"),
    "A_SUBMITTED": ("application_submitted", "web", "inbound"),
    "A_PARTLYSUBMITTED": ("application_partly_submitted", "web", "inbound"),
}
_KNOWN = _STAGES.keys() | _KINDS.keys()
_MOMENTS = {"SCHEDULE": "_scheduled", "START": "_started", "COMPLETE": ""}


def recognises(source: str) -> bool:
    """Tell whether a source is the challenge's log, or a folder with it."""
    if "://" in source:
        return False
    log = find_log(source)
    return log is not None and "bpi_challenge_2012" in log.name.lower()


def read(source: str, timezone: str | None) -> Extract:
    """Read the log: a case is a lead, created when the application was registered.

    Work and offers are engagements of sales; states of the application are stages. Work has a
    duration where its start and its completion by the same member of staff are both recorded,
    and it is known only at the completion. What the log calls by a name that is not known here
    is left out and noted.

    Raises
    ------
    SourceError : there is no such log, or it cannot be read.
    """
    del timezone  # every time in the log has a zone
    log = find_log(source)
    if log is None:
        raise SourceError(
            f"{source}: expected BPI_Challenge_2012.xes or .xes.gz, or a folder with one"
        )
    tables: dict[str, list[dict[str, Any]]] = {"leads": [], "engagements": [], "outcomes": []}
    unknown: Counter[str] = Counter()
    for case in read_cases(log):
        tables["leads"].append(_lead(case))
        tables["engagements"].extend(_engagements(case))
        tables["outcomes"].extend(_outcomes(case))
        unknown.update(name for event in case.events if (name := _activity(event)) not in _KNOWN)
    raw = {
        name: RawTable(pd.DataFrame(rows), f"{log.name} {name}")
        for name, rows in tables.items()
        if rows
    }
    if "leads" not in raw:
        raise SourceError(f"{log.name}: the log holds no case")
    notes = tuple(f"{count:,} events {name!r} were not read" for name, count in unknown.items())
    return Extract(FORMAT, raw, notes=notes, choices=_CHOICES)


def _activity(event: Mapping[str, str]) -> str:
    return event.get("concept:name", "")


def _lead(case: Case) -> dict[str, Any]:
    return {
        "lead_id": case.attributes.get("concept:name"),
        "created_at": case.attributes.get("REG_DATE"),
        "amount_requested": case.attributes.get("AMOUNT_REQ"),
    }


def _engagements(case: Case) -> Iterator[dict[str, Any]]:
    started: dict[tuple[str, str | None], str] = {}
    lead_id = case.attributes.get("concept:name")
    for number, event in enumerate(case.events):
        activity, at = _activity(event), event.get("time:timestamp")
        if activity not in _KINDS:
            continue
        kind, channel, direction = _KINDS[activity]
        moment = event.get("lifecycle:transition", "COMPLETE").upper()
        work, seconds = (activity, event.get("org:resource")), None
        if moment == "START" and at is not None:
            started[work] = at
        elif moment == "COMPLETE" and at is not None and work in started:
            seconds = _seconds_between(started.pop(work), at)
        yield {
            "engagement_id": f"{lead_id}-{number:04}",
            "lead_id": lead_id,
            "occurred_at": at,
            "kind": f"{kind}{_MOMENTS.get(moment, '_' + moment.lower())}",
            "team": "marketing" if activity.startswith("A_") else "sales",
            "channel": channel,
            "direction": direction,
            "duration_s": seconds,
        }


def _seconds_between(start: str, end: str) -> float | None:
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError):  # an unreadable time: its own row is refused for it
        return None


def _outcomes(case: Case) -> list[dict[str, Any]]:
    """Return each stage at the first time that it was reached; ids order equal times."""
    found: dict[str, dict[str, Any]] = {}
    lead_id = case.attributes.get("concept:name")
    for number, event in enumerate(case.events):
        stage = _STAGES.get(_activity(event))
        if stage is None or stage in found:
            continue
        found[stage] = {
            "outcome_id": f"{lead_id}-{number:04}",
            "lead_id": lead_id,
            "occurred_at": event.get("time:timestamp"),
            "stage": stage,
            "amount": case.attributes.get("AMOUNT_REQ") if stage == "won" else None,
            "reason": _activity(event).lower() if stage in ("lost", "disqualified") else None,
            "owner": event.get("org:resource"),
        }
    return list(found.values())
