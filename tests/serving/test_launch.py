import signal
import socket

import pandas as pd
import pytest

from history import open_store
from history.keys import create_key, revoke_key
from serving.launch import OpenError, PortError, check_access, check_port, launch
from settings import Settings
from settings.settings import HistorySettings

NEW = {"lead_id": "new", "attributes": {"source": "referral"}}


def test_a_port_in_use_is_one_clear_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} on 127.0.0.1") as caught:
            launch(Settings(), "127.0.0.1", port)
    assert "\n" not in str(caught.value)


def test_a_free_port_is_free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(PortError):
        check_port("192.0.2.1", 3000)


def test_nobody_else_is_served_before_there_is_a_key(tmp_path):
    settings = Settings(history=HistorySettings(url=f"sqlite:///{tmp_path}/history.db"))
    with pytest.raises(OpenError, match="smarketing keys create"):
        launch(settings, "0.0.0.0", 3000)
    store, now = open_store(settings.history.url), pd.Timestamp("2025-01-01", tz="UTC")
    _, key = create_key(store, "crm", "", now)
    check_access(settings, "0.0.0.0")
    revoke_key(store, key.key_id, now)
    with pytest.raises(OpenError):
        check_access(settings, "0.0.0.0")
    check_access(settings, "127.0.0.1")


def test_a_bad_configuration_ends_with_code_2(installation):
    done = installation.run("-m", "serving.launch", SMARKETING_SERVING__PORT="many")
    assert done.returncode == 2
    assert done.stderr.startswith("smarketing: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_the_service_from_start_to_stop(installation, saved_model):
    serve = ("-m", "serving.launch", "--port", str(installation.port))
    installation.start(*serve)
    assert installation.get("/readyz").status_code == 503
    assert "promote" in installation.get("/").text
    assert installation.post("/score", {"leads": [NEW]}).status_code == 503

    files = installation.register(saved_model)
    installation.wait_for(lambda: installation.get("/readyz").status_code == 200, 30)
    (score,) = installation.post("/score", {"leads": [NEW]}).json()["scores"]
    assert (score["status"], score["model_version"]) == ("ok", "1")
    installation.get("/leads/nobody")
    told = installation.get("/metrics").text
    assert 'endpoint="/score"' in told
    assert 'endpoint="/leads/{lead_id}"' in told
    assert "nobody" not in told + (installation.folder / "log").read_text()

    row = {"lead_id": "L1", "created_at": "2025-01-01T00:00:00Z"}
    assert installation.get("/queue").json()["leads"] == []
    assert installation.post("/leads", [row]).json()["accepted"] == 1
    assert installation.run("-m", "serving.launch", *serve[2:]).returncode == 2
    assert installation.stop(signal.SIGINT) == 0

    (files / "model.json").write_text("{}")
    installation.start(*serve)
    assert installation.get("/readyz").status_code == 503
    assert "damaged" in installation.get("/model").json()["message"]
    assert installation.get("/leads/L1").json()["lead"]["lead_id"] == "L1"
    assert installation.stop(signal.SIGTERM) == 0
