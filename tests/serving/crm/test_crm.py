"""Each CRM's own contract, with payloads as the vendors publish them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import pathlib
import re
import sqlite3
import threading
import time

import pandas as pd
import pytest
from openapi_spec_validator import validate

from delivery import Outbox
from history.keys import create_key
from serving.app import create_app
from serving.crm import afterwards
from serving.crm.notes import Notes
from serving.desk import Desk
from settings.agreement import AgreementSettings
from settings.crm import CrmSettings
from tests.serving.conftest import Client, FixedSource, FrozenDesk, fill, settings_of

SECRET = "client-secret"
URI = "https://scores.example.com/crm/hubspot/score"
ACTION = {
    "callbackId": "ap-102670506-56776413549-7-0",
    "origin": {"portalId": 102670506, "actionDefinitionId": 10646377, "actionDefinitionVersion": 1},
    "context": {"source": "WORKFLOWS", "workflowId": 192814114},
    "object": {"objectId": 904, "objectType": "CONTACT"},
    "inputFields": {},
}


@pytest.fixture
def crm_desk(model, small_company, tmp_path, crm_server):
    url = f"sqlite:///{tmp_path}/history.db"
    fill(url, small_company.history)
    FrozenDesk.stands_at = small_company.history.observed_until
    crm = CrmSettings(
        public_url="https://scores.example.com",
        hubspot_secret=SECRET,
        odoo_key="k",
        odoo_url=f"{crm_server.url}/web/hook/secret",
    )
    desk = FrozenDesk(settings_of(url).model_copy(update={"crm": crm}), FixedSource(model), url)
    desk.look()
    yield desk
    desk.close()


@pytest.fixture
def lead(small_company) -> str:
    return str(small_company.history.leads["lead_id"].iloc[0])


def signed(desk: Desk, body: bytes, *, age_s: float = 0, secret: str = SECRET) -> dict[str, str]:
    """Sign as HubSpot's documentation says, independently of our code."""
    stamp = str(int((desk.now().timestamp() - age_s) * 1000))
    source = b"POST" + URI.encode() + body + stamp.encode()
    digest = hmac.new(secret.encode(), source, hashlib.sha256).digest()
    return {
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": stamp,
    }


def test_a_workflow_action_of_hubspot_gets_its_output_fields(crm_desk, lead):
    body = json.dumps({**ACTION, "inputFields": {"lead_id": lead}}).encode()
    client = Client(create_app(crm_desk))
    answer = client.post("/crm/hubspot/score", content=body, headers=signed(crm_desk, body))
    fields = answer.json()["outputFields"]
    assert fields["hs_execution_state"] == "SUCCESS"
    assert 0 < fields["smarketing_probability"] < 1
    assert fields["smarketing_grade"] in "ABCD"


def test_an_unknown_contact_lets_the_workflow_go_on(crm_desk):
    body = json.dumps(ACTION).encode()
    client = Client(create_app(crm_desk))
    answer = client.post("/crm/hubspot/score", content=body, headers=signed(crm_desk, body))
    assert answer.status_code == 200
    assert answer.json()["outputFields"]["hs_execution_state"] == "FAIL_CONTINUE"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age_s": 301}, "older than five minutes"),
        ({"age_s": -301}, "from the future"),
        ({"secret": "another"}, "does not fit"),
    ],
)
def test_what_hubspot_did_not_just_sign_is_refused(crm_desk, change, words):
    body = json.dumps(ACTION).encode()
    client = Client(create_app(crm_desk))
    headers = signed(crm_desk, body, **change)
    answer = client.post("/crm/hubspot/score", content=body, headers=headers)
    assert answer.status_code == 401
    assert words in answer.json()["error"]


def test_a_changed_body_and_a_missing_signature_are_refused(crm_desk):
    body = json.dumps(ACTION).encode()
    client = Client(create_app(crm_desk))
    headers = signed(crm_desk, body)
    changed = client.post("/crm/hubspot/score", content=body + b" ", headers=headers)
    assert changed.status_code == 401
    assert client.post("/crm/hubspot/score", content=body).status_code == 401


