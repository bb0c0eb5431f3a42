import re
import threading
from functools import partial

import pandas as pd
import pytest

from history.assignments import assignments
from history.teamwork import agree, agreements, handoffs
from serving.pages import views
from serving.prepared import Prepared
from serving.shelf import Worker

PAGES = ["/", "/pages/drivers", "/pages/funnel", "/pages/goals", "/pages/model", "/pages/health"]
NEW = {"lead_id": "a/b?c", "created_at": "2025-06-01T00:00:00Z", "source": "<b>list</b>"}
MQL = {"lead_id": "a/b?c", "occurred_at": "2025-12-01T00:00:00Z", "stage": "mql"}


def waiting(client):
    return client.get("/queue?show=today&limit=1").json()["leads"][0]


def form(**fields):
    return {"data": fields}


@pytest.fixture
def one(fresh):
    fresh.post("/leads", json=[NEW])
    fresh.post("/outcomes", json=[MQL])
    return fresh


def test_the_first_page_lists_the_best_leads_with_reasons(client):
    page = client.get("/").text
    best = waiting(client)
    assert best["lead_id"] in page
    assert best["reasons"][0]["label"][1:] in page
    assert "points" in page
    assert f'href="/pages/lead/{best["lead_id"]}"' in page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_needs_nothing_from_elsewhere(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    fetched = re.findall(r'(?:src|href|url)(?:="|\()([^")]+)', answer.text)
    assert [each for each in fetched if each.startswith(("http:", "https:", "//"))] == []
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_without_any_lead_says_what_to_do(fresh, path):
    answer = fresh.get(path)
    assert answer.status_code == 200
    assert "smarketing ingest" in answer.text


@pytest.mark.parametrize("path", [*PAGES, "/pages/lead/a%2Fb%3Fc"])
def test_one_lead_is_enough_for_every_page(one, path):
    answer = one.get(path)
    assert answer.status_code == 200
    assert "<b>list" not in answer.text


def test_what_callers_send_is_escaped(fresh):
    lead = {"lead_id": "<script>alert(1)</script>", "created_at": "2025-06-01T00:00:00Z"}
    assert fresh.post("/leads", json=[lead]).json()["accepted"] == 1
    page = fresh.get("/?show=all").text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_an_unknown_lead_is_not_found(client):
    answer = client.get("/pages/lead/nobody")
    assert answer.status_code == 404
    assert "knows no lead" in answer.text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/?page=x", "page: expected a whole number"),
        ("/?show=none", "show: expected one of"),
        ("/pages/funnel?by=colour", "by: expected one of"),
        ("/pages/goals?cut=much", "cut: expected percent"),
        ("/pages/goals?cut=101", "0 to 100"),
    ],
)
def test_a_wrong_question_is_told(client, path, says):
    answer = client.get(path)
    assert answer.status_code == 422
    assert says in answer.text


def test_the_queue_is_paged_and_filtered(client):
    whole = client.get("/queue?limit=1000").json()
    second = client.get("/queue?limit=5&page=2").json()
    assert [each["lead_id"] for each in second["leads"]] == [
        each["lead_id"] for each in whole["leads"][5:10]
    ]
    assert second["pages"] == -(-whole["total"] // 5)
    source = whole["leads"][0]["source"]
    mine = client.get(f"/queue?limit=1000&source={source}").json()
    assert mine["total"] == sum(each["source"] == source for each in whole["leads"])


def test_a_lead_is_accepted_and_the_second_is_told(one):
    path = "/pages/lead/a%2Fb%3Fc/disposition"
    done = one.post(path, **form(verdict="accept", seen="0", owner="dana"))
    assert (done.status_code, "is accepted" in done.text) == (200, True)
    late = one.post(path, **form(verdict="refuse", reason="wrong_fit", seen="0"))
    assert late.status_code == 409
    assert "was accepted by dana" in late.text
    assert one.get("/queue?show=today").json()["total"] == 0


def test_the_api_tells_the_second_too(one):
    row = {"lead_id": "a/b?c", "action": "reject", "reason": "wrong_fit", "owner": "eli", "seen": 0}
    assert one.post("/dispositions", json=[row]).json()["accepted"] == 1
    late = one.post("/dispositions", json={"dispositions": [row]})
    assert late.status_code == 409
    assert "rejected by eli" in late.json()["error"]
    stages = [
        each.get("stage") for each in one.get("/leads/a/b?c".replace("?", "%3F")).json()["timeline"]
    ]
    assert "disqualified" in stages


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"action": "reject"}, "reason: expected one of"),
        ({"action": "reject", "reason": "bad_timing"}, "goes with recycle"),
        ({"action": "accept", "seen": -1}, "seen"),
        ({"action": "accept", "seen": True}, "seen"),
        ({"action": "accept", "lead_id": "nobody"}, "knows no lead"),
    ],
)
def test_a_decision_that_does_not_go_is_refused(one, row, says):
    answer = one.post("/dispositions", json=[{"lead_id": "a/b?c", "seen": 0} | row])
    assert answer.status_code == 422
    assert says in answer.json()["error"]


