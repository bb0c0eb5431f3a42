"""What Salesforce's, Marketo's and Pardot's rows mean, on a few that a person can check."""

from __future__ import annotations

import pandas as pd
import pytest

from history import History, open_store
from history.sources import read

NOW = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")
SALESFORCE = {
    "Account": "Id,MasterRecordId,CreatedDate,Industry\nA1,,2024-01-01T00:00:00.000+0000,IT\n",
    "Lead": "Id,IsDeleted,MasterRecordId,CreatedDate,LeadSource,Status,IsConverted,ConvertedDate,"
    "ConvertedContactId,ConvertedOpportunityId\n"
    "L1,false,,2024-01-01T08:00:00.000+0000,Web,Qualified,true,2024-02-01,C1,O1\n"
    "L2,true,L1,2024-01-02T08:00:00.000+0000,Web,New,false,,,\n"
    "L3,true,,2024-01-03T08:00:00.000+0000,Web,New,false,,,\n",
    "Contact": "Id,IsDeleted,MasterRecordId,CreatedDate,AccountId,LeadSource\n"
    "C1,false,,2024-02-01T08:00:00.000+0000,A1,Web\n"
    "C2,false,,2024-02-01T08:00:00.000+0000,A1,-- Select --\n",
    "Opportunity": "Id,IsDeleted,StageName,IsWon,IsClosed,CreatedDate,CloseDate,OwnerId\n"
    "O1,false,Closed Won,true,true,2024-02-01T09:00:00.000+0000,2024-12-31,U1\n",
    "opportunity_history": "id,stage_name,is_won,is_closed,amount,_fivetran_start\n"
    "O1,Talks,false,false,,2024-02-01 09:00:00\n"
    "O1,Closed Won,true,true,5000,2024-03-05 10:00:00\n",
    "Task": "Id,WhoId,Status,IsClosed,CreatedDate,ActivityDate,TaskSubtype,CallDurationInSeconds\n"
    "T1,C1,Completed,true,2024-02-03T08:00:00.000+0000,2024-06-01,Call,90\n"
    "T2,C1,Not Started,false,2024-02-03T08:00:00.000+0000,2024-06-01,Call,\n"
    "T3,L2,Completed,true,2024-01-03T08:00:00.000+0000,2024-06-01,Email,\n",
}
MARKETO = {
    "lead": "id,created_at,updated_at,lead_status,email\n"
    "01,2024-01-01 08:00:00,2024-05-01 08:00:00,MQL,a@x\n"
    "3,2024-01-01 08:00:00,2024-05-01 08:00:00,New,c@x\n",
    "activity_send_email": "id,lead_id,activity_date,campaign_id,action_result\n"
    "1,01,2024-01-02 08:00:00,7,succeeded\n2,01,2024-01-02 08:00:00,7,skipped\n"
    "3,2,2024-01-02 09:00:00,7,succeeded\n4,3,2024-01-02 09:00:00,7,succeeded\n",
    "activity_merge_leads": "id,lead_id,merge_ids\n9,01,[2]\n",
    "activity_delete_lead": "id,lead_id\n9,3\n",
    "activity_change_data_value": "id,lead_id,activity_date,primary_attribute_value,new_value\n"
    "1,01,2024-01-03 08:00:00,Lead Status,MQL\n2,01,2024-01-03 08:00:00,Job Level,VP\n"
    "3,2,2024-01-04 08:00:00,Behavior Score Marketing,17\n",
}
PARDOT = {
    "prospect": "id,created_at,score,source,city,_fivetran_deleted\n"
    "007,2024-01-01 08:00:00 UTC,99,Ads,Bonn,false\n",
    "visitor_activity": "id,prospect_id,type,type_name,created_at\n"
    "1,007,4,Form,2024-01-02 08:00:00 UTC\n2,007,9,Opportunity Won,2024-03-01 08:00:00 UTC\n",
    "opportunity": "id,created_at,closed_at,status,value,stage\n"
    "5,2024-02-01 08:00:00 UTC,2024-03-01 08:00:00 UTC,Won,1200.0,6 - Won\n",
    "opportunity_prospect": "opportunity_id,prospect_id\n5,007\n",
}


@pytest.fixture
def history(tmp_path, request) -> History:
    folder = tmp_path / "tables"
    folder.mkdir()
    for name, text in request.param.items():
        (folder / f"{name}.csv").write_text(text)
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    report = store.ingest(read(folder), now=NOW)
    assert (report.rejects, report.waiting) == ([], 0)
    return store.history()


def stages(history: History) -> list[list[str]]:
    ordered = history.outcomes.sort_values("occurred_at", kind="stable")
    return [[str(each) for each in row] for row in ordered[["lead_id", "stage"]].to_numpy()]


@pytest.mark.parametrize("history", [SALESFORCE], indirect=True)
def test_a_converted_lead_and_its_contact_are_one_person(history):
    assert sorted(history.leads["lead_id"]) == ["C2", "L1"]
    assert stages(history) == [
        ["L1", "sql"],
        ["L1", "opportunity"],
        ["L1", "opportunity"],
        ["L1", "won"],
    ]
    won = history.outcomes.set_index("stage").loc["won"]
    assert won["occurred_at"] == pd.Timestamp("2024-03-05T10:00:00Z")
    assert won["amount"] == 5000.0
    touches = history.engagements.set_index("engagement_id")
    assert touches["lead_id"].to_dict() == {"task-T1": "L1", "task-T3": "L1"}
    assert touches.loc["task-T1", "kind"] == "call"
    assert touches.loc["task-T1", "occurred_at"] == pd.Timestamp("2024-02-03T08:00:00Z")
    assert not {"status", "is_converted"} & set(history.leads.columns)


@pytest.mark.parametrize("history", [MARKETO], indirect=True)
def test_marketos_changes_are_stages_and_attributes(history):
    assert history.leads["lead_id"].tolist() == ["01"]
    assert stages(history) == [["01", "mql"]]
    assert history.attribute_history[["field", "value"]].to_numpy().tolist() == [
        ["job_level", "VP"]
    ]
    assert sorted(history.engagements["engagement_id"]) == ["send-1", "send-3"]
    assert "lead_status" not in history.leads.columns


@pytest.mark.parametrize("history", [PARDOT], indirect=True)
def test_pardots_opportunities_are_outcomes_and_its_score_is_not_read(history):
    assert history.leads["lead_id"].tolist() == ["007"]
    assert stages(history) == [["007", "opportunity"], ["007", "won"]]
    assert history.engagements["kind"].tolist() == ["form_submit"]
    assert "score" not in history.leads.columns
    assert history.current_only == {"leads.city"}