def test_just_under_five_minutes_is_accepted(crm_desk):
    body = json.dumps(ACTION).encode()
    client = Client(create_app(crm_desk))
    headers = signed(crm_desk, body, age_s=299)
    assert client.post("/crm/hubspot/score", content=body, headers=headers).status_code == 200


def test_without_a_secret_nobody_is_believed(client):
    assert client.post("/crm/hubspot/score", json=ACTION).status_code == 401
    assert client.post("/crm/odoo", json={"_model": "crm.lead", "_id": 1}).status_code == 401


def test_odoo_is_answered_at_once_and_written_back_after(crm_desk, crm_server, lead):
    body = {"_action": "Score(#7)", "_id": lead, "_model": "crm.lead", "name": "x"}
    answer = Client(create_app(crm_desk)).post("/crm/odoo?key=k", json=body)
    assert answer.json() == {"accepted": True, "id": lead}
    _, path, written, _ = crm_server.bodies[0]
    assert path == "/web/hook/secret"
    assert (written["model"], written["id"]) == ("crm.lead", lead)
    assert written["x_smarketing_grade"] in "ABCD"
    assert Outbox(crm_desk.store.engine).rows()["state"].tolist() == ["sent"]


def test_odoo_has_its_answer_before_the_work_begins(crm_desk, lead, monkeypatch):
    order: list[str] = []
    monkeypatch.setattr(afterwards, "work", lambda _desk: order.append("work"))
    app = create_app(crm_desk)
    body = json.dumps({"_id": lead, "_model": "crm.lead"}).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/crm/odoo",
        "raw_path": b"/crm/odoo",
        "query_string": b"key=k",
        "headers": [],
        "root_path": "",
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body":
            assert [lead in each.read_text() for each in noted(crm_desk)] == [True]
            order.append("answer")

    asyncio.run(app(scope, receive, send))
    assert order == ["answer", "work"]


def test_what_odoo_was_promised_outlives_a_crash(crm_desk, crm_server, lead, monkeypatch):
    def crash(*_: object) -> None:
        raise RuntimeError("power failure")

    with monkeypatch.context() as broken:
        broken.setattr(afterwards, "work", crash)
        body = {"_id": lead, "_model": "crm.lead"}
        assert Client(create_app(crm_desk)).post("/crm/odoo?key=k", json=body).status_code == 200
    assert crm_server.bodies == []
    afterwards.work(crm_desk)
    assert len(crm_server.bodies) == 1


def noted(desk) -> list[pathlib.Path]:
    """Return the files of what was noted and not yet moved to the outbox."""
    return sorted(pathlib.Path(f"{desk.store.engine.url.database}-notes").glob("*"))


