"""A leadforge bundle: the CRM of a simulated company, with its label.

leadforge (https://pypi.org/project/leadforge/) draws worlds of accounts, contacts and leads and
exports them as tables. All its times are dates. Snapshot columns that were written after the
fact never become attributes; a stage becomes an outcome only where the bundle gives its date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from history.errors import SourceError
from history.extract import Extract, RawTable

FORMAT = "leadforge"
_ZONE = "UTC"
_MANIFEST = "manifest.json"
_AFTER_THE_FACT = ("current_stage", "is_sql")
"""Columns of the leads that hold what became of them: known, but only as today's value."""

_CONTACT = ("role_function", "seniority", "buyer_role", "email_domain_type")
_ACCOUNT = (
    "industry",
    "region",
    "employee_band",
    "estimated_revenue_band",
    "process_maturity_band",
)
_LOST = "closed_lost"


def recognises(source: str) -> bool:
    """Tell whether a source is a folder with a leadforge bundle in it."""
    folder = Path(source)
    leads = folder / "tables" / "leads.parquet"
    return (folder / _MANIFEST).is_file() and leads.is_file()


def read(source: str, timezone: str | None) -> Extract:
    """Read a bundle of either mode.

    The instructor's bundle dates conversions and lost deals. The public one only labels leads as
    converted within so many days of their creation: there the win stands at the last instant of
    that window, and nothing earlier can be said of it.

    Raises
    ------
    SourceError : no bundle, or a table or column of it is missing.
    """
    folder = Path(source)
    leads = _table(folder, "leads", "lead_id", "contact_id", "account_id", "lead_created_at")
    days = _window_days(folder)
    dated = "conversion_timestamp" in leads.columns
    outcomes = [_opportunities(folder), _wins(leads) if dated else _labels(folder, leads, days)]
    created = pd.to_datetime(leads["lead_created_at"].astype("str").str[:10], utc=True)
    until = created.max() + pd.Timedelta(days=days)
    tables = {
        "leads": _leads(folder, leads),
        "accounts": _accounts(folder),
        "engagements": pd.concat(
            [_touches(folder), _sessions(folder), _activities(folder)], ignore_index=True
        ),
        "outcomes": pd.concat(outcomes, ignore_index=True),
    }
    undated = f"the bundle gives no dates of conversions: wins stand at the end of {days} days"
    return Extract(
        FORMAT,
        {name: RawTable(frame, f"{name} of {folder.name}") for name, frame in tables.items()},
        current_only=frozenset(f"leads.{name}" for name in _AFTER_THE_FACT if name in leads),
        observed_until=until.as_unit("us"),
        timezone=timezone or _ZONE,
        notes=() if dated else (undated,),
    )


def _table(folder: Path, name: str, *columns: str) -> pd.DataFrame:
    file = folder / "tables" / f"{name}.parquet"
    if not file.is_file():
        raise SourceError(f"{folder}: tables/{name}.parquet is missing")
    frame = pd.read_parquet(file)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise SourceError(f"{file.name}: the column {missing[0]!r} is missing")
    return frame


def _window_days(folder: Path) -> int:
    """Return the days of the label, from the name of the bundle's task."""
    tasks = sorted((folder / "tasks").glob("converted_within_*_days"))
    if not tasks:
        raise SourceError(f"{folder}: expected a task converted_within_N_days under tasks/")
    manifest = json.loads((tasks[0] / "task_manifest.json").read_text("utf-8"))
    days = manifest.get("label_window_days", tasks[0].name.split("_")[2])
    return int(days)


def _dates(values: pd.Series) -> pd.Series:
    """Return dates as text, so that they are taken as days and not as midnights."""
    return values.astype("str").str[:10].where(values.notna())


def _leads(folder: Path, leads: pd.DataFrame) -> pd.DataFrame:
    contacts = _table(folder, "contacts", "contact_id", *_CONTACT)
    known = leads.merge(contacts[["contact_id", *_CONTACT]], on="contact_id", how="left")
    kept = ["lead_source", "first_touch_channel", "owner_rep_id", *_CONTACT]
    kept += [name for name in _AFTER_THE_FACT if name in leads]
    attributes = {name: known[name] for name in kept if name in known}
    return pd.DataFrame(
        {
            "lead_id": known["lead_id"],
            "created_at": _dates(known["lead_created_at"]),
            "account_id": known["account_id"],
            **attributes,
        }
    )


