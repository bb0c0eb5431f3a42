"""Tokens that expire: fetched, shared, fetched anew when refused, and never written down."""

from __future__ import annotations

import base64
import json
import logging
import random
import threading

import httpx
import pandas as pd
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from delivery import deliver
from delivery.tokens import ClientCredentials, SignedAssertion, TokenError, client_credentials
from settings import Settings, SettingsError
from settings.crm import CrmSettings
from tests.delivery.test_sender import START, Clock

SECRET = "canary-secret"


@pytest.fixture(autouse=True)
def _no_token_of_another_test():
    client_credentials.cache_clear()


@pytest.fixture
def guarded(crm_server):
    crm_server.secret = SECRET
    return crm_server


def crm(crm_server, secret=SECRET):
    return CrmSettings(
        salesforce_url=crm_server.url,
        salesforce_client_id="us",
        salesforce_client_secret=secret,
        dynamics_url=crm_server.url,
        dynamics_client_id="us",
        dynamics_client_secret=secret,
        dynamics_tenant="our/tenant",
        dynamics_login_url=f"{crm_server.url}/login",
    )


def send(outbox, settings, clock=None):
    with httpx.Client(timeout=2) as client:
        return deliver(outbox, settings, client, clock or Clock(), random.Random(1))


def leads(count):
    return {f"00Q{number}": {"Smarketing_Score__c": 1.0} for number in range(count)}


def test_a_token_is_fetched_once_and_outlives_a_delivery(outbox, guarded):
    outbox.put("salesforce", leads(450))
    done = send(outbox, crm(guarded))
    assert (done.sent["salesforce"], done.calls["salesforce"]) == (450, 3)
    outbox.put("salesforce", {"00Qx": {"Smarketing_Score__c": 2.0}})
    assert send(outbox, crm(guarded)).sent["salesforce"] == 1
    assert guarded.forms == [
        {
            "path": "/services/oauth2/token",
            "grant_type": "client_credentials",
            "client_id": "us",
            "client_secret": SECRET,
        }
    ]


def test_entra_is_asked_for_the_environment(outbox, guarded):
    guarded.lasts = 3600
    outbox.put("dynamics", {"guid": {"msdyn_score": 5, "msdyn_grade": "A"}})
    assert send(outbox, crm(guarded)).sent["dynamics"] == 1
    (form,) = guarded.forms
    assert form["path"] == "/login/our%2Ftenant/oauth2/v2.0/token"
    assert form["scope"] == f"{guarded.url}/.default"


def test_a_refused_token_is_fetched_anew_and_the_batch_is_accepted_once(outbox, guarded):
    outbox.put("salesforce", leads(2))
    send(outbox, crm(guarded))
    guarded.tokens += 1  # somebody revoked it
    outbox.put("salesforce", {"00Qnew": {"Smarketing_Score__c": 2.0}})
    done = send(outbox, crm(guarded))
    assert (done.sent["salesforce"], done.later["salesforce"]) == (1, 0)
    assert guarded.accepted["00Qnew"] == 1
    assert len(guarded.forms) == 2


def test_a_token_is_fetched_before_it_expires(guarded):
    guarded.lasts, now = 600, [0.0]
    auth = ClientCredentials(f"{guarded.url}/token", "us", SECRET, clock=lambda: now[0])
    with httpx.Client(auth=auth, timeout=2) as client:
        for at in (0.0, 500.0, 541.0, 1000.0):
            now[0] = at
            answer = client.post(f"{guarded.url}/hook", json={"id": "1"})
            assert answer.status_code == 200
    assert guarded.tokens == 2


def test_many_threads_fetch_one(guarded):
    auth, codes = ClientCredentials(f"{guarded.url}/token", "us", SECRET), []

    def call():
        with httpx.Client(auth=auth, timeout=5) as client:
            codes.append(client.post(f"{guarded.url}/hook", json={"id": "1"}).status_code)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert codes == [200] * 8
    assert guarded.tokens == 1


def test_without_a_token_rows_wait_and_say_why_and_no_secret_is_written_down(
    outbox, guarded, caplog
):
    caplog.set_level(logging.DEBUG)
    outbox.put("salesforce", leads(2))
    clock = Clock()
    done = send(outbox, crm(guarded, "another-canary"), clock)
    assert (done.later["salesforce"], done.dead["salesforce"]) == (2, 0)
    rows = outbox.rows()
    assert set(rows["problem"]) == {"again: no token: HTTP 401, invalid_client"}
    clock.now = START + pd.Timedelta(hours=2)
    assert send(outbox, crm(guarded), clock).sent["salesforce"] == 2
    told = rows.to_csv() + outbox.rows().to_csv() + caplog.text
    assert "canary" not in told
    assert "token-1" not in told
    assert "canary" not in repr(crm(guarded))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["token"]),
        httpx.Response(200, json={"access_token": ""}),
        httpx.Response(500, json={"access_token": "t"}),
    ],
)
def test_an_answer_that_is_no_token_is_not_taken_for_one(answer):
    transport = httpx.MockTransport(lambda request: answer)
    auth = ClientCredentials("https://login.example/token", "us", SECRET)
    with httpx.Client(transport=transport, auth=auth) as client, pytest.raises(TokenError):
        client.get("https://crm.example/")


def test_secrets_do_not_leave_over_plain_http(tmp_path):
    file = tmp_path / "smarketing.toml"
    file.write_text('[crm]\nsalesforce_url = "http://company.my.salesforce.com"\n')
    with pytest.raises(SettingsError, match="must begin with https://"):
        Settings.load(file)


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def with_key(crm_server, key=PEM):
    return CrmSettings(
        salesforce_url=crm_server.url,
        salesforce_client_id="app",
        salesforce_username="robot@example.com",
        salesforce_private_key=key,
    )


def parts(assertion: str) -> tuple[dict, dict]:
    """Check an assertion as Salesforce does, by the public key, and return what it says."""
    text, _, signature = assertion.rpartition(".")
    padded = [part + "=" * (-len(part) % 4) for part in (*text.split("."), signature)]
    head, claims, signed = (base64.urlsafe_b64decode(part) for part in padded)
    KEY.public_key().verify(signed, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return json.loads(head), json.loads(claims)


@pytest.mark.parametrize("key", [PEM, PEM.replace("\n", "\\n")])
def test_salesforce_gives_a_token_for_a_signed_assertion(outbox, crm_server, key):
    outbox.put("salesforce", leads(3))
    assert send(outbox, with_key(crm_server, key)).sent["salesforce"] == 3
    (form,) = crm_server.forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert form["path"] == "/services/oauth2/token"
    head, claims = parts(form["assertion"])
    assert head == {"alg": "RS256", "typ": "JWT"}
    assert {name: claims[name] for name in ("iss", "sub", "aud")} == {
        "iss": "app", "sub": "robot@example.com", "aud": "https://login.salesforce.com",
    }  # fmt: skip
    assert crm_server.bodies[0][3]["Authorization"] == "Bearer token-1"


def test_an_assertion_is_good_for_three_minutes():
    grant = SignedAssertion("https://x", "app", "u", "aud", PEM, wall=lambda: 1_000.9)
    assert parts(grant.form()["assertion"])[1]["exp"] == 1180


def test_a_key_that_is_none_is_told_of_without_it(outbox, crm_server):
    outbox.put("salesforce", leads(1))
    settings = with_key(crm_server, "canary-key")
    assert "canary" not in repr(settings)
    assert send(outbox, settings).later["salesforce"] == 1
    (problem,) = outbox.rows()["problem"]
    assert problem == "again: the private key is no RSA key in PEM without a password"