def test_a_lead_is_sent_back_only_with_a_reason(one):
    path = "/pages/lead/a%2Fb%3Fc/disposition"
    answer = one.post(path, **form(verdict="refuse", reason="", seen="0"))
    assert answer.status_code == 422
    assert "choose a reason" in answer.text
    assert one.post(path, **form(verdict="accept")).status_code == 422


def test_the_agreement_is_changed_with_who_and_why(one, empty_desk):
    fields = {"seen": "0", "target_wins": "12", "mql_to_sal": "55", "least_probability": "0"}
    assert one.post("/pages/goals", **form(**fields, who="ann", why="")).status_code == 422
    done = one.post("/pages/goals", **form(**fields, who="ann", why="a new year"))
    assert done.status_code == 200
    assert "Version 1" in done.text
    late = one.post("/pages/goals", **form(**fields, who="bob", why="me too"))
    assert late.status_code == 409
    bad = one.post("/pages/goals", **form(seen="1", target_wins="many", who="a", why="b"))
    assert (bad.status_code, "expected a number" in bad.text) == (422, True)
    kept = agreements(empty_desk.store)
    assert [(each["who"], each["content"]["mql_to_sal"]) for each in kept] == [("ann", 0.55)]
    assert one.get("/goals").json()["agreement"]["target_wins"] == 12


def test_leads_cross_in_the_name_of_an_agreement_only(fresh, empty_desk):
    fresh.post("/leads", json=[NEW])
    fresh.get("/")
    assert handoffs(empty_desk.store).empty
    terms = {"seen": "0", "least_probability": "0", "who": "ann", "why": "try"}
    assert fresh.post("/pages/goals", **form(**terms)).status_code == 200
    assert handoffs(empty_desk.store)["lead_id"].tolist() == ["a/b?c"]
    fresh.get("/")
    empty_desk.ranking.forget()
    fresh.get("/")
    assert len(handoffs(empty_desk.store)) == 1


def test_what_is_agreed_grades_every_answer(one, empty_desk):
    def graded():
        scored = one.post("/score", json={"leads": [{"lead_id": "a/b?c"}]}).json()["scores"][0]
        return scored["grade"], one.get("/queue?limit=1").json()["leads"][0]["grade"]

    assert graded()[0] == graded()[1]
    chance = one.get("/queue?limit=1").json()["leads"][0]["probability"]
    for seen, cut, expected in ((0, 0.0, {"A", "B"}), (1, chance + 0.01, {"C", "D"})):
        terms = {"seen": str(seen), "least_probability": f"{100 * cut}", "who": "a", "why": "b"}
        assert one.post("/pages/goals", **form(**terms)).status_code == 200
        assert set(graded()) <= expected
        assert len(set(graded())) == 1
        kept = agreements(empty_desk.store)[-1]["content"]
        assert kept["grades"]["b"] == kept["least_probability"] == pytest.approx(cut)


