"""The weekly export of Salesforce: its own history tables, not those of a warehouse's sync."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest

from history import open_store
from history.mapping import parse_mapping, vendor_text
from history.sources.mapped import MappedReader, read_mapped

TABLES = {
    "Account": "Id,MasterRecordId,CreatedDate\nA1,,2024-01-01T00:00:00.000Z",
    "Lead": "Id,CreatedDate,LeadSource,IsConverted,ConvertedDate,ConvertedOpportunityId,"
    "ConvertedContactId,Status,MasterRecordId\n"
    "L1,2024-01-01T10:00:00.000Z,Web,1,2024-02-01,O1,C1,Closed - Converted,\n"
    "L2,2024-01-02T10:00:00.000Z,Web,0,,,,Unqualified,",
    "Opportunity": "Id,StageName,IsWon,IsClosed,CreatedDate\n"
    "O1,Closed Won,1,1,2024-02-01T09:00:00.000Z",
    "OpportunityHistory": "Id,OpportunityId,StageName,Amount,Probability,ForecastCategory,"
    "CreatedDate\nH1,O1,Qualification,100,10,Pipeline,2024-02-01T09:00:00.000Z\n"
    "H2,O1,Closed Won,120,100,Closed,2024-03-01T09:00:00.000Z",
    "LeadHistory": "Id,LeadId,Field,OldValue,NewValue,CreatedDate\n"
    "F1,L2,Status,New,Unqualified,2024-01-20T08:00:00.000Z\n"
    "F2,L1,Industry,,Banking,2024-01-15T08:00:00.000Z\n"
    "F3,L1,Owner,0051,0052,2024-01-15T08:00:00.000Z\n"
    "F4,L2,Status,New,Shelved,2024-01-10T08:00:00.000Z",
    "ContactHistory": "Id,ContactId,Field,OldValue,NewValue,CreatedDate\n"
    "F9,C1,Title,,CFO,2024-02-10T08:00:00.000Z",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text + "\n", "utf-8")
    return tmp_path


def test_histories_of_fields_and_stages_carry_both_clocks(folder):
    store = open_store(f"sqlite:///{folder}/history.db")
    now = pd.Timestamp("2025-01-01", tz="UTC").as_unit("us")
    report = store.ingest(MappedReader("salesforce").read(str(folder), None), now=now)
    history = store.history()
    outcomes = history.outcomes.sort_values("occurred_at")
    stages = [
        (lead, stage, str(at)[:10])
        for lead, stage, at in zip(
            outcomes["lead_id"], outcomes["stage"], outcomes["recorded_at"], strict=True
        )
    ]
    assert stages == [
        ("L2", "disqualified", "2024-01-20"),
        ("L1", "sql", "2024-02-01"),
        ("L1", "opportunity", "2024-02-01"),
        ("L1", "opportunity", "2024-02-01"),
        ("L1", "won", "2024-03-01"),
    ]
    changes = history.attribute_history
    told = list(zip(changes["entity_id"], changes["field"], changes["value"], strict=True))
    assert sorted(told) == [("L1", "industry", "Banking"), ("L1", "title", "CFO")]
    assert any("'Shelved' 1" in note for note in report.notes)
    assert "status" not in history.leads.columns


def test_a_renamed_mapping_may_lack_what_the_vendors_may_lack(folder):
    data = tomllib.loads(vendor_text("salesforce")) | {"name": "ours"}
    extract = read_mapped(str(folder), parse_mapping(data, "[mapping]"), None)
    assert len(extract.tables["leads"].frame) == 2
