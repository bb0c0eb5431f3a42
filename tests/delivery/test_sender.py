"""The failure matrix of the outbox: nothing lost, nothing sent again that the vendor confirmed."""

from __future__ import annotations

import random

import httpx
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery import Outbox, deliver
from delivery.sender import MOST_ATTEMPTS, back_off, retry_after
from history import open_store
from settings.crm import CrmSettings
from tests.delivery.crm_server import CrmServer

START = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> pd.Timestamp:
        return self.now


def payloads(count: int, score: float = 50.0) -> dict[str, dict[str, float]]:
    return {str(number): {"smarketing_score": score} for number in range(count)}


def send(outbox: Outbox, crm_server: CrmServer, clock: Clock | None = None):
    crm = CrmSettings(
        hubspot_url=crm_server.url,
        hubspot_token="token",
        odoo_url=f"{crm_server.url}/web/hook/secret",
        dynamics_url=crm_server.url,
        dynamics_token="token",
        salesforce_url=crm_server.url,
        salesforce_token="token",
    )
    with httpx.Client(timeout=0.3) as client:
        return deliver(outbox, crm, client, clock or Clock(), random.Random(1))


def until_quiet(outbox: Outbox, crm_server: CrmServer, clock: Clock | None = None) -> None:
    clock = clock or Clock()
    for _ in range(MOST_ATTEMPTS + 5):
        send(outbox, crm_server, clock)
        clock.now += pd.Timedelta(hours=2)
        if set(outbox.rows()["state"]) <= {"sent", "dead"}:
            return


def test_batches_are_as_large_as_the_vendor_allows(outbox, crm_server):
    outbox.put("hubspot", payloads(230))
    done = send(outbox, crm_server)
    assert (done.sent["hubspot"], done.calls["hubspot"]) == (230, 3)
    assert crm_server.sizes == [100, 100, 30]


def test_only_changed_scores_are_sent(outbox, crm_server):
    outbox.put("hubspot", payloads(3))
    send(outbox, crm_server)
    assert outbox.put("hubspot", payloads(3)) == 0
    assert outbox.put("hubspot", {**payloads(3), "1": {"smarketing_score": 51.0}}) == 1
    send(outbox, crm_server)
    assert crm_server.told == {"0": 1, "1": 2, "2": 1}


FAILURES = {
    "429 with Retry-After": ["429"],
    "500": ["500"],
    "503 twice": ["503", "503"],
    "token expired": ["401"],
    "timeout in the middle": ["hang"],
    "closed before reading": ["drop"],
    "answer lost": ["lost"],
    "everything in turn": ["429", "500", "hang", "drop", "lost"],
}


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce"])
@pytest.mark.parametrize("failure", FAILURES)
def test_after_every_failure_all_arrives_and_nothing_is_taken_twice(
    outbox, crm_server, failure, vendor
):
    crm_server.script.extend(FAILURES[failure])
    crm_server.headers = {"Retry-After": "7"} if "429" in failure else {}
    outbox.put(vendor, {**payloads(5), "003": {"smarketing_score": 1.5, "smarketing_reasons": ""}})
    until_quiet(outbox, crm_server)
    assert crm_server.accepted == dict.fromkeys(("0", "1", "2", "3", "4", "003"), 1)
    assert set(outbox.rows()["state"]) == {"sent"}


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(["ok", "429", "500", "drop", "lost", "partial"]), max_size=8),
    st.sampled_from(["hubspot", "salesforce"]),
)
def test_whatever_happens_nothing_is_lost_or_taken_twice(tmp_path_factory, steps, vendor):
    crm_server = CrmServer()
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('o')}/history.db")
    try:
        crm_server.script.extend(steps)
        outbox = Outbox(store.engine)
        outbox.put(vendor, payloads(220))
        until_quiet(outbox, crm_server)
        assert crm_server.accepted == {str(number): 1 for number in range(220)}
        assert set(outbox.rows()["state"]) == {"sent"}
    finally:
        crm_server.close()
        store.engine.dispose()


def test_nobody_is_asked_about_what_was_surely_not_taken(outbox, crm_server):
    crm_server.script.extend(["429", "401"])
    outbox.put("hubspot", payloads(5))
    until_quiet(outbox, crm_server)
    assert crm_server.asked == []
    assert crm_server.told == {str(number): 1 for number in range(5)}


def test_what_was_lost_before_it_was_surely_not_taken_is_asked_about(outbox, crm_server):
    """The second answer says nothing of the first try."""
    crm_server.script.extend(["lost", "429"])
    outbox.put("hubspot", payloads(5))
    until_quiet(outbox, crm_server)
    assert crm_server.accepted == {str(number): 1 for number in range(5)}