def test_leads_are_given_to_owners_once_and_say_why(one, empty_desk):
    terms = {"seen": "0", "least_probability": "0", "who": "ann", "why": "to share the work"}
    bad = one.post("/pages/goals", **form(**terms, owners="ann twelve"))
    assert (bad.status_code, "ann, 12, software" in bad.text) == (422, True)
    assert one.post("/pages/goals", **form(**terms, owners="ann, 5")).status_code == 200
    lead = waiting(one)
    assert (lead["owner"], lead["routed"]) == ("ann", "takes every segment, 0 of 5 given this week")
    assert "for ann (takes every segment, 0 of 5 given this week)" in one.get("/").text
    assert one.get("/queue?show=today&owner=ann").json()["total"] == 1
    assert one.get("/queue?show=today&owner=bob").json()["total"] == 0
    again = {**terms, "seen": "1", "owners": "bob, 5"}
    assert one.post("/pages/goals", **form(**again)).status_code == 200
    assert waiting(one)["owner"] == "ann"
    assert assignments(empty_desk.store)["owner"].tolist() == ["ann"]
    empty_desk.store.erase("a/b?c")
    assert assignments(empty_desk.store).empty


def test_the_browser_remembers_which_owner_looks(one):
    terms = {"seen": "0", "least_probability": "0", "who": "a", "why": "b"}
    assert one.post("/pages/goals", **form(**terms)).status_code == 200
    told = one.get("/?owner=z%C3%B6e&me=1")
    assert "Mine, z\u00f6e <span>0</span>" in told.text
    cookie = told.headers["set-cookie"]
    assert "HttpOnly" in cookie
    page = one.call("GET", "/", headers={"cookie": cookie.partition(";")[0]}).text
    assert "Mine, z\u00f6e" in page
    assert 'name="owner" value="z\u00f6e"' in page


def test_goals_say_what_is_missing_until_the_worth_of_the_scores_can_be_told(one):
    assert "no leads are drawn at random" in one.get("/pages/goals").text
    terms = {"seen": "0", "holdout_share": "20", "exploration_share": "5", "who": "a", "why": "b"}
    page = one.post("/pages/goals", **form(**terms))
    assert "Does the order by score win more?" in page.text
    assert "had the time to convert yet" in page.text
    found = one.get("/goals").json()["lift"]
    assert [each["told"] for each in found] == [False, False]
    assert found[0]["other"]["name"] == "in order of arrival"


def test_an_agreement_made_elsewhere_grades_within_seconds(one, empty_desk):
    terms = {"grades": {"a": 0.0, "b": 0.0, "c": 0.0}}
    agree(empty_desk.store, terms, who="a", why="b", seen=0, now=empty_desk.now())
    empty_desk.look()
    scored = one.post("/score", json={"leads": [{"lead_id": "a/b?c"}]}).json()["scores"][0]
    assert scored["grade"] == "A"


def test_what_the_pages_show_is_there_as_json(client, small_company):
    goals = client.get("/goals").json()
    assert goals["forecast"]["open_leads"] == client.get("/queue?limit=1").json()["open_leads"]
    best = max(goals["qualification"]["curve"], key=lambda row: row["value"])
    assert goals["qualification"]["solved"] == best["cut"]
    funnel = client.get("/funnel?by=segment").json()
    assert sum(row["leads"] for row in funnel["values"]) == funnel["stages"][0]["leads"]
    whole = client.get("/importance").json()
    assert sum(each["share"] for each in whole["features"]) == pytest.approx(1)
    part = client.get("/importance?focus=source=referral").json()
    assert 0 < part["leads"] < whole["leads"]


def test_without_history_every_json_says_so(fresh):
    for path in ("/queue", "/importance", "/funnel", "/goals", "/monitor"):
        answer = fresh.get(path)
        assert answer.status_code == 200
        assert "no leads yet" in answer.json()["message"]


def test_without_history_a_page_tells_the_way(fresh):
    page = fresh.get("/").text
    assert "Nothing to show yet" in page
    steps = re.findall(r"<li><code>(.+?)</code>", page)
    assert steps == ["smarketing ingest SOURCE", "smarketing train", "smarketing promote"]
    assert 'href="/pages/health"' in page
    assert "`" not in page


def test_a_lead_page_tells_both_teams_touches_and_why_the_score_moved(client):
    best = client.get("/queue?limit=1").json()["leads"][0]["lead_id"]
    page = client.get(f"/pages/lead/{best}").text
    assert "team-marketing" in page
    assert "How the score moved, and why" in page
    assert pd.Timestamp(re.findall(r'datetime="([^"]+)"', page)[0]).tzinfo is not None


