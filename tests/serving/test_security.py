import asyncio

import pandas as pd
import pytest

from history import StoreError, open_store
from history.keys import create_key, revoke_key
from serving.errors import RequestError
from serving.security import Doorman, allowed, is_loopback

NOW = pd.Timestamp("2025-01-01", tz="UTC").as_unit("us")


def connection(server="127.0.0.1", **headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": raw, "server": (server, 3000)}


def admit(doorman, asked, method="POST", route="/score"):
    return asyncio.run(doorman.admit(asked, method, route))


def refused(doorman, asked, method="POST", route="/score"):
    with pytest.raises(RequestError) as caught:
        admit(doorman, asked, method, route)
    return caught.value


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    yield store
    store.engine.dispose()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def doorman(store, clock):
    return Doorman(lambda: store, clock)


@pytest.mark.parametrize("server", ["127.0.0.1", "::1", "test"])
def test_without_keys_this_machine_may_do_everything(doorman, server):
    assert admit(doorman, connection(server, host="localhost:3000")).role == "admin"


@pytest.mark.parametrize(
    "asked",
    [
        connection("10.0.0.7", host="10.0.0.7"),
        connection("0.0.0.0", host="localhost"),
        connection("2001:db8::1", host="[2001:db8::1]"),
        connection(host="evil.example:3000"),
        connection(host="localhost", sec_fetch_site="cross-site"),
    ],
)
def test_without_keys_nobody_else_may(doorman, asked):
    assert refused(doorman, asked).status == 403


def test_once_there_is_a_key_it_is_needed(store, doorman):
    key, made = create_key(store, "crm", "", NOW)
    problem = refused(doorman, connection(host="localhost"))
    assert (problem.status, problem.headers["WWW-Authenticate"]) == (401, "Bearer")
    for asked in (
        connection(authorization=f"Bearer {key}"),
        connection(authorization=f"bearer  {key} "),
        connection(x_api_key=key),
        connection(cookie=f"smarketing_key={key}"),
        connection("10.0.0.7", x_api_key=key),
    ):
        assert admit(doorman, asked).key_id == made.key_id


def test_a_key_of_another_role_is_refused(store, doorman):
    key, _ = create_key(store, "marketing", "", NOW)
    problem = refused(doorman, connection(x_api_key=key), "POST", "/dispositions")
    assert problem.status == 403
    assert "crm, sales, admin" in str(problem)
    assert admit(doorman, connection(x_api_key=key), "GET", "/leads/{lead_id}").role == "marketing"


def test_a_page_of_another_site_cannot_use_the_cookie(store, doorman):
    key, _ = create_key(store, "admin", "", NOW)
    asked = connection(cookie=f"smarketing_key={key}", sec_fetch_site="cross-site")
    assert refused(doorman, asked).status == 403


def test_a_revoked_key_is_refused_within_seconds_and_the_door_stays_shut(store, doorman, clock):
    key, made = create_key(store, "admin", "", NOW)
    assert admit(doorman, connection(x_api_key=key)).role == "admin"
    revoke_key(store, made.key_id, NOW)
    clock.now = 3.0
    assert "revoked" in str(refused(doorman, connection(x_api_key=key)))
    assert refused(doorman, connection(host="localhost")).status == 401


def test_keys_outlive_a_database_that_is_away(store, clock):
    key, _ = create_key(store, "admin", "", NOW)
    away = False

    def opened():
        if away:
            raise StoreError("the database is away")
        return store

    doorman = Doorman(opened, clock)
    assert admit(doorman, connection(x_api_key=key)).role == "admin"
    away, clock.now = True, 3.0
    assert admit(doorman, connection(x_api_key=key)).role == "admin"
    with pytest.raises(StoreError):
        admit(Doorman(opened, clock), connection(x_api_key=key))


def test_what_is_public_needs_nothing(store, doorman):
    create_key(store, "admin", "", NOW)
    assert admit(doorman, connection("10.0.0.7"), "GET", "/metrics").role == ""


@pytest.mark.parametrize(
    ("route", "roles"),
    [
        ("/score", {"crm", "sales", "marketing", "admin"}),
        ("/score/bulk", {"crm", "sales", "marketing", "admin"}),
        ("/leads", {"crm", "admin"}),
        ("/crm/hubspot/score", {"crm", "admin"}),
        ("/goals", {"sales", "marketing", "admin"}),
    ],
)
def test_who_may_write_where(route, roles):
    asked = {"crm", "sales", "marketing", "admin", "boss"}
    assert {role for role in asked if allowed(role, "POST", route)} == roles


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_reaches_this_machine_alone(address, local):
    assert is_loopback(address) is local
