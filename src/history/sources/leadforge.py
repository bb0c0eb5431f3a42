"""A leadforge bundle: the CRM of a simulated company, with its label.

leadforge (the Python package of that name) draws worlds of accounts, contacts and leads,
follows each lead for some days from its creation, and exports the result as tables. All its
times are dates. What it wrote down after the fact becomes an outcome at its date, or at the end
of the time that the lead was followed where it has none; its columns are kept as current-only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from history.errors import SourceError
from history.extract import Extract, RawTable
from history.sources.leadforge_hindsight import closings, hindsight
from history.sources.tabular import days_after_the_last, read_columns

FORMAT = "leadforge"
_ZONE = "UTC"
_CHOICES = (
    "leads -> leads: what was written down after the fact is kept as today's value alone, so that "
    "no feature uses it",
    "touches, sessions and sales activities -> engagements: times are dates, so that each is known "
    "from the following midnight on",
    "the label and what closed -> outcomes, at their date, or at the end of the time that the lead "
    "was followed where they have none",
)
_MANIFEST = "manifest.json"
_CONTACT = ("job_title", "role_function", "seniority", "buyer_role", "email_domain_type")
_ACCOUNT = (
    "industry",
    "region",
    "employee_band",
    "estimated_revenue_band",
    "process_maturity_band",
)
_LEAD = ("lead_id", "contact_id", "account_id", "lead_created_at", "lead_source", "owner_rep_id")
_TOUCH = ("touch_id", "lead_id", "touch_timestamp", "touch_type", "touch_channel")
_SESSION = ("session_id", "lead_id", "session_timestamp", "session_type", "page_views")
_PAGES = ("pricing_page_views", "demo_page_views")
_IN_VAIN = ("no_answer", "left_voicemail")
_ACTIVITY = ("activity_id", "lead_id", "activity_timestamp", "activity_type", "activity_outcome")


@dataclass(frozen=True)
class _Window:
    """How long a bundle looks at each lead, in days from its creation.

    Parameters
    ----------
    task : folder of the label, under ``tasks``.
    label : the days within which a conversion counts for the label.
    followed : the days for which the lead was simulated.
    """

    task: str
    label: int
    followed: int


def recognises(source: str) -> bool:
    """Tell whether a source is a folder with a leadforge bundle in it."""
    folder = Path(source)
    leads = folder / "tables" / "leads.parquet"
    return (folder / _MANIFEST).is_file() and leads.is_file()


def read(source: str, timezone: str | None) -> Extract:
    """Read a bundle of either mode.

    The instructor's bundle dates conversions and most lost deals. The public one only labels
    leads as converted within so many days of their creation: there the win stands at the last
    instant of that window, and nothing earlier can be said of it.

    Raises
    ------
    SourceError : no bundle, or a file, table or column of it is missing or cannot be read.
    """
    folder, zone = Path(source), timezone or _ZONE
    leads = _table(folder, "leads", _LEAD)
    window = _window(folder)
    labels = _labels(folder, window)
    deals = _table(folder, "opportunities", ("opportunity_id", "lead_id", "created_at", "stage"))
    written_after = hindsight(leads, deals, labels, folder)
    outcomes = [_opened(deals), closings(leads, deals, labels, window.label, window.followed)]
    tables = {
        "leads": _leads(folder, leads).join(written_after, on="lead_id"),
        "accounts": _accounts(folder),
        "engagements": pd.concat(
            [_touches(folder), *_sessions(folder), _activities(folder)], ignore_index=True
        ),
        "outcomes": pd.concat(outcomes, ignore_index=True),
    }
    return Extract(
        FORMAT,
        {name: RawTable(frame, f"{name} of {folder.name}") for name, frame in tables.items()},
        current_only=frozenset(f"leads.{name}" for name in written_after),
        observed_until=days_after_the_last(leads["lead_created_at"], window.followed, zone),
        timezone=zone,
        notes=_notes(leads, window),
        choices=_CHOICES,
    )


def _notes(leads: pd.DataFrame, window: _Window) -> tuple[str, ...]:
    followed = (
        f"each lead was followed for {window.followed} days from its creation: "
        "an age and a horizon should not add up to more"
    )
    undated = (
        "the bundle gives no dates of conversions: a win stands at the end of the "
        f"{window.label} days, so only horizons that reach it have a true label"
    )
    return (followed,) if "conversion_timestamp" in leads else (followed, undated)


def _table(folder: Path, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    return read_columns(folder, f"tables/{name}.parquet", columns)


def _window(folder: Path) -> _Window:
    """Read how long the bundle looks at a lead, from its manifest and that of its task."""
    bundle = _json(folder, _MANIFEST)
    tasks = sorted(file.parent.name for file in folder.glob("tasks/*/task_manifest.json"))
    if not tasks:
        raise SourceError(f"{folder}: expected a task such as tasks/converted_within_90_days")
    named = bundle.get("primary_task")
    task = named if named in tasks else tasks[0]
    days = _json(folder, f"tasks/{task}/task_manifest.json").get("label_window_days")
    if not isinstance(days, int):
        raise SourceError(f"tasks/{task}/task_manifest.json: label_window_days is missing")
    followed = bundle.get("horizon_days", days)
    return _Window(task, days, followed if isinstance(followed, int) else days)


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{name}: cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise SourceError(f"{name}: expected a JSON object")
    return found


def _labels(folder: Path, window: _Window) -> pd.DataFrame:
    """Return the rows of all splits of the task, with the label as ``converted``."""
    task = f"tasks/{window.task}"
    label = str(_json(folder, f"{task}/task_manifest.json").get("label_column", window.task))
    files = sorted(file.name for file in (folder / task).glob("*.parquet"))
    if not files:
        raise SourceError(f"{folder}: expected the splits of the label in {task}")
    parts = [read_columns(folder, f"{task}/{name}", ("lead_id", label)) for name in files]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(converted=rows[label].fillna(False).astype(bool))


def _leads(folder: Path, leads: pd.DataFrame) -> pd.DataFrame:
    contacts = _table(folder, "contacts", ("contact_id", *_CONTACT)).set_index("contact_id")
    known = leads.join(contacts[list(_CONTACT)], on="contact_id")
    attributes = ["account_id", "lead_source", "owner_rep_id", *_CONTACT]
    return known[["lead_id", *attributes]].assign(created_at=known["lead_created_at"])


def _accounts(folder: Path) -> pd.DataFrame:
    names = ["account_id", "created_at", *_ACCOUNT]
    return _table(folder, "accounts", tuple(names))[names]


def _touches(folder: Path) -> pd.DataFrame:
    frame = _table(folder, "touches", (*_TOUCH, "touch_direction", "campaign_id"))
    outbound = frame["touch_channel"].astype("str").str.startswith("sdr")
    return _engagements(
        frame,
        frame["touch_id"],
        "touch_timestamp",
        kind=frame["touch_type"],
        team=outbound.map({True: "sales", False: "marketing"}),
        channel=frame["touch_channel"],
        direction=frame["touch_direction"],
        campaign=frame["campaign_id"],
    )


def _sessions(folder: Path) -> list[pd.DataFrame]:
    """Return visits, and beside them the pages of weight that were seen in them."""
    frame = _table(folder, "sessions", (*_SESSION, *_PAGES, "session_duration_seconds"))
    web = {"team": "marketing", "channel": "web", "direction": "inbound"}
    visits = _engagements(
        frame,
        frame["session_id"],
        "session_timestamp",
        kind="visit_" + frame["session_type"],
        value=frame["page_views"],
        duration_s=frame["session_duration_seconds"],
        **web,
    )
    found = [visits]
    for pages in _PAGES:
        seen = frame[frame[pages].fillna(0).gt(0).to_numpy(dtype=bool)]
        ids = seen["session_id"] + "-" + pages
        found.append(
            _engagements(seen, ids, "session_timestamp", kind=pages, value=seen[pages], **web)
        )
    return found


def _activities(folder: Path) -> pd.DataFrame:
    frame = _table(folder, "sales_activities", _ACTIVITY)
    in_vain = frame["activity_outcome"].isin(_IN_VAIN)
    return _engagements(
        frame,
        frame["activity_id"],
        "activity_timestamp",
        kind="sales_" + frame["activity_type"] + in_vain.map({True: "_in_vain", False: ""}),
        team="sales",
        channel=frame["activity_type"],
        direction="outbound",
    )


def _engagements(frame: pd.DataFrame, ids: pd.Series, date: str, **more: Any) -> pd.DataFrame:
    columns = {"engagement_id": ids, "lead_id": frame["lead_id"], "occurred_at": frame[date]}
    return pd.DataFrame({**columns, **more})


def _opened(deals: pd.DataFrame) -> pd.DataFrame:
    """Return when deals were opened. Ids order what happened to a lead on the same day."""
    return pd.DataFrame(
        {
            "outcome_id": deals["lead_id"] + "-1-" + deals["opportunity_id"],
            "lead_id": deals["lead_id"],
            "occurred_at": deals["created_at"],
            "stage": "opportunity",
            "amount": deals.get("estimated_acv"),
        }
    )