def test_a_lead_says_what_moved_it_and_what_to_expect(client):
    best = client.get("/queue?limit=1").json()["leads"][0]["lead_id"]
    told = client.get(f"/leads/{best}").json()["outlook"]
    parts = told["behaviour"] + told["ageing"] + told["model"]
    assert told["after"] - told["before"] == pytest.approx(parts)
    assert pd.Timestamp(told["expected_at"]) > pd.Timestamp(told["since"])
    assert [each["floor"] for each in told["cold"]] == ["the cut"]
    page = client.get(f"/pages/lead/{best}").text
    assert told["message"] in page.replace("&#39;", "'")
    assert "If it converts, expect it by" in page
    assert "If it stays silent, below the cut" in page


def test_a_closed_lead_has_no_outlook(client, small_company):
    outcomes = small_company.history.outcomes
    lost = outcomes.loc[outcomes["stage"] == "lost", "lead_id"].iloc[-1]
    assert client.get(f"/leads/{lost}").json()["outlook"] is None
    assert "expect it by" not in client.get(f"/pages/lead/{lost}").text


def test_pages_are_made_before_somebody_asks(desk, monkeypatch):
    worker, done = Worker("a test"), threading.Event()
    prepared = Prepared(worker, partial(views.looked_at_first, desk))
    prepared.prepare(desk.situation())
    worker.do("the end", done.set)
    assert done.wait(60)
    monkeypatch.setattr(desk, "prepared", prepared)
    monkeypatch.setattr(desk, "patience_s", 0.0)
    for name in ("goals", "drivers", "funnel", "model"):
        assert views.PAGES[f"/pages/{name}"](desk, {}).startswith("<!doctype html>")


def test_a_page_that_is_being_made_says_so_and_looks_again(desk, client, monkeypatch):
    may = threading.Event()
    worker = Worker("a test")
    worker.do("something before it", lambda: may.wait(30))
    monkeypatch.setattr(desk, "prepared", Prepared(worker))
    monkeypatch.setattr(desk, "patience_s", 0.0)
    monkeypatch.setattr(desk, "api_patience_s", 0.0)
    monkeypatch.setattr(desk, "view_patience_s", 0.0)
    desk.situation(30.0)
    shown, told = client.get("/pages/funnel?by=owner"), client.get("/funnel?by=owner")
    assert (shown.status_code, shown.headers["Refresh"]) == (200, "3")
    assert "The page Funnel is being made for the first time." in shown.text
    assert told.status_code == 503
    assert int(told.headers["Retry-After"]) > 0
    may.set()
    monkeypatch.setattr(desk, "patience_s", 30.0)
    monkeypatch.setattr(desk, "api_patience_s", 30.0)
    monkeypatch.setattr(desk, "view_patience_s", 30.0)
    assert "By owner" in client.get("/pages/funnel?by=owner").text
    assert client.get("/funnel?by=owner").json()["by"] == "owner"


def test_spend_is_written_down_with_its_history(one):
    touch = {"lead_id": "a/b?c", "occurred_at": "2025-06-02T00:00:00Z", "kind": "visit"}
    one.post("/engagements", json=[{**touch, "campaign": "spring"}])
    told = {"campaign": "spring", "day": "2025-06-01", "amount": "4,000", "who": "ben"}
    assert "4,000.00 on spring" in one.post("/pages/funnel/spend", **form(**told)).text
    bad = one.post("/pages/funnel/spend", **form(**{**told, "amount": "much"}))
    assert (bad.status_code, "amount" in bad.text) == (422, True)
    rows = [
        {"campaign": "spring", "day": day, "amount": 50.0} for day in ("2025-06-01", "2025-07-01")
    ]
    counts = one.post("/spend", json={"spend": rows}).json()
    assert (counts["accepted"], counts["updated"]) == (1, 1)
    assert one.post("/spend", json={"spend": rows}).json()["duplicate"] == 2
    assert one.post("/spend", json={"spend": [{**rows[0], "day": "soon"}]}).status_code == 422
    one.post("/pages/funnel/spend", **form(**{**told, "campaign": "autumn"}))
    found = one.get("/funnel").json()
    spend = {row["campaign"]: row["spend"] for row in found["campaigns"]}
    assert spend["spring"] == 100.0
    counted = [(row["amount"], row["counts"]) for row in found["spend"][1:]]
    assert counted == [(50.0, True), (50.0, True), (4000.0, False)]
    assert "corrected since" in one.get("/pages/funnel").text
