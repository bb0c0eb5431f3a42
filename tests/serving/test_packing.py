import pytest

NEW = {"lead_id": "new", "attributes": {"source": "referral"}}


@pytest.mark.slow
def test_without_a_champion_no_bento_is_built(installation, root):
    done = installation.run("-m", "bentoml", "build", cwd=root)
    assert done.returncode != 0
    assert "the Bento cannot be built: no version" in done.stderr


@pytest.mark.slow
def test_a_bento_serves_from_its_store_without_the_project(
    installation, saved_model, root, tmp_path
):
    installation.register(saved_model)
    done = installation.run("-m", "bentoml", "build", cwd=root)
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    kept = {
        name: value
        for name, value in installation.environment.items()
        if name != "PYTHONPATH" and not name.startswith("SMARKETING_")
    }
    port = str(installation.port)
    installation.start(
        "-m", "bentoml", "serve", "smarketing:latest", "--port", port, env=kept, cwd=elsewhere
    )
    assert installation.get("/readyz").status_code == 200
    new, known = installation.post("/score", {"leads": [NEW, {"lead_id": "L1"}]}).json()["scores"]
    assert (new["status"], known["status"]) == ("ok", "unknown_lead")
    refused = installation.post("/leads", [{"lead_id": "L1", "created_at": "2025-01-01T00:00:00Z"}])
    assert refused.status_code == 503
    assert "SMARKETING_HISTORY__URL" in refused.json()["error"]
    home = installation.folder / "bentoml"
    assert list(home.rglob("kernel*.nbi")), "compiled code was not kept in the Bento"
    assert not list(home.rglob("history.db"))
