"""Another champion takes over in running workers, and no request notices."""

import threading
import time

import httpx
import pytest

NEW = {"lead_id": "new", "attributes": {"source": "referral"}}

CROWN = """
import sys
from models.registry import Registry
folder, version = sys.argv[1:]
registry = Registry(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
registry._records.crown(version)
"""


class Caller(threading.Thread):
    """Asks for a score again and again, and remembers each answer."""

    def __init__(self, port):
        super().__init__()
        self.address, self.stopped = f"http://127.0.0.1:{port}/score", threading.Event()
        self.seen = []

    def run(self):
        while not self.stopped.is_set():
            # A connection of its own each time, so that every worker is asked.
            answer = httpx.post(self.address, json={"leads": [NEW]}, timeout=30)
            version = answer.json()["scores"][0]["model_version"] if answer.is_success else ""
            self.seen.append((time.monotonic(), answer.status_code, version))


@pytest.mark.slow
def test_a_promotion_takes_effect_in_every_worker_and_drops_no_request(installation, saved_model):
    installation.register(saved_model)
    env = installation.environment | {"SMARKETING_SERVING__WORKERS": "2"}
    installation.start("-m", "serving.launch", "--port", str(installation.port), env=env)
    installation.wait_for(lambda: installation.get("/readyz").status_code == 200, 30)
    callers = [Caller(installation.port) for _ in range(3)]
    for each in callers:
        each.start()
    time.sleep(2)
    files = installation.register(saved_model)
    promoted = time.monotonic()
    time.sleep(12)
    damaged = time.monotonic()
    (files / "model.json").rename(files / "away.json")
    first = installation.run("-c", CROWN, str(installation.folder), "1")
    assert first.returncode == 0, first.stderr
    time.sleep(5)
    again = installation.run("-c", CROWN, str(installation.folder), "2")
    assert again.returncode == 0, again.stderr
    installation.wait_for(lambda: "damaged" in detail(installation), 20)
    time.sleep(3)
    for each in callers:
        each.stopped.set()
        each.join(30)
    seen = [entry for each in callers for entry in each.seen]
    assert {status for _, status, _ in seen} == {200}
    assert {version for _, _, version in seen} == {"1", "2"}
    settled = {version for at, _, version in seen if promoted + 10 < at < damaged}
    assert settled == {"2"}
    assert installation.get("/readyz").status_code == 200
    (score,) = installation.post("/score", {"leads": [NEW]}).json()["scores"]
    assert score["model_version"] == "1"


def detail(installation):
    told = installation.get("/readyz/details").json()
    return told["problem"] if told["ready"] else ""
