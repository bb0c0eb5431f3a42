import json
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator

from serving.app import create_app
from serving.contract import LeadScore
from serving.openapi import openapi_document

TOUCH = {"occurred_at": "2025-12-20T10:00:00Z", "kind": "web_visit", "channel": "web"}
NEW = {"lead_id": "new", "attributes": {"source": "referral"}, "engagements": [TOUCH]}
PATHS = ["/engagements", "/outcomes", "/leads", "/accounts", "/dispositions"]


def known(client):
    return client.get("/queue?limit=1").json()["leads"][0]["lead_id"]


def post_score(client, *leads, **more):
    return client.post("/score", json={"leads": list(leads), **more})


def test_known_and_unknown_leads_are_scored_together(client):
    answer = post_score(client, {"lead_id": known(client)}, NEW, top_reasons=2).json()
    assert [each["status"] for each in answer["scores"]] == ["ok", "ok"]
    assert all(0 < each["probability"] < 1 for each in answer["scores"])
    assert len(answer["scores"][0]["reasons"]) == 2


def test_one_bad_lead_never_fails_its_neighbours(client):
    bad = [
        {"lead_id": 5},
        7,
        None,
        {"lead_id": "n", "as_of": "soon"},
        {"lead_id": "x", "colour": 1},
    ]
    bad.append({"lead_id": "y", "engagements": [TOUCH | {"value": "much"}]})
    scores = post_score(client, *bad, NEW).json()["scores"]
    assert [each["status"] for each in scores] == ["invalid"] * len(bad) + ["ok"]
    assert all(each["message"] for each in scores[:-1])


def test_every_key_is_always_present(client):
    scores = post_score(client, NEW, {"lead_id": "nobody"}, 7).json()["scores"]
    assert [set(each) for each in scores] == [{each.name for each in fields(LeadScore)}] * 3