def test_odoo_is_answered_while_somebody_writes_to_the_history(
    crm_desk, crm_server, lead, monkeypatch
):
    """A large source may take minutes: the record is on disk, and scored once that is over."""
    client = Client(create_app(crm_desk))
    writer = sqlite3.connect(crm_desk.store.engine.url.database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    body = {"_id": lead, "_model": "crm.lead"}
    with monkeypatch.context() as waiting:
        waiting.setattr(afterwards, "work", lambda _desk: None)  # it would wait for the writer
        for _ in range(2):
            assert client.post("/crm/odoo?key=k", json=body).status_code == 200
    assert len(noted(crm_desk)) == 2
    writer.execute("ROLLBACK")
    writer.close()
    client.post("/crm/odoo?key=k", json={**body, "_id": "another"})
    assert crm_server.told == {lead: 1}
    assert noted(crm_desk) == []


def test_webhooks_that_come_together_share_a_file(crm_desk):
    notes = Notes(crm_desk.store.engine)

    async def take(records):
        await asyncio.gather(*(notes.take("odoo", each, {"lead_id": each}) for each in records))

    wanted = [str(number) for number in range(50)]
    asyncio.run(take(wanted))
    assert 1 <= len(noted(crm_desk)) < 50
    assert notes.move() >= 1
    assert noted(crm_desk) == []
    assert sorted(Outbox(crm_desk.store.engine).rows()["record"]) == sorted(wanted)


def test_what_cannot_be_noted_is_not_accepted_and_comes_with_the_next(crm_desk, monkeypatch):
    client = Client(create_app(crm_desk))
    monkeypatch.setattr(afterwards, "work", lambda _desk: None)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("serving.crm.notes.os.fsync", full)
        body = {"_id": "7", "_model": "crm.lead"}
        assert client.post("/crm/odoo?key=k", json=body).status_code == 500
    assert noted(crm_desk) == []
    body = {"_id": "8", "_model": "crm.lead"}
    assert client.post("/crm/odoo?key=k", json=body).status_code == 200
    Notes(crm_desk.store.engine).move()
    assert sorted(Outbox(crm_desk.store.engine).rows()["record"]) == ["7", "8"]


def test_many_calls_of_odoo_are_worked_through_by_one_thread(crm_desk, monkeypatch):
    at_work, most = [], []

    def slow(_desk):
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.05)
        at_work.pop()

    monkeypatch.setattr(afterwards, "work", slow)
    worker = afterwards.Worker(crm_desk)
    threads = [threading.Thread(target=worker.nudge) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert 2 <= len(most) <= 20


def test_what_is_no_id_does_not_hold_up_the_others(crm_desk, crm_server, lead):
    outbox = Outbox(crm_desk.store.engine)
    outbox.ask("odoo", {"1": {"lead_id": "x" * 100_000}, lead: {"lead_id": lead}})
    afterwards.work(crm_desk)
    assert crm_server.told == {lead: 1}
    assert outbox.rows().set_index("record").loc["1", "state"] == "dead"


def test_callers_that_sign_need_no_key_and_others_do(crm_desk, lead):
    """HubSpot and Odoo cannot send one; what they send is checked all the same."""
    create_key(crm_desk.store, "crm", "salesforce", pd.Timestamp.now("UTC").as_unit("us"))
    client = Client(create_app(crm_desk))
    body = json.dumps({**ACTION, "inputFields": {"lead_id": lead}}).encode()
    headers = signed(crm_desk, body)
    assert client.post("/crm/hubspot/score", content=body, headers=headers).status_code == 200
    assert client.post("/crm/hubspot/score", content=body).status_code == 401
    webhook = {"_id": lead, "_model": "crm.lead"}
    assert client.post("/crm/odoo?key=k", json=webhook).status_code == 200
    assert client.post("/crm/odoo?key=wrong", json=webhook).status_code == 401
    assert client.post("/crm/salesforce/score", json={"leadId": lead}).status_code == 401
    assert client.post("/crm/dynamics/score", json={"msdyn_entityid": lead}).status_code == 401


def test_the_timer_sends_what_a_crash_left(crm_desk, crm_server, lead):
    Outbox(crm_desk.store.engine).ask("odoo", {lead: {"lead_id": lead}})
    timer = afterwards.Timer(crm_desk)
    timer.start(every_s=0.05)
    deadline = time.monotonic() + 20
    while not crm_server.told and time.monotonic() < deadline:
        time.sleep(0.05)
    timer.close()
    assert crm_server.told == {lead: 1}


def test_a_lead_that_odoo_names_and_nobody_knows_is_listed(crm_desk, crm_server):
    body = {"_id": 123456789, "_model": "crm.lead"}
    Client(create_app(crm_desk)).post("/crm/odoo?key=k", json=body)
    row = Outbox(crm_desk.store.engine).rows().iloc[0]
    assert row["state"] == "dead"
    assert "knows no lead" in row["problem"]
    assert crm_server.bodies == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"_id": 1}, 422),
        ({"_id": 1, "_model": "sale.order"}, 422),
        ({"_id": True, "_model": "crm.lead"}, 422),
    ],
)
def test_what_is_no_webhook_of_odoo_is_refused(crm_desk, body, status):
    client = Client(create_app(crm_desk))
    assert client.post("/crm/odoo?key=k", json=body).status_code == status
    assert client.post("/crm/odoo?key=wrong", json=body).status_code == 401


