import signal
import socket

import pytest

from serving.launch import PortError, check_port, launch
from settings import Settings

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
    assert 'endpoint="/score"' in installation.get("/metrics").text

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