def test_who_may_not_be_asked_is_sent_the_same_again(outbox, crm_server):
    crm_server.script.extend(["lost", "404"])
    outbox.put("salesforce", payloads(5))
    until_quiet(outbox, crm_server)
    assert crm_server.accepted == {str(number): 2 for number in range(5)}
    assert set(outbox.rows()["state"]) == {"sent"}


def test_retry_after_is_honoured(outbox, crm_server):
    crm_server.script.append("429")
    crm_server.headers = {"Retry-After": "60"}
    outbox.put("hubspot", payloads(1))
    clock = Clock()
    send(outbox, crm_server, clock)
    clock.now += pd.Timedelta(seconds=59)
    assert not send(outbox, crm_server, clock).calls
    clock.now += pd.Timedelta(seconds=2)
    assert send(outbox, crm_server, clock).sent["hubspot"] == 1


def test_who_asks_for_patience_is_left_alone_with_everything(outbox, crm_server):
    """Neither the second batch nor a score that comes meanwhile is sent before that time."""
    crm_server.script.append("429")
    crm_server.headers = {"Retry-After": "60"}
    outbox.put("hubspot", payloads(150))
    clock = Clock()
    assert send(outbox, crm_server, clock).calls["hubspot"] == 1
    outbox.put("hubspot", {"new": {"smarketing_score": 1.0}, "3": {"smarketing_score": 2.0}})
    clock.now += pd.Timedelta(seconds=59)
    assert not send(outbox, crm_server, clock).calls
    clock.now += pd.Timedelta(seconds=2)
    assert send(outbox, crm_server, clock).sent["hubspot"] == 151


def test_a_vendor_may_be_away_for_half_a_day(outbox, crm_server):
    outbox.put("hubspot", payloads(150))
    clock, end = Clock(), START + pd.Timedelta(hours=12)
    while clock.now < end:
        crm_server.script.extend(["500"] * 3)
        send(outbox, crm_server, clock)
        clock.now += pd.Timedelta(minutes=5)
    assert set(outbox.rows()["state"]) == {"waiting"}
    assert len(crm_server.bodies) < 40
    crm_server.script.clear()
    until_quiet(outbox, crm_server, clock)
    assert crm_server.told == {str(number): 1 for number in range(150)}


def test_who_refuses_everything_is_not_asked_about_each_record(outbox, crm_server):
    """A property that was never made: not two calls a contact, and not all of them dead."""
    crm_server.bad = {str(number) for number in range(300)}
    outbox.put("hubspot", payloads(300))
    done = send(outbox, crm_server)
    assert done.calls["hubspot"] < 20
    assert done.dead["hubspot"] < 10
    waiting = outbox.rows().query("state == 'waiting' and problem != ''")["problem"]
    assert waiting.str.contains("all is refused, as with HTTP 400").all()
    crm_server.bad = set()
    outbox.replay("hubspot")
    until_quiet(outbox, crm_server)
    assert crm_server.told == {str(number): 1 for number in range(300)}


def test_a_score_that_comes_back_while_the_answer_is_lost_is_sent_again(outbox, crm_server):
    """The vendor may have the one between: what it had before says nothing any more."""
    clock = Clock()
    outbox.put("hubspot", payloads(1, 10.0))
    send(outbox, crm_server, clock)
    outbox.put("hubspot", payloads(1, 20.0))
    crm_server.script.append("lost")
    send(outbox, crm_server, clock)
    assert outbox.put("hubspot", payloads(1, 10.0)) == 1
    clock.now += pd.Timedelta(hours=1)
    send(outbox, crm_server, clock)
    scores = [body["inputs"][0]["properties"] for _, _, body, _ in crm_server.bodies]
    assert [each["smarketing_score"] for each in scores] == [10.0, 20.0, 10.0]


def test_what_was_refused_waits_for_a_replay_or_another_score(outbox, crm_server):
    crm_server.bad = {"0"}
    outbox.put("hubspot", payloads(1))
    send(outbox, crm_server)
    assert outbox.put("hubspot", payloads(1)) == 0
    assert outbox.rows()["state"].tolist() == ["dead"]
    assert outbox.put("hubspot", payloads(1, 60.0)) == 1


def test_a_replay_of_what_was_never_scored_is_scored_first(outbox):
    outbox.ask("odoo", {"7": {"lead_id": "7", "also": {"model": "crm.lead"}}})
    (item,) = outbox.claim(START, "to_score", 9)
    outbox.dead(item, "the history knows no lead '7'")
    assert outbox.replay() == 1
    assert outbox.rows()["state"].tolist() == ["to_score"]
    assert outbox.claim(START, "to_score", 9)[0].payload == item.payload


