"""The BPI Challenge 2012 log: loan applications at a bank as leads, approval as the win.

B.F. van Dongen, BPI Challenge 2012, doi:10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f.
Activities that begin with A are states of the application, O of the offer, W work of the staff.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from history.errors import SourceError
from history.extract import Extract, RawTable
from history.sources.xes import Case, find_log, read_cases

FORMAT = "bpic2012"

_STAGES = {
    "A_PREACCEPTED": "mql",
    "A_ACCEPTED": "sal",
    "A_FINALIZED": "sql",
    "O_SENT": "opportunity",
    "A_DECLINED": "disqualified",
    "A_CANCELLED": "lost",
}
_APPROVED = ("A_APPROVED", "A_REGISTERED", "A_ACTIVATED")
"""Three records of one approval; the first of them is the win."""

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
    and it is known only at the completion.

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
    leads: list[dict[str, Any]] = []
    engagements: list[dict[str, Any]] = []
    outcomes: list[dict[str, Any]] = []
    for case in read_cases(log):
        lead_id = case.attributes.get("concept:name", "")
        leads.append(
            {
                "lead_id": lead_id,
                "created_at": case.attributes.get("REG_DATE"),
                "amount_requested": case.attributes.get("AMOUNT_REQ"),
            }
        )
        engagements.extend(_engagements(lead_id, case))
        outcomes.extend(_outcomes(lead_id, case))
    tables = {"leads": leads, "engagements": engagements, "outcomes": outcomes}
    raw = {
        name: RawTable(pd.DataFrame(rows), f"{log.name} {name}") for name, rows in tables.items()
    }
    return Extract(FORMAT, raw)


def _engagements(lead_id: str, case: Case) -> list[dict[str, Any]]:
    found, started = [], {}
    for number, event in enumerate(case.events):
        activity, moment = (
            event["concept:name"],
            event.get("lifecycle:transition", "COMPLETE").upper(),
        )
        if activity not in _KINDS:
            continue
        kind, channel, direction = _KINDS[activity]
        at, seconds = event["time:timestamp"], None
        if moment == "START":
            started[activity] = at
        elif moment == "COMPLETE" and activity in started:
            seconds = (pd.Timestamp(at) - pd.Timestamp(started.pop(activity))).total_seconds()
        found.append(
            {
                "engagement_id": f"{lead_id}-{number}",
                "lead_id": lead_id,
                "occurred_at": at,
                "kind": f"{kind}{_MOMENTS.get(moment, '_' + moment.lower())}",
                "team": "marketing" if activity.startswith("A_") else "sales",
                "channel": channel,
                "direction": direction,
                "duration_s": seconds,
            }
        )
    return found


def _outcomes(lead_id: str, case: Case) -> list[dict[str, Any]]:
    """Return each stage at the first time that it was reached."""
    found: dict[str, dict[str, Any]] = {}
    for event in case.events:
        activity = event["concept:name"]
        stage = "won" if activity in _APPROVED else _STAGES.get(activity)
        if stage is not None and stage not in found:
            found[stage] = {
                "lead_id": lead_id,
                "occurred_at": event["time:timestamp"],
                "stage": stage,
                "amount": case.attributes.get("AMOUNT_REQ") if stage == "won" else None,
                "reason": activity.lower() if stage in ("lost", "disqualified") else None,
                "owner": event.get("org:resource"),
            }
    return list(found.values())
