"""Requests to each CRM, held against its published contract."""

from __future__ import annotations

import json

import httpx
import pytest

from delivery import target_of
from delivery.outbox import Item
from settings.crm import CrmSettings

SCORE = {
    "score": 93.5,
    "probability": 0.21234,
    "grade": "A",
    "trend": "improving",
    "reasons": [{"label": "pricing visit in the last 30 days"}, {"label": "referral"}],
}
CRM = CrmSettings(
    hubspot_token="t",
    salesforce_url="https://x.my.salesforce.com",
    salesforce_token="t",
    odoo_url="https://x.odoo.com/web/hook/abc",
    dynamics_url="https://x.crm.dynamics.com",
    dynamics_token="t",
)


def request_to(name: str, *records: str) -> tuple[httpx.Request, object]:
    target = target_of(name, CRM)
    items = [Item(name, record, target.payload(SCORE), "d", 0) for record in records]
    made = target.request(items)
    return made, json.loads(made.content)


def test_hubspot_updates_contacts_in_one_batch():
    request, body = request_to("hubspot", "1", "2")
    assert str(request.url) == "https://api.hubapi.com/crm/v3/objects/contacts/batch/update"
    assert (request.method, request.headers["Authorization"]) == ("POST", "Bearer t")
    assert [each["id"] for each in body["inputs"]] == ["1", "2"]
    assert body["inputs"][0]["properties"] == {
        "smarketing_score": 93.5,
        "smarketing_probability": 0.2123,
        "smarketing_grade": "A",
        "smarketing_reasons": "pricing visit in the last 30 days; referral",
    }


def test_salesforce_updates_leads_and_contacts_some_of_which_may_fail():
    request, body = request_to("salesforce", "00Q1", "0031")
    assert request.method == "PATCH"
    assert request.url.path == "/services/data/v61.0/composite/sobjects"
    assert body["allOrNone"] is False
    assert [each["attributes"]["type"] for each in body["records"]] == ["Lead", "Contact"]
    assert body["records"][0]["Smarketing_Score__c"] == 93.5


def test_hubspot_is_asked_for_the_properties_of_a_batch():
    target = target_of("hubspot", CRM)
    items = [Item("hubspot", each, target.payload(SCORE), "d", 0) for each in ("1", "2", "3")]
    (question,) = target.questions(items)
    assert str(question.url) == "https://api.hubapi.com/crm/v3/objects/contacts/batch/read"
    assert json.loads(question.content) == {
        "properties": sorted(items[0].payload),
        "inputs": [{"id": "1"}, {"id": "2"}, {"id": "3"}],
    }
    kept = {name: str(value) for name, value in items[0].payload.items()}
    results = [
        {"id": "1", "properties": {**kept, "hs_object_id": "1"}},
        {"id": "2", "properties": {**kept, "smarketing_score": "93.6"}},
    ]
    answer = httpx.Response(200, json={"status": "COMPLETE", "results": results})
    assert target.has(items, [answer]) == {"1"}


def test_salesforce_is_asked_for_leads_and_contacts_apart():
    target = target_of("salesforce", CRM)
    named = ("00Q1", "0031", "00Q2")
    items = [Item("salesforce", each, target.payload(SCORE), "d", 0) for each in named]
    leads, contacts = target.questions(items)
    assert leads.method == contacts.method == "POST"
    assert leads.url.path == "/services/data/v61.0/composite/sobjects/Lead"
    assert contacts.url.path == "/services/data/v61.0/composite/sobjects/Contact"
    assert json.loads(leads.content)["ids"] == ["00Q1", "00Q2"]
    assert json.loads(leads.content)["fields"] == sorted(items[0].payload)
    there = {"attributes": {"type": "Lead"}, "Id": "x", **items[0].payload}
    answers = [httpx.Response(200, json=[None, there]), httpx.Response(200, json=[there])]
    assert target.has(items, answers) == {"00Q2", "0031"}


def test_odoo_and_dynamics_are_asked_nothing():
    for name in ("odoo", "dynamics"):
        target = target_of(name, CRM)
        assert target.questions([Item(name, "1", target.payload(SCORE), "d", 0)]) == []


def test_salesforce_results_are_read_in_order():
    target = target_of("salesforce", CRM)
    items = [Item("salesforce", each, {}, "d", 0) for each in ("a", "b", "c")]
    locked = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "busy"}
    answer = httpx.Response(
        200,
        json=[
            {"success": True},
            {"success": False, "errors": [locked]},
            {"success": False, "errors": [{"statusCode": "NOT_FOUND", "message": "gone"}]},
        ],
    )
    told = target.verdicts(items, answer)
    assert told["a"] == ""
    assert told["b"].startswith("again")
    assert told["c"] == "NOT_FOUND: gone"


HUBSPOT_207 = {
    "status": "COMPLETE",
    "results": [{"id": "1", "properties": {}}, {"id": "900", "properties": {}}],
    "numErrors": 1,
    "errors": [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some CONTACT objects, they may be deleted or not exist.",
            "context": {"ids": ["3"]},
        }
    ],
}


def test_hubspot_answers_for_a_merged_contact_under_the_id_that_it_has_now():
    target = target_of("hubspot", CRM)
    items = [Item("hubspot", each, {}, "d", 0) for each in ("1", "2", "3")]
    told = target.verdicts(items, httpx.Response(207, json=HUBSPOT_207))
    assert (told["1"], told["2"]) == ("", "")
    assert told["3"].startswith("Could not get")


def test_hubspot_may_leave_a_record_out_of_its_answer():
    target = target_of("hubspot", CRM)
    items = [Item("hubspot", each, {}, "d", 0) for each in ("1", "2", "3", "4")]
    told = target.verdicts(items, httpx.Response(207, json=HUBSPOT_207))
    assert (told["1"], told["4"]) == ("", "again: not in the answer")


def test_odoo_gets_model_and_id_at_its_secret_url():
    request, body = request_to("odoo", "42")
    assert str(request.url) == "https://x.odoo.com/web/hook/abc"
    assert (body["model"], body["id"], body["x_smarketing_grade"]) == ("crm.lead", 42, "A")


@pytest.mark.parametrize(
    ("trend", "number"), [("improving", 0), ("steady", 1), ("declining", 2), ("unknown", 3)]
)
def test_dynamics_gets_a_predictive_score(trend, number):
    assert (
        target_of("dynamics", CRM).payload({**SCORE, "trend": trend})["msdyn_scoretrend"] == number
    )


def test_dynamics_makes_the_same_row_when_it_is_told_twice():
    request, body = request_to("dynamics", "g-1")
    assert request.url.path == "/api/data/v9.0/msdyn_predictivescores"
    assert set(body) == {
        "msdyn_predictivescoreid",
        "msdyn_entityid",
        "msdyn_entitytype",
        "msdyn_score",
        "msdyn_scoretrend",
        "msdyn_grade",
    }
    assert request_to("dynamics", "g-1")[1] == body