def test_a_process_that_is_killed_on_the_way_leaves_its_rows_to_the_next(outbox, crm_server):
    outbox.put("hubspot", payloads(3))
    outbox.claim(START, "waiting", 100, "hubspot")  # and no more was heard of it
    clock = Clock()
    assert not send(outbox, crm_server, clock).calls
    clock.now += pd.Timedelta(minutes=6)
    assert send(outbox, crm_server, clock).sent["hubspot"] == 3


def predictive(score: int) -> dict[str, dict[str, int]]:
    return {"guid": {"msdyn_score": score}}


def test_dynamics_takes_each_score_once_and_one_that_comes_back_too(outbox, crm_server):
    clock = Clock()
    for score, failure in ((50, "ok"), (60, "lost"), (50, "ok"), (60, "ok")):
        outbox.put("dynamics", predictive(score))
        crm_server.script.append(failure)
        for _ in range(3):
            send(outbox, crm_server, clock)
            clock.now += pd.Timedelta(hours=1)
    bodies = [body for _, _, body, _ in crm_server.bodies]
    assert [body["msdyn_score"] for body in bodies] == [50, 60, 60, 50, 60]
    ids = [body["msdyn_predictivescoreid"] for body in bodies]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 4


def test_retry_after_may_be_a_date():
    answer = httpx.Response(429, headers={"Retry-After": "Wed, 01 Jan 2025 00:01:30 GMT"})
    assert retry_after(answer, START) == 90.0
    assert retry_after(httpx.Response(429, headers={"Retry-After": "soon"}), START) is None


def test_back_off_grows_and_is_spread():
    chance = random.Random(7)
    assert [1 <= back_off(0, chance) <= 2, 64 <= back_off(6, chance) <= 128] == [True, True]
    assert back_off(30, chance) <= 3600
    assert len({back_off(3, chance) for _ in range(5)}) == 5


def test_partial_failures_bury_only_the_bad_and_replay_brings_them_back(outbox, crm_server):
    crm_server.script.append("partial")
    crm_server.bad = {"2"}
    outbox.put("hubspot", payloads(4))
    done = send(outbox, crm_server)
    assert (done.sent["hubspot"], done.dead["hubspot"]) == (3, 1)
    row = outbox.rows().set_index("record").loc["2"]
    assert (row["state"], row["problem"]) == ("dead", "wrong")
    crm_server.bad = set()
    assert outbox.replay() == 1
    send(outbox, crm_server)
    assert crm_server.told == {str(number): 1 for number in range(4)}


def test_one_bad_record_does_not_fail_its_batch(outbox, crm_server):
    crm_server.bad = {"77"}
    outbox.put("hubspot", payloads(100))
    done = send(outbox, crm_server)
    assert (done.sent["hubspot"], done.dead["hubspot"]) == (99, 1)
    assert max(crm_server.told.values()) == 1


def test_what_fails_for_ever_ends_among_the_dead(outbox, crm_server):
    crm_server.script.extend(["500"] * 100)
    outbox.put("odoo", {"7": {"model": "crm.lead", "x_smarketing_score": 1.0}})
    until_quiet(outbox, crm_server)
    assert outbox.rows()["state"].tolist() == ["dead"]
    assert len(crm_server.bodies) == MOST_ATTEMPTS


def test_a_score_that_changes_while_it_is_sent_is_sent_again(outbox, crm_server):
    outbox.put("hubspot", payloads(1, 10.0))
    claimed = outbox.claim(START, "waiting", 10)
    outbox.put("hubspot", payloads(1, 20.0))
    outbox.sent(claimed)
    assert outbox.rows()["state"].tolist() == ["waiting"]
    send(outbox, crm_server)
    assert crm_server.bodies[-1][2]["inputs"][0]["properties"] == {"smarketing_score": 20.0}


def test_two_senders_do_not_take_the_same_row(outbox):
    outbox.put("hubspot", payloads(5))
    assert len(outbox.claim(START, "waiting", 3)) == 3
    assert len(outbox.claim(START, "waiting", 5)) == 2
    assert outbox.claim(START, "waiting", 5) == []
    assert len(outbox.claim(START + pd.Timedelta(minutes=6), "waiting", 9)) == 5


def test_without_a_secret_everything_waits(outbox):
    outbox.put("hubspot", payloads(2))
    with httpx.Client() as client:
        done = deliver(outbox, CrmSettings(), client, Clock(), random.Random(1))
    assert done.problems == {"hubspot": "[crm] hubspot_token is not set"}
    assert set(outbox.rows()["state"]) == {"waiting"}