def test_answers_fit_the_document(client):
    document = openapi_document(50)
    schema = {"$ref": "#/components/schemas/ScoreAnswer", "components": document["components"]}
    OAS30Validator(schema).validate(post_score(client, NEW, {"lead_id": "nobody"}).json())


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b'{"leads": [NaN]}', 400, "not JSON"),
        (b'{"leads": [1e999]}', 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        ('{"leads": ["ä"]}'.encode("latin-1"), 400, "not JSON"),
        (b"7", 422, "the body"),
        (b"{}", 422, "leads"),
        (b'{"leads": {}}', 422, "leads"),
        (b'{"leads": [], "top_reasons": -1}', 422, "top_reasons"),
        (b'{"leads": [], "top": 1}', 422, "top"),
        (json.dumps({"leads": [{"lead_id": "a"}] * 51}).encode(), 413, "at most 50"),
        (b" " * (16 * 1024 * 1024 + 1), 413, "16 MiB"),
    ],
)
def test_bad_bodies_get_one_clear_line(client, body, status, says):
    answer = client.post("/score", content=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    "lead",
    [
        {"lead_id": "a" * 1_000_000},
        {"lead_id": "a\x00b"},
        {"lead_id": ""},
        {"lead_id": "a", "as_of": "9999-12-31T23:59:59Z"},
        {"lead_id": "a", "attributes": {"created_at": "9999-01-01T00:00:00Z"}},
        {"lead_id": "a", "attributes": {"size": 10**400}},
        {"lead_id": "a", "attributes": {"deep": {"a": {}}}},
        {"lead_id": "a", "account": {"employees": "\ud83d\ude00" * 20_000}},
        {"lead_id": "a", "engagements": [TOUCH | {"occurred_at": "9999-12-31T00:00:00Z"}]},
        {"lead_id": "a", "engagements": [TOUCH | {"value": 1e300}]},
        {"lead_id": "a", "engagements": [TOUCH | {"duration_s": -1}]},
        {"lead_id": "a", "engagements": [TOUCH | {"occurred_at": "2025-01-01 10:00"}]},
    ],
)
def test_hostile_leads_are_never_an_error_of_ours(client, lead):
    answer = client.post("/score", content=json.dumps({"leads": [lead, NEW]}).encode())
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert [each["status"] for each in answer.json()["scores"]] == ["invalid", "ok"]


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    PLAIN, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=8
)
TOUCHES = st.fixed_dictionaries(
    {"occurred_at": st.just("2025-01-01T00:00:00Z") | JSON, "kind": st.text() | JSON},
    optional={"value": JSON, "recorded_at": JSON, "engagement_id": JSON},
)
LEADS = JSON | st.fixed_dictionaries(
    {"lead_id": st.text()},
    optional={
        "as_of": st.datetimes().map(str) | JSON,
        "attributes": st.dictionaries(
            st.sampled_from(["source", "created_at", "account_id"]), PLAIN
        ),
        "account": st.dictionaries(st.sampled_from(["industry", "employees"]), PLAIN) | JSON,
        "engagements": st.lists(TOUCHES, max_size=2) | JSON,
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(leads=st.lists(LEADS, max_size=3))
def test_no_body_is_an_error_of_ours(client, leads):
    answer = client.post("/score", content=json.dumps({"leads": leads}).encode())
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        assert len(answer.json()["scores"]) == len(leads)


@pytest.mark.parametrize("path", PATHS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.dictionaries(st.sampled_from(["lead_id", "kind", "x"]), JSON), max_size=2))
def test_no_rows_are_an_error_of_ours(fresh, path, rows):
    answer = fresh.post(path, content=json.dumps(rows).encode())
    assert answer.status_code < 500, answer.text


def test_what_is_written_counts_in_the_next_score(fresh):
    lead = {"lead_id": "L1", "created_at": "2025-06-01T00:00:00Z", "source": "event"}
    assert fresh.post("/leads", json=[lead]).json()["accepted"] == 1
    before = post_score(fresh, {"lead_id": "L1"}).json()["scores"][0]
    touches = [TOUCH | {"lead_id": "L1", "engagement_id": f"E{i}"} for i in range(40)]
    assert fresh.post("/engagements", json={"engagements": touches}).json()["accepted"] == 40
    after = post_score(fresh, {"lead_id": "L1"}).json()["scores"][0]
    assert before["status"] == after["status"] == "ok"
    assert before["probability"] != after["probability"]


def test_writing_twice_changes_nothing(fresh):
    row = {"lead_id": "L1", "occurred_at": "2025-06-01T00:00:00Z", "stage": "mql"}
    first, second = (fresh.post("/outcomes", json=[row]).json() for _ in range(2))
    assert (first["accepted"], first["duplicate"]) == (1, 0)
    assert (second["accepted"], second["duplicate"]) == (0, 1)


def test_a_bad_row_is_rejected_with_its_reason_and_kept(fresh, empty_desk):
    good = {"lead_id": "L1", "occurred_at": "2025-06-01T00:00:00Z", "action": "accept"}
    for _ in range(2):
        answer = fresh.post("/dispositions", json=[good, good | {"action": "dance"}]).json()
        assert answer["rejected"] == 1
        assert answer["reasons"][0] | {"reason": ""} == {
            "row": 2,
            "field": "action",
            "value": "dance",
            "reason": "",
        }
    assert "dance" in empty_desk.store.quarantine()["value"].tolist()


def test_rows_of_which_none_fits_are_refused(fresh):
    answer = fresh.post("/engagements", json=[{"lead_id": "a", "kind": "x"}])
    assert answer.status_code == 422
    assert "occurred_at" in answer.json()["error"]


def test_no_rows_are_no_mistake(fresh):
    assert fresh.post("/leads", json={"leads": []}).json()["accepted"] == 0


def test_a_lead_is_read_with_its_timeline_and_score(client):
    lead_id = known(client)
    lead = client.get(f"/leads/{lead_id}").json()
    assert lead["lead"]["lead_id"] == lead_id
    assert lead["score"]["status"] == "ok"
    times = [each["occurred_at"] for each in lead["timeline"]]
    assert times == sorted(times, reverse=True)


def test_the_queue_is_best_first(client):
    queue = client.get("/queue?limit=20").json()
    scores = [each["score"] for each in queue["leads"]]
    assert scores == sorted(scores, reverse=True)
    assert queue["open_leads"] >= 20


def test_importance_tells_how_the_effect_of_a_feature_runs(client):
    whole = client.get("/importance").json()
    assert whole["run"] == []
    name = whole["features"][0]["feature"]
    run = client.get(f"/importance?feature={name}").json()["run"]
    assert sum(row["leads"] for row in run) == whole["leads"]
    assert {*run[0]} == {"value", "leads", "effect"}
    unknown = client.get("/importance?feature=nothing")
    assert (unknown.status_code, "'nothing'" in unknown.json()["error"]) == (422, True)


def test_importance_sums_to_one(client):
    features = client.get("/importance").json()["features"]
    assert sum(each["share"] for each in features) == pytest.approx(1)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "٣", "9" * 5000])
def test_a_limit_that_makes_no_sense_is_refused(client, limit):
    answer = client.get(f"/queue?limit={limit}")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("limit: ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/score", 405), ("DELETE", "/leads/a", 405)],
)
def test_paths_that_are_not_there_answer_in_json(client, method, path, status):
    answer = client.call(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_an_unknown_lead_is_not_found(client):
    answer = client.get("/leads/nobody")
    assert answer.status_code == 404
    assert "'nobody'" in answer.json()["error"]


def test_an_empty_history_has_an_empty_queue_with_a_hint(fresh):
    queue = fresh.get("/queue").json()
    assert queue["leads"] == []
    assert "ingest" in queue["message"]
    assert "ingest" in fresh.get("/").text
    assert fresh.get("/importance").json()["features"] == []


def test_without_a_champion_everything_says_why(empty_desk, make_client):
    empty_desk._scorer, empty_desk.source.model = None, None
    empty_desk.look()
    client = make_client(create_app(empty_desk))
    for answer in (post_score(client, NEW), client.get("/queue"), client.get("/importance")):
        assert answer.status_code == 503
        assert "promote" in answer.json()["error"]
    assert client.get("/model").json()["ready"] is False
    assert "promote" in client.get("/model").json()["message"]
    assert "promote" in client.get("/").text


def test_a_defect_is_told_without_its_entrails(empty_desk, make_client, monkeypatch):
    monkeypatch.setattr(empty_desk, "about", lambda: 1 / 0)
    answer = make_client(create_app(empty_desk)).get("/model")
    assert answer.status_code == 500
    assert "division" not in answer.text
