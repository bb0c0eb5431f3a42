"""`smarketing outbox` against a CRM on loopback."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from history import open_store
from history.extract import Extract, RawTable
from pipelines import outbox
from pipelines.failures import UsageError
from settings import Settings
from settings.settings import CrmSettings, HistorySettings


@pytest.fixture
def settings(tmp_path, crm_server):
    return Settings(
        history=HistorySettings(url=f"sqlite:///{tmp_path}/history.db"),
        crm=CrmSettings(hubspot_url=crm_server.url, hubspot_token="t"),
    )


@pytest.fixture(params=["csv", "parquet"])
def scores(tmp_path, request):
    frame = pd.DataFrame(
        {
            "lead_id": ["007", "8"],
            "probability_30d": [0.1, 0.2],
            "probability_90d": [0.3, 0.4],
            "score": [50.0, 90.0],
            "grade": ["C", "A"],
            "reasons": [[{"label": "referral", "value": "1"}, {"label": "two calls"}], []],
        }
    )
    file = tmp_path / f"scores.{request.param}"
    if request.param == "csv":
        frame["reasons"] = [json.dumps(each) for each in frame["reasons"]]
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file)
    return file


def test_scores_are_put_in_sent_and_not_sent_again(settings, scores, crm_server, capsys):
    outbox.run(settings, scores=scores, crm="hubspot", send=True, as_json=True)
    first = json.loads(capsys.readouterr().out)
    assert (first["put_in"], first["delivery"]["sent"]) == (2, {"hubspot": 2})
    outbox.run(settings, scores=scores, crm="hubspot", send=True, as_json=True)
    second = json.loads(capsys.readouterr().out)
    assert (second["put_in"], second["delivery"]["calls"]) == (0, {})
    properties = crm_server.bodies[0][2]["inputs"][0]
    assert properties["properties"]["smarketing_reasons"] == "referral; two calls"
    assert (properties["id"], properties["properties"]["smarketing_probability"]) == ("007", 0.3)


def test_dead_rows_are_listed_and_replayed(settings, scores, crm_server, capsys):
    crm_server.bad = {"8"}
    outbox.run(settings, scores=scores, crm="hubspot", send=True)
    assert "dead" in capsys.readouterr().out
    crm_server.bad = set()
    outbox.run(settings, replay=True, send=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["replayed"], told["states"]) == (1, {"sent": 2})


@pytest.mark.parametrize(
    ("how", "words"),
    [({}, "name the CRM"), ({"crm": "fax"}, "unknown CRM 'fax'")],
)
def test_bad_input_is_explained(settings, scores, how, words):
    with pytest.raises(ValueError, match=words):
        outbox.run(settings, scores=scores, **how)


def test_a_file_that_is_not_there_is_said_to_be_missing(settings, tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        outbox.run(settings, scores=tmp_path / "none.csv", crm="hubspot")


def test_the_score_of_a_converted_lead_is_written_to_its_contact(tmp_path, crm_server, capsys):
    """Salesforce refuses to change a lead that was converted."""
    url = f"sqlite:///{tmp_path}/history.db"
    leads = pd.DataFrame({"lead_id": ["00Q1", "00Q2"], "created_at": ["2025-01-01T00:00:00Z"] * 2})
    moved = Extract("t", {"leads": RawTable(leads, "leads")}, merged={"0031": "00Q1"})
    open_store(url).ingest(moved, now=pd.Timestamp("2025-02-01", tz="UTC").as_unit("us"))
    frame = leads[["lead_id"]].assign(probability_90d=0.1, score=5.0, grade="D")
    frame.to_csv(tmp_path / "scores.csv", index=False)
    crm = CrmSettings(salesforce_url=crm_server.url, salesforce_token="t")
    settings = Settings(history=HistorySettings(url=url), crm=crm)
    outbox.run(settings, scores=tmp_path / "scores.csv", crm="salesforce", send=True, as_json=True)
    assert json.loads(capsys.readouterr().out)["delivery"]["sent"] == {"salesforce": 2}
    types = {each["id"]: each["attributes"]["type"] for each in crm_server.bodies[0][2]["records"]}
    assert types == {"0031": "Contact", "00Q2": "Lead"}


def test_who_is_left_alone_and_until_when_is_told(settings, scores, crm_server, capsys):
    crm_server.script.append("429")
    crm_server.headers = {"Retry-After": "1800"}
    outbox.run(settings, scores=scores, crm="hubspot", send=True)
    told = capsys.readouterr().out
    assert "hubspot: 1 calls failed; left alone until " in told
    assert "HTTP 429" in told
