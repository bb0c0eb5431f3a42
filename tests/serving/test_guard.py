import io
import time

import pandas as pd
import pytest

from history.keys import create_key
from serving.access_log import AccessLog
from serving.app import create_app

NEW = {"lead_id": "new", "attributes": {"source": "referral"}}


@pytest.fixture
def guarded(empty_desk, make_client):
    """Return what makes a client whose desk has other limits."""

    def make(log=None, **limits):
        serving = empty_desk.settings.serving.model_copy(update=limits)
        empty_desk.settings = empty_desk.settings.model_copy(update={"serving": serving})
        return make_client(create_app(empty_desk, log=log))

    return make


@pytest.fixture
def key(empty_desk):
    return create_key(empty_desk.store, "crm", "", pd.Timestamp("2025-01-01", tz="UTC"))[0]


def test_with_a_key_in_the_store_requests_need_one(guarded, empty_desk, key):
    client = guarded()
    assert client.post("/score", json={"leads": [NEW]}).status_code == 401
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.post("/score", json={"leads": [NEW]}, headers=headers)
    assert answer.json()["scores"][0]["status"] == "ok"
    assert client.post("/nothing", headers=headers).status_code == 404
    now = pd.Timestamp("2025-01-01", tz="UTC")
    other = {"X-API-Key": create_key(empty_desk.store, "marketing", "", now)[0]}
    assert guarded().post("/leads", json=[], headers=other).status_code == 403
    assert client.get("/metrics").status_code == 200
    assert client.get("/openapi.json").status_code == 200


def test_a_browser_is_shown_the_form_and_signed_in(guarded, key):
    client = guarded()
    shown = client.call("GET", "/", headers={"Accept": "text/html"})
    assert (shown.status_code, "<form" in shown.text) == (401, True)
    wrong = client.post("/signin", data={"key": key + "x"})
    assert (wrong.status_code, "not known" in wrong.text) == (401, True)
    right = client.post("/signin", data={"key": key})
    cookie = right.headers["set-cookie"]
    assert right.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    signed_in = client.call("GET", "/", headers={"Cookie": cookie.partition(";")[0]})
    assert signed_in.status_code == 200
    assert 'action="/signout"><button>Sign out' in signed_in.text
    assert int(signed_in.headers["content-length"]) == len(signed_in.content)
    by_header = client.call("GET", "/", headers={"X-API-Key": key})
    assert 'action="/signout" hidden>' in by_header.text
    gone = client.post("/signout").headers.get_list("set-cookie")
    assert sorted(each.partition("=")[0] for each in gone) == ["smarketing_key", "smarketing_me"]
    assert all("Max-Age=0" in each for each in gone)


@pytest.mark.parametrize("path", ["/signin", "/signout"])
def test_another_site_signs_nobody_in_or_out(guarded, key, path):
    foreign = {"Sec-Fetch-Site": "cross-site"}
    told = guarded().post(path, data={"key": key}, headers=foreign)
    assert (told.status_code, "set-cookie" in told.headers) == (403, False)
    own = guarded().post(path, data={"key": key}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (own.status_code, "set-cookie" in own.headers) == (303, True)


def test_a_hasty_key_is_told_to_wait(guarded, key):
    client = guarded(requests_per_s=0.5, burst=2)
    headers = {"X-API-Key": key}
    statuses = [client.call("GET", "/model", headers=headers) for _ in range(3)]
    assert [each.status_code for each in statuses] == [200, 200, 429]
    assert statuses[-1].headers["Retry-After"] == "2"


def test_a_body_that_is_too_large_is_refused(guarded):
    client = guarded(max_body_mb=1)
    answer = client.post("/leads", content=b" " * ((1 << 20) + 1))
    assert answer.status_code == 413
    assert "1 MiB" in answer.json()["error"]


def test_an_answer_that_takes_too_long_is_given_up(guarded, empty_desk, monkeypatch):
    monkeypatch.setattr(empty_desk, "about", lambda: time.sleep(0.5))
    answer = guarded(timeout_s=0.05).get("/model")
    assert answer.status_code == 504
    assert "0.05 seconds" in answer.json()["error"]


def test_more_requests_than_fit_are_told_to_come_again(guarded):
    client = guarded()
    client.get("/model")
    guard = client.app.middleware_stack.app
    guard._at_work = 1000
    answer = client.get("/model")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert guard._at_work == 1000


def test_neither_the_log_nor_the_metrics_hold_the_id_of_a_lead(guarded, empty_desk, monkeypatch):
    stream = io.StringIO()
    log = AccessLog(stream, 1.0)
    client = guarded(log)
    client.get("/leads/secret-lead")
    client.get("/nothing/secret-lead?lead=secret-lead")
    monkeypatch.setattr("serving.app.lead", lambda *_: 1 / 0)
    assert client.get("/leads/secret-lead").status_code == 500
    log.close()
    told = stream.getvalue() + client.get("/metrics").text
    assert "secret" not in told
    assert told.count('"route":"/leads/{lead_id}"') == 2
    assert 'endpoint="/leads/{lead_id}",http_response_code="500"' in told
    assert 'endpoint="(no such path)",http_response_code="404"' in told


def test_the_age_of_the_history_is_told(guarded, empty_desk):
    client = guarded()
    assert "smarketing_history_age_seconds 0.0" in client.get("/metrics").text
    when = empty_desk.now() - pd.Timedelta(minutes=1)
    row = {"lead_id": "a", "occurred_at": when.isoformat(), "kind": "visit"}
    empty_desk.write("engagements", [row])
    assert "smarketing_history_age_seconds 60.0" in client.get("/metrics").text


def test_readiness_is_told_in_detail(guarded, empty_desk):
    client = guarded()
    assert client.get("/readyz/details").json() == {"ready": True, "version": "1", "problem": ""}
    empty_desk.source.model = None
    empty_desk.look()
    told = client.get("/readyz/details").json()
    assert (told["ready"], told["version"]) == (True, "1")
    assert "no champion" in told["problem"]
