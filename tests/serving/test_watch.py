from monitoring import monitor
from serving import watch
from serving.app import create_app

LEAD = {"lead_id": "L1", "created_at": "2025-06-01T00:00:00Z"}


def test_what_is_answered_is_what_the_monitor_says(client, desk):
    answer = client.get("/monitor").json()
    history = desk.store.history(observed_until=desk.now())
    report = monitor(history, history.observed_until).as_json()
    assert {name: answer[name] for name in report} == report
    assert answer["judged"]
    assert answer["message"] == ""


def test_health_tells_of_it(client):
    alerts = client.get("/monitor").json()["alerts"]
    page = client.get("/pages/health").text
    assert all(each["cause"].split("&")[0][:20] in page for each in alerts)
    assert alerts or "as in the" in page


def test_served_promises_are_held_against_what_came(fresh, empty_desk):
    assert fresh.post("/leads", json=[LEAD]).json()["accepted"] == 1
    scored = fresh.post("/score", json={"leads": [{"lead_id": "L1"}]}).json()["scores"][0]
    assert scored["status"] == "ok"
    empty_desk.score_log.close()
    outcomes = fresh.get("/monitor").json()["outcomes"]
    assert {each["horizon"] for each in outcomes} == {30, 60, 90}
    assert all(each["mature"] is None for each in outcomes)


def test_it_looks_once_an_hour_and_nobody_waits(desk, make_client, monkeypatch):
    client = make_client(create_app(desk))
    first = client.get("/monitor").json()
    looked = []
    monkeypatch.setattr(watch, "monitor", lambda *_, **__: looked.append(1))
    assert client.get("/monitor").json() == first
    assert looked == []