def _accounts(folder: Path) -> pd.DataFrame:
    accounts = _table(folder, "accounts", "account_id", "created_at", *_ACCOUNT)
    frame = accounts[["account_id", *_ACCOUNT]]
    return frame.assign(created_at=_dates(accounts["created_at"]))


def _touches(folder: Path) -> pd.DataFrame:
    frame = _table(folder, "touches", "touch_id", "lead_id", "touch_timestamp", "touch_type")
    outbound = frame["touch_channel"].astype("str").str.startswith("sdr")
    return _engagements(
        frame["touch_id"],
        frame["lead_id"],
        frame["touch_timestamp"],
        frame["touch_type"],
        team=outbound.map({True: "sales", False: "marketing"}),
        channel=frame["touch_channel"],
        direction=frame["touch_direction"],
        campaign=frame["campaign_id"],
    )


def _sessions(folder: Path) -> pd.DataFrame:
    frame = _table(folder, "sessions", "session_id", "lead_id", "session_timestamp", "page_views")
    return _engagements(
        frame["session_id"],
        frame["lead_id"],
        frame["session_timestamp"],
        frame["session_type"],
        team="marketing",
        channel="web",
        direction="inbound",
        value=frame["page_views"],
        duration_s=frame["session_duration_seconds"],
    )


def _activities(folder: Path) -> pd.DataFrame:
    frame = _table(folder, "sales_activities", "activity_id", "lead_id", "activity_timestamp")
    return _engagements(
        frame["activity_id"],
        frame["lead_id"],
        frame["activity_timestamp"],
        frame["activity_type"] + "_" + frame["activity_outcome"],
        team="sales",
        channel=frame["activity_type"],
        direction="outbound",
    )


def _engagements(
    ids: pd.Series, lead_ids: pd.Series, dates: pd.Series, kinds: pd.Series, **more: Any
) -> pd.DataFrame:
    columns = {"engagement_id": ids, "lead_id": lead_ids, "kind": kinds, **more}
    return pd.DataFrame({**columns, "occurred_at": _dates(dates)})


def _opportunities(folder: Path) -> pd.DataFrame:
    """Return when deals were opened and, where dated, lost; their present stage says nothing."""
    frame = _table(folder, "opportunities", "opportunity_id", "lead_id", "created_at")
    opened = pd.DataFrame(
        {
            "outcome_id": frame["opportunity_id"],
            "lead_id": frame["lead_id"],
            "occurred_at": _dates(frame["created_at"]),
            "stage": "opportunity",
            "amount": frame["estimated_acv"],
        }
    )
    if "closed_at" not in frame:
        return opened
    lost = frame[(frame["close_outcome"] == _LOST).fillna(False).to_numpy(dtype=bool)]
    closed = pd.DataFrame(
        {
            "outcome_id": lost["opportunity_id"] + "-closed",
            "lead_id": lost["lead_id"],
            "occurred_at": _dates(lost["closed_at"]),
            "stage": "lost",
        }
    )
    return pd.concat([opened, closed], ignore_index=True)


def _wins(leads: pd.DataFrame) -> pd.DataFrame:
    won = leads[leads["conversion_timestamp"].notna()]
    return pd.DataFrame(
        {
            "lead_id": won["lead_id"],
            "occurred_at": _dates(won["conversion_timestamp"]),
            "stage": "won",
        }
    )


def _labels(folder: Path, leads: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the labelled conversions, at the last instant of their window."""
    (task,) = sorted((folder / "tasks").glob("converted_within_*_days"))[:1]
    parts = [pd.read_parquet(file) for file in sorted(task.glob("*.parquet"))]
    label = pd.concat(parts, ignore_index=True)[["lead_id", task.name]]
    won = label[label[task.name].astype(bool)]
    created = won["lead_id"].map(leads.set_index("lead_id")["lead_created_at"])
    start = pd.to_datetime(created.astype("str").str[:10], utc=True)
    last = start + pd.Timedelta(days=days) - pd.Timedelta(microseconds=1)
    return pd.DataFrame({"lead_id": won["lead_id"], "occurred_at": last, "stage": "won"})
