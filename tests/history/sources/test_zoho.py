"""The Zoho CRM export, on the vendor's own demo workspace and on made rows."""

from __future__ import annotations

import pandas as pd
import pytest

from history import open_store
from history.sources import read

LEADS = """LEADID,Last Name,Company,Industry,Lead Source,Lead Status,Created Time,CONVERTED
0042,Roe,Acme,Pharma,-None-,Lost Lead,"02 Jan, 2021 00:03:00",Yes
43,Poe,Twin,Pharma,Partner,Contacted,"03 Jan, 2021 00:03:00",No
"""
POTENTIALS = """LEADID,Created Time,Closing Date,Amount,Stage,Type,Potential Owner
0042,"05 Jan, 2021 00:02:00","01 Feb, 2021 00:03:00","$22,700.50",Closed Won,New Business,Tina
43,"06 Jan, 2021 00:02:00","09 Sep, 2099 00:03:00","$1,000.00",Qualification,New Business,Tina
"""
ACCOUNTS = "ACCOUNTID,Account Name,Industry\n7,Acme,Pharma\n8,Twin,IT\n9,Twin,IT\n"


@pytest.fixture
def workspace(tmp_path):
    for name, text in (("Leads", LEADS), ("Potentials", POTENTIALS), ("Accounts", ACCOUNTS)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_vendor_dates_money_and_ids_become_canonical(workspace, ingested):
    history = ingested(workspace)
    assert sorted(history.leads["lead_id"]) == ["0042", "43"]
    won = history.outcomes.set_index("stage").loc["won"]
    assert won["amount"] == 22700.50
    assert won["occurred_at"] == pd.Timestamp("2021-02-01T00:03:00Z")


def test_what_tells_the_outcome_is_no_attribute(workspace):
    leads = read(workspace).tables["leads"].frame
    assert set(leads.columns) == {"lead_id", "created_at", "account_id", "industry", "lead_source"}


def test_closing_dates_of_open_potentials_are_plans(workspace, ingested):
    stages = ingested(workspace).outcomes[["lead_id", "stage"]].to_numpy().tolist()
    assert sorted(stages) == [["0042", "opportunity"], ["0042", "won"], ["43", "opportunity"]]


def test_an_account_name_that_two_share_links_to_neither(workspace):
    leads = read(workspace).tables["leads"].frame.set_index("lead_id")["account_id"]
    assert leads["0042"] == "7"
    assert leads["43"] is None or pd.isna(leads["43"])


def test_the_demo_workspace_is_read_whole(shared_data, tmp_path):
    extract = read(shared_data / "zoho_demo")
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    report = store.ingest(extract, now=pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us"))
    accepted = {name: counts.accepted for name, counts in report.counts.items()}
    assert (extract.format, report.rejects, report.waiting) == ("zoho", [], 0)
    assert accepted == {"leads": 3900, "accounts": 2229, "engagements": 2889, "outcomes": 5542}
    outcomes = store.history().outcomes["stage"].value_counts()
    assert outcomes.to_dict() == {"opportunity": 3632, "won": 1425, "lost": 485}
