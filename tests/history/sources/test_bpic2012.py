"""The BPI Challenge 2012: a small log that a person can check, and the real one."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest

from history import SourceError
from history.sources import read

LOG = "BPI_Challenge_2012.xes.gz"


def event(activity, time, moment="COMPLETE", staff="112"):
    return (
        f'<event><string key="concept:name" value="{activity}"/>'
        f'<string key="lifecycle:transition" value="{moment}"/>'
        f'<string key="org:resource" value="{staff}"/>'
        f'<date key="time:timestamp" value="2012-01-{time}+01:00"/></event>'
    )


def log_of(folder, *events, case="173688"):
    text = (
        f'<log><trace><string key="concept:name" value="{case}"/>'
        '<date key="REG_DATE" value="2012-01-01T00:00:00+01:00"/>'
        f'<string key="AMOUNT_REQ" value="20000"/>{"".join(events)}</trace></log>'
    )
    (folder / LOG).write_bytes(gzip.compress(text.encode()))
    return folder


def tables_of(folder):
    return {name: table.frame for name, table in read(folder).tables.items()}


def test_a_case_is_a_lead_with_its_amount(tmp_path):
    tables = tables_of(log_of(tmp_path, event("A_SUBMITTED", "01T00:00:00")))
    assert tables["leads"].to_dict("records") == [
        {
            "lead_id": "173688",
            "created_at": "2012-01-01T00:00:00+01:00",
            "amount_requested": "20000",
        }
    ]
    assert "outcomes" not in tables


def test_three_records_of_one_approval_are_one_win(tmp_path):
    approvals = ("A_REGISTERED", "A_APPROVED", "A_ACTIVATED")
    events = [event(name, f"05T00:00:0{second}") for second, name in enumerate(approvals)]
    outcomes = tables_of(log_of(tmp_path, *events))["outcomes"]
    assert outcomes[["stage", "occurred_at", "amount"]].to_numpy().tolist() == [
        ["won", "2012-01-05T00:00:00+01:00", "20000"]
    ]


def test_stages_are_reached_once_and_closings_say_why(tmp_path):
    events = [
        event("A_PREACCEPTED", "02T00:00:00"),
        event("A_ACCEPTED", "03T00:00:00"),
        event("A_FINALIZED", "03T00:00:00"),
        event("O_SENT", "04T00:00:00"),
        event("O_SENT", "05T00:00:00"),
        event("A_CANCELLED", "06T00:00:00"),
    ]
    outcomes = tables_of(log_of(tmp_path, *events))["outcomes"]
    assert outcomes["stage"].tolist() == ["mql", "sal", "sql", "opportunity", "lost"]
    assert outcomes["occurred_at"].iloc[3] == "2012-01-04T00:00:00+01:00"
    assert outcomes["reason"].iloc[-1] == "a_cancelled"


def test_stages_of_the_same_instant_stay_in_the_order_of_the_log(tmp_path, ingested):
    events = [event(name, "03T00:00:00") for name in ("A_PREACCEPTED", "A_ACCEPTED", "A_DECLINED")]
    outcomes = ingested(log_of(tmp_path, *events)).outcomes
    assert outcomes["stage"].tolist() == ["mql", "sal", "disqualified"]


def test_only_the_completion_of_work_has_a_duration(tmp_path):
    calls = [
        event("W_Nabellen offertes", "02T08:00:00", "SCHEDULE"),
        event("W_Nabellen offertes", "02T09:00:00", "START"),
        event("W_Nabellen offertes", "02T09:01:30.250", "COMPLETE"),
        event("W_Nabellen offertes", "02T10:00:00", "COMPLETE"),
    ]
    found = tables_of(log_of(tmp_path, *calls))["engagements"]
    assert found["kind"].tolist() == [
        "call_after_offer_scheduled",
        "call_after_offer_started",
        "call_after_offer",
        "call_after_offer",
    ]
    assert found["duration_s"].fillna(-1).tolist() == [-1, -1, 90.25, -1]
    assert set(found["team"]) == {"sales"}
    assert set(found["channel"]) == {"phone"}


def test_somebody_elses_start_is_not_the_start_of_this_work(tmp_path):
    work = [
        event("W_Valideren aanvraag", "02T09:00:00", "START", staff="1"),
        event("W_Valideren aanvraag", "02T09:30:00", "COMPLETE", staff="2"),
    ]
    found = tables_of(log_of(tmp_path, *work))["engagements"]
    assert found["duration_s"].isna().all()


def test_what_the_log_calls_by_an_unknown_name_is_noted(tmp_path):
    extract = read(log_of(tmp_path, event("W_Feest", "02T09:00:00")))
    assert extract.notes == ("1 events 'W_Feest' were not read",)


def test_a_log_without_a_case_is_refused(tmp_path):
    (tmp_path / LOG).write_bytes(gzip.compress(b"<log></log>"))
    with pytest.raises(SourceError, match="the log holds no case"):
        read(tmp_path)


def test_a_folder_without_the_log_says_what_is_expected(tmp_path):
    with pytest.raises(SourceError, match=r"expected BPI_Challenge_2012\.xes"):
        read(tmp_path, format="bpic2012")


@pytest.mark.slow
def test_the_real_log_has_its_applications_and_approvals(shared_data, ingested):
    history = ingested(shared_data / "bpic2012")
    won = history.outcomes[history.outcomes["stage"] == "won"]
    assert len(history.leads) == 13_087
    assert won["lead_id"].nunique() == len(won) == 2_246
    reached = history.outcomes["stage"].value_counts()
    assert (reached["disqualified"], reached["lost"]) == (7_635, 2_807)
    assert history.engagements["duration_s"].min() >= 0
    assert history.observed_until == pd.Timestamp("2012-03-14T15:04:54.681Z")
    assert history.current_only == frozenset()
