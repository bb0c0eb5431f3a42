"""A small HubSpot warehouse whose history a person can check, and the ways in which it may lie."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pandas as pd

SYNC = "2024-06-01 00:00:00"


def _table(columns: str, *rows: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split(), dtype="str")


def tables() -> dict[str, pd.DataFrame]:
    """Three people, one of them merged into another, one deleted, and a deal that is won."""
    return {
        "contact": _table(
            "id _fivetran_deleted _fivetran_synced property_createdate property_email property_lifecyclestage property_hs_analytics_source",
            ("001", "false", SYNC, "2024-01-01 8:00:00", "a@x", "customer", "Select"),
            ("003", "true", SYNC, "2024-01-03 08:00:00", "c@x", "lead", "PAID"),
            ("004", "false", SYNC, "2024-01-04 08:00:00", "d@x", "lead", "PAID"),
        ),
        "contact_merge_audit": _table(
            "canonical_vid vid_to_merge _fivetran_synced", ("001", "002", SYNC), ("002", "9", SYNC)
        ),
        "contact_property_history": _table(
            "contact_id name value timestamp _fivetran_synced",
            ("001", "lifecyclestage", "marketingqualifiedlead", "2024-01-05 09:00:00", SYNC),
            ("001", "lifecyclestage", "weird", "2024-01-06 09:00:00", SYNC),
            ("001", "jobtitle", "CEO", "2024-01-05 09:00:00", SYNC),
            ("001", "email", "a@x", "2024-01-05 09:00:00", SYNC),
        ),
        "deal": _table(
            "deal_id is_deleted property_createdate property_amount _fivetran_synced",
            ("7", "false", "2024-02-01 10:00:00", "1.234,50", SYNC),
        ),
        "deal_contact": _table("deal_id contact_id", ("7", "002")),
        "deal_stage": _table(
            "deal_id value _fivetran_start date_entered _fivetran_synced",
            ("7", "s1", "2024-02-01 10:05:00", "2024-02-01 10:00:00", SYNC),
            ("7", "closedwon", "2024-03-01 10:05:00", "2024-03-01 10:00:00", SYNC),
        ),
        "deal_pipeline_stage": _table(
            "stage_id label is_closed closed_won", ("s1", "Talks", "false", "false")
        ),
        "email_event": _table(
            "id type created recipient email_campaign_id filtered_event _fivetran_synced",
            ("e1", "OPEN", "2024-01-02 09:00:00", "a@x", "c1", "false", SYNC),
            ("e2", "OPEN", "2024-01-02 09:00:00", "a@x", "c1", "true", SYNC),
        ),
        "engagement_meeting": _table(
            "engagement_id start_time property_hs_createdate _fivetran_synced",
            ("m1", "2024-02-10 09:00:00", "2024-02-01 09:00:00", SYNC),
            ("m2", "2024-12-24 09:00:00", "2024-02-01 09:00:00", SYNC),
        ),
        "engagement_contact": _table("engagement_id contact_id", ("m1", "001"), ("m2", "001")),
    }


def as_folder(path: Path, what: Mapping[str, pd.DataFrame]) -> str:
    path.mkdir(exist_ok=True)
    for number, (name, frame) in enumerate(what.items()):
        if number % 2:
            frame.to_parquet(path / f"{name}.parquet")
        else:
            frame.to_csv(path / f"hubspot_{name}_data.csv", index=False, sep=";", encoding="utf-16")
    return str(path)


def as_duckdb(path: Path, what: Mapping[str, pd.DataFrame]) -> str:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA hubspot")
        for name, frame in what.items():
            connection.register("incoming", frame)
            connection.execute(f"CREATE TABLE hubspot.{name} AS SELECT * FROM incoming")
            if "_fivetran_synced" in frame.columns:
                connection.execute(
                    f"ALTER TABLE hubspot.{name} ALTER _fivetran_synced TYPE TIMESTAMP"
                )
    return str(path)


def as_sqlite(path: Path, what: Mapping[str, pd.DataFrame]) -> str:
    connection = sqlite3.connect(path)
    for name, frame in what.items():
        frame.to_sql(name, connection, index=False, if_exists="replace")
    connection.close()
    return str(path)
