"""HubSpot's own client beside ours: the same request, the same signature."""

from __future__ import annotations

import random
import time

import httpx
from hubspot.crm.contacts import (
    ApiClient,
    BatchApi,
    BatchInputSimplePublicObjectBatchInput,
    BatchReadInputSimplePublicObjectId,
    Configuration,
    SimplePublicObjectBatchInput,
    SimplePublicObjectId,
)
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st

from delivery import deliver
from delivery.crms import HubSpot
from delivery.outbox import Item
from serving.crm.hubspot import signature
from settings.crm import CrmSettings
from tests.delivery.test_sender import Clock

SCORE = {
    "score": 97.5,
    "probability": 0.123456,
    "grade": "A",
    "reasons": [{"label": "visits of the pricing page"}],
}


def test_the_batch_update_is_the_one_that_hubspots_client_sends(outbox, crm_server):
    crm = CrmSettings(hubspot_url=crm_server.url, hubspot_token="token")
    payload = HubSpot(crm).payload(SCORE)
    outbox.put("hubspot", {"51": payload, "52": payload})
    with httpx.Client(timeout=2) as client:
        assert deliver(outbox, crm, client, Clock(), random.Random(1)).sent["hubspot"] == 2

    theirs = Configuration(host=crm_server.url)
    theirs.access_token = "token"
    with ApiClient(theirs) as client:
        inputs = [
            SimplePublicObjectBatchInput(id=each, properties=payload) for each in ("51", "52")
        ]
        batch = BatchInputSimplePublicObjectBatchInput(inputs=inputs)
        BatchApi(client).update(batch, _preload_content=False)

    ours, wanted = crm_server.bodies
    assert ours[:2] == wanted[:2] == ("POST", "/crm/v3/objects/contacts/batch/update")
    assert ours[2] == wanted[2]
    assert ours[3]["Authorization"] == wanted[3]["Authorization"] == "Bearer token"
    assert ours[3]["Content-Type"] == wanted[3]["Content-Type"] == "application/json"


def test_the_question_is_the_one_that_hubspots_client_asks(crm_server):
    """The server hands both the same contacts, and both find the score in them."""
    crm = CrmSettings(hubspot_url=crm_server.url, hubspot_token="token")
    target = HubSpot(crm)
    payload = target.payload(SCORE)
    crm_server.kept = {"51": payload, "52": {**payload, "smarketing_grade": "B"}}
    items = [Item("hubspot", each, payload, "d", 0, unsure=True) for each in ("51", "52")]
    (question,) = target.questions(items)
    with httpx.Client(timeout=2) as client:
        assert target.has(items, [client.send(question)]) == {"51"}

    theirs = Configuration(host=crm_server.url)
    theirs.access_token = "token"
    with ApiClient(theirs) as client:
        asked = BatchReadInputSimplePublicObjectId(
            properties=sorted(payload),
            properties_with_history=[],
            inputs=[SimplePublicObjectId(id=each) for each in ("51", "52")],
        )
        found = BatchApi(client).read(asked, _preload_content=False)
    ours, wanted = crm_server.asked
    assert ours[0] == wanted[0] == "/crm/v3/objects/contacts/batch/read"
    assert ours[1] == {name: wanted[1][name] for name in ours[1]}
    assert set(wanted[1]) - set(ours[1]) <= {"propertiesWithHistory"}
    assert b"97.5" in found.data


_plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)


@given(
    secret=st.text("abc-123", min_size=1, max_size=20),
    body=_plain,
    path=st.text("az09/_", max_size=20),
)
def test_our_signature_is_theirs(secret, body, path):
    uri, now = f"https://scores.example.com/crm/hubspot{path}", str(int(time.time() * 1000))
    ours = signature(secret, "POST", uri, body.encode(), now)
    assert ours == Signature.get_signature(secret, body, "v3", uri, "POST", now)
    assert Signature.is_valid(ours, secret, body, uri, "POST", "v3", now)