def test_dynamics_gets_the_columns_of_a_predictive_score(client, lead):
    answer = client.post("/crm/dynamics/score", json={"msdyn_entityid": lead}).json()
    assert answer["msdyn_scoretrend"] in (0, 1, 2, 3)
    assert isinstance(answer["msdyn_score"], int)
    assert answer["msdyn_grade"] in "ABCD"
    unknown = client.post("/crm/dynamics/score", json={"msdyn_entityid": "nobody"}).json()
    assert (unknown["status"], unknown["msdyn_scoretrend"]) == ("unknown_lead", 3)


def test_a_flow_of_salesforce_gets_every_key_as_the_document_says(client, lead):
    document = client.get("/crm/salesforce/openapi.json").json()
    action = document["paths"]["/crm/salesforce/score"]["post"]
    schema = action["responses"]["200"]["content"]["application/json"]["schema"]
    for name in (lead, "nobody"):
        answer = client.post("/crm/salesforce/score", json={"leadId": name}).json()
        assert set(answer) == set(schema["properties"])
        for key, value in answer.items():
            kinds = {"string": str, "number": float}
            assert isinstance(value, kinds[schema["properties"][key]["type"]])


def test_the_document_meets_every_limit_of_external_services(client):
    document = client.get("/crm/salesforce/openapi.json").json()
    validate(document)
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert all(re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9])*", name) for name in names)
    assert len(set(names)) == len(names)

    def walk(node, depth=0):
        assert depth <= 15
        if isinstance(node, dict):
            assert not {"enum", "oneOf", "anyOf", "allOf", "$ref", "additionalProperties"} & set(
                node
            )
            assert node.get("format") in (None, "double")
            if "description" in node and isinstance(node["description"], str):
                assert len(node["description"]) <= 1333
            if node.get("type") == "object":
                assert set(node["required"]) == set(node["properties"])
        for child in (
            node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        ):
            walk(child, depth + (1 if isinstance(child, dict) else 0))

    walk(document)


def test_the_desk_of_these_tests_stands_still(crm_desk):
    assert crm_desk.now() == pd.Timestamp(crm_desk.stands_at)


def test_the_service_tells_a_webhook_of_each_overdue_hand_off_once(
    model, small_company, tmp_path, crm_server
):
    url = f"sqlite:///{tmp_path}/history.db"
    fill(url, small_company.history)
    FrozenDesk.stands_at = small_company.history.observed_until
    crm = CrmSettings(overdue_url=crm_server.url)
    agreed = AgreementSettings(least_probability=0.0, handoff_hours=1.0)
    settings = settings_of(url).model_copy(update={"crm": crm, "agreement": agreed})
    desk = FrozenDesk(settings, FixedSource(model), url)
    desk.look()
    late = Client(create_app(desk)).get("/queue?show=overdue&limit=1000").json()
    assert late["total"] > 0
    assert afterwards.note_overdue(desk) == late["total"]
    afterwards.work(desk)
    assert afterwards.note_overdue(desk) == 0
    told = [row["lead_id"] for _, _, body, _ in crm_server.bodies for row in body["overdue"]]
    assert sorted(told) == sorted(lead["lead_id"] for lead in late["leads"])
    goals = Client(create_app(desk)).get("/goals").json()
    assert sum(row["leads"] for row in goals["overdue"]) == late["total"]
    assert "overdue for a first touch" in Client(create_app(desk)).get("/pages/goals").text
    desk.close()
