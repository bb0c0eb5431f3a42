"""Nothing that was acknowledged is lost, and nothing that is sent is an error of ours."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import threading

import httpx
import psutil
import pytest
from sqlalchemy import event

from serving.app import WRITABLE, create_app

TOUCH = {"lead_id": "L1", "occurred_at": "2025-06-01T10:00:00Z", "kind": "visit"}


def rows(count, **more):
    return [TOUCH | {"engagement_id": f"E{number}"} | more for number in range(count)]


def test_a_locked_database_is_told_and_waited_for(empty_desk, make_client):
    serving = empty_desk.settings.serving.model_copy(update={"timeout_s": 2.0})
    empty_desk.settings = empty_desk.settings.model_copy(update={"serving": serving})
    empty_desk._store.engine.dispose()
    empty_desk._store = None
    client = make_client(create_app(empty_desk))
    assert client.post("/engagements", json=rows(1)).json()["accepted"] == 1
    other = sqlite3.connect(empty_desk.store.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = client.post("/engagements", json=rows(2))
    assert answer.status_code == 503
    assert "locked" in answer.json()["error"]
    assert client.get("/leads/nobody").status_code == 404
    other.execute("ROLLBACK")
    other.close()
    assert client.post("/engagements", json=rows(2)).json()["accepted"] == 1


def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(fresh, empty_desk):
    assert fresh.post("/engagements", json=rows(10)).json()["accepted"] == 10
    engine = empty_desk.store.engine
    full = [True]

    @event.listens_for(engine, "begin")
    def _limit(connection):
        pages = 1 if full[0] else 1_000_000
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    answer = fresh.post("/engagements", json=rows(5000, campaign="a" * 400))
    assert answer.status_code == 503
    assert "full" in answer.json()["error"]
    assert empty_desk.store.counts()["engagements"] == 10
    full[0] = False
    answer = fresh.post("/engagements", json=rows(5000)).json()
    assert (answer["accepted"], answer["duplicate"]) == (4990, 10)


HOSTILE = [
    b"[NaN]",
    b"[Infinity]",
    b"[1e999]",
    b"[" * 200_000,
    b'{"leads":' * 5000,
    '[{"lead_id":"ä"}]'.encode("utf-16"),
    b'[{"lead_id": "\xff"}]',
    b"\x00",
    json.dumps([TOUCH | {"kind": "a" * 1_000_000}]).encode(),
    json.dumps([TOUCH | {"kind": {"a": [1]}}]).encode(),
    json.dumps([TOUCH | {"occurred_at": "9999-12-31T23:59:59Z"}]).encode(),
    json.dumps([TOUCH | {"occurred_at": "0001-01-01T00:00:00Z"}]).encode(),
    json.dumps([TOUCH | {"occurred_at": "2025-02-30T00:00:00Z"}]).encode(),
    json.dumps([TOUCH | {"value": 10**400}]).encode(),
    json.dumps([TOUCH | {"lead_id": "\ud800"}]).encode(),
    json.dumps([TOUCH | {"lead_id": "a\u0000b"}]).encode(),
    json.dumps([[]]).encode(),
    json.dumps({"leads": [{"lead_id": "a"}] * 10_000}).encode(),
]


@pytest.mark.parametrize("path", [*(f"/{name}" for name in WRITABLE), "/score"])
@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_what_makes_no_sense_is_refused_and_never_an_error_of_ours(fresh, path, place):
    if path == "/leads" and place == len(HOSTILE) - 1:
        pytest.skip("ten thousand leads may be written at once")
    answer = fresh.post(path, content=HOSTILE[place])
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:200])
    assert len(answer.json()["error"]) < 1000


def killed(service):
    """End a service and everything that it started, at once."""
    family = [service, *psutil.Process(service.pid).children(recursive=True)]
    for each in family:
        os.kill(each.pid, signal.SIGKILL)
    service.wait(30)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_writes_loses_nothing_acknowledged(installation, saved_model):
    installation.register(saved_model)
    installation.start("-m", "serving.launch", "--port", str(installation.port))
    acknowledged, stopped = [], threading.Event()
    numbers = itertools.count()

    def write():
        url = f"http://127.0.0.1:{installation.port}"
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stopped.is_set():
                ids = [f"E{next(numbers)}" for _ in range(3)]
                body = [TOUCH | {"engagement_id": each} for each in ids]
                try:
                    if client.post("/engagements", json=body).status_code == 200:
                        acknowledged.extend(ids)
                except httpx.TransportError:
                    return

    writers = [threading.Thread(target=write) for _ in range(4)]
    for each in writers:
        each.start()
    installation.wait_for(lambda: len(acknowledged) > 30, 60)
    killed(installation.running.pop())
    stopped.set()
    for each in writers:
        each.join(30)
    connection = sqlite3.connect(installation.folder / "history.db")
    kept = {row[0] for row in connection.execute("SELECT engagement_id FROM engagements")}
    connection.close()
    assert set(acknowledged) <= kept
    installation.start("-m", "serving.launch", "--port", str(installation.port))
    installation.wait_for(lambda: installation.get("/readyz").status_code == 200, 30)
    again = [TOUCH | {"engagement_id": each} for each in acknowledged]
    assert installation.post("/engagements", again).json()["duplicate"] == len(acknowledged)


def workers_of(service):
    """Return the processes that answer requests."""
    found = []
    for each in psutil.Process(service.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie, or gone meanwhile
            if "_bentoml_impl.worker.service" in each.cmdline():
                found.append(each)
    return found


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_the_others_go_on(installation, saved_model):
    installation.register(saved_model)
    environment = installation.environment | {"SMARKETING_SERVING__WORKERS": "2"}
    words = ("-m", "serving.launch", "--port", str(installation.port))
    installation.start(*words, env=environment)
    service = installation.running[-1]
    installation.wait_for(lambda: len(workers_of(service)) == 2, 60)
    installation.wait_for(lambda: installation.get("/readyz").status_code == 200, 60)
    acknowledged, broken, stopped = [], [], threading.Event()
    numbers = itertools.count()

    def write():
        while not stopped.is_set():
            with httpx.Client(base_url=f"http://127.0.0.1:{installation.port}") as client:
                try:
                    while not stopped.is_set():
                        ids = [f"E{next(numbers)}" for _ in range(3)]
                        body = [TOUCH | {"engagement_id": each} for each in ids]
                        answer = client.post("/engagements", json=body)
                        assert answer.status_code == 200, answer.text
                        acknowledged.extend(ids)
                except httpx.TransportError:
                    broken.append(1)  # it was with the one that died: connect again

    writers = [threading.Thread(target=write) for _ in range(6)]
    for each in writers:
        each.start()
    installation.wait_for(lambda: len(acknowledged) > 100, 30)
    victim = workers_of(service)[0]
    os.kill(victim.pid, signal.SIGKILL)
    before = len(acknowledged)
    installation.wait_for(lambda: len(acknowledged) > before + 100, 30)
    installation.wait_for(
        lambda: len(workers_of(service)) == 2 and victim not in workers_of(service), 60
    )
    stopped.set()
    for each in writers:
        each.join(30)
    connection = sqlite3.connect(installation.folder / "history.db")
    kept = {row[0] for row in connection.execute("SELECT engagement_id FROM engagements")}
    connection.close()
    assert set(acknowledged) <= kept
    assert len(broken) < 50
