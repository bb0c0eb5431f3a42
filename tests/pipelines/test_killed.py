"""Processes that are killed, with no time for a last word: nothing is lost, nothing is doubled."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time

import pytest

from delivery import Outbox
from history import open_store
from tests.serving.installation import Installation

pytestmark = pytest.mark.slow


def start(installation: Installation, *words: str, **more: str) -> subprocess.Popen[bytes]:
    """Start a command in a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *words],
        cwd=installation.folder,
        env=installation.environment | more,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_an_ingest_that_is_killed_again_and_again_ends_as_one_that_was_not(small_company, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name, frame in small_company.history.frames().items():
        frame.to_csv(source / f"{name}.csv", index=False)
    undisturbed, killed = (Installation(tmp_path / name) for name in ("undisturbed", "killed"))
    for each in (undisturbed, killed):
        each.folder.mkdir()
    begun = time.monotonic()
    assert start(undisturbed, "ingest", str(source)).wait(120) == 0
    lasts = time.monotonic() - begun

    chance, ended = random.Random(7), []
    for _ in range(8):
        running = start(killed, "ingest", str(source))
        # Its last two thirds: before that Python and the libraries are loaded.
        time.sleep(lasts * chance.uniform(0.35, 1.0))
        running.kill()
        ended.append(running.wait(30))
    assert -9 in ended
    for _ in range(2):
        assert start(killed, "ingest", str(source)).wait(120) == 0
    stores = [open_store(f"sqlite:///{each.folder}/history.db") for each in (undisturbed, killed)]
    wanted, found = (store.history() for store in stores)
    assert found.digest() == wanted.digest()
    assert {name: len(frame) for name, frame in found.frames().items()} == {
        name: len(frame) for name, frame in wanted.frames().items()
    }
    for store in stores:
        store.engine.dispose()


def test_a_sender_that_is_killed_while_the_vendor_takes_it_does_not_send_it_twice(
    tmp_path, crm_server
):
    url = f"sqlite:///{tmp_path}/history.db"
    store = open_store(url)
    outbox = Outbox(store.engine)
    outbox.put("hubspot", {str(number): {"smarketing_score": 50.0} for number in range(150)})
    installation = Installation(tmp_path)
    crm = {"SMARKETING_CRM__HUBSPOT_URL": crm_server.url, "SMARKETING_CRM__HUBSPOT_TOKEN": "t"}
    crm_server.script.append("hang")
    running = start(installation, "outbox", "--send", **crm)
    installation.wait_for(lambda: len(crm_server.accepted) == 100, 60)
    running.kill()
    assert running.wait(30) == -9
    assert set(outbox.rows()["state"]) == {"waiting"}
    with sqlite3.connect(tmp_path / "history.db") as connection:  # five minutes go by
        connection.execute("UPDATE outbox SET not_before = 0")
    connection.close()
    assert start(installation, "outbox", "--send", **crm).wait(60) == 0
    assert crm_server.accepted == {str(number): 1 for number in range(150)}
    assert set(outbox.rows()["state"]) == {"sent"}
    store.engine.dispose()
