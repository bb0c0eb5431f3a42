import pandas as pd
import pytest

from alignment.handoff import in_order, kept_in_time, ledger, speed_to_lead, wilson
from history import History
from tests.conftest import at


def company(**tables):
    leads = pd.DataFrame({"lead_id": ["a", "b", "c"], "created_at": [at("01-01")] * 3})
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    return History.from_frames({"leads": leads, **frames}, observed_until=at("06-01"))


def mql(lead, when):
    return {"lead_id": lead, "occurred_at": at(when), "stage": "mql", "outcome_id": f"{lead}{when}"}


def test_the_clock_runs_from_the_hand_off_to_the_first_touch_by_sales():
    history = company(
        outcomes=[mql("a", "02-01"), mql("b", "02-01"), mql("c", "02-09 12:00")],
        engagements=[
            {
                "lead_id": "a",
                "occurred_at": at("01-20"),
                "kind": "call",
                "team": "sales",
                "engagement_id": "1",
            },
            {
                "lead_id": "a",
                "occurred_at": at("02-01 02:00"),
                "kind": "mail",
                "team": "marketing",
                "engagement_id": "2",
            },
            {
                "lead_id": "a",
                "occurred_at": at("02-01 06:00"),
                "kind": "call",
                "team": "sales",
                "engagement_id": "3",
            },
        ],
    )
    found = ledger(history, now=at("02-10"), hours=24).set_index("lead_id")
    assert found["hours"].to_dict() == {"a": 6.0, "b": 216.0, "c": 12.0}
    assert found["state"].to_dict() == {"a": "touched", "b": "waiting", "c": "waiting"}
    assert found["overdue"].to_dict() == {"a": False, "b": True, "c": False}
    assert kept_in_time(found.reset_index(), 24, at("02-10")) == 0.5


def test_a_recycled_lead_that_comes_back_crosses_anew():
    history = company(
        outcomes=[mql("a", "02-01"), mql("a", "03-01")],
        dispositions=[
            {
                "lead_id": "a",
                "occurred_at": at("02-03"),
                "action": "recycle",
                "reason": "bad_timing",
                "owner": "dana",
                "disposition_id": "1",
            },
            {
                "lead_id": "a",
                "occurred_at": at("03-02"),
                "action": "accept",
                "owner": "eli",
                "disposition_id": "2",
            },
        ],
    )
    found = ledger(history, now=at("04-01"), hours=24)
    assert found["state"].tolist() == ["recycled", "accepted"]
    assert found["owner"].tolist() == ["dana", "eli"]
    assert found["reason"].tolist() == ["bad_timing", ""]
    assert found["hours"].tolist() == [48.0, 24.0]


def test_what_was_logged_at_hand_off_stays_with_its_crossing():
    logged = pd.DataFrame(
        {
            "lead_id": ["a", "b"],
            "handed_at": pd.to_datetime([at("02-01 01:00"), at("02-02")]),
            "owner": ["dana", ""],
            "score": [91.0, 77.0],
            "grade": ["A", "B"],
            "probability": [0.4, 0.2],
            "reasons": ["[]", "[]"],
            "explored": [False, True],
        }
    )
    history = company(outcomes=[mql("a", "02-01"), mql("a", "03-01")])
    found = ledger(history, now=at("04-01"), hours=24, logged=logged)
    assert found["lead_id"].tolist() == ["a", "a", "b"]
    assert found["score"].tolist()[0] == 91.0
    assert pd.isna(found["score"].tolist()[1])
    assert found["handed_at"].tolist()[2] == at("02-02")
    logged_at = found["logged_at"].tolist()
    assert (logged_at[0], logged_at[2]) == (at("02-01 01:00"), at("02-02"))
    assert pd.isna(logged_at[1])
    assert found["state"].tolist() == ["superseded", "waiting", "waiting"]


def test_no_lead_ever_crossed():
    found = ledger(company(), now=at("04-01"), hours=24)
    assert found.empty
    assert {"due_at", "state", "overdue", "hours"} <= set(found)
    assert speed_to_lead(found, company(), until=at("05-01"))["leads"].sum() == 0


def test_the_ledger_agrees_with_the_company(small_company):
    history = small_company.history
    found = ledger(history, now=history.observed_until, hours=48)
    assert len(found) == (history.outcomes["stage"] == "mql").sum()
    accepted = (history.dispositions["action"] == "accept").sum()
    assert (found["state"] == "accepted").sum() == accepted
    assert (found["answer"] == "reject").sum() == (history.dispositions["action"] == "reject").sum()


def test_speed_to_lead_counts_each_mature_touched_crossing_once(small_company):
    history = small_company.history
    found = ledger(history, now=history.observed_until, hours=48)
    curve = speed_to_lead(found, history, until=history.observed_until, days=60)
    mature = found["handed_at"] + pd.Timedelta(days=60) <= history.observed_until
    assert curve["leads"].sum() == (mature & found["touched_at"].notna()).sum()
    shown = curve[curve["leads"] > 0]
    assert ((shown["low"] <= shown["share"]) & (shown["share"] <= shown["high"])).all()


def test_work_is_in_order_of_probability_and_the_holdout_in_order_of_arrival():
    ids = [f"L{n:03d}" for n in range(200)]
    waiting = pd.DataFrame(
        {
            "lead_id": ids,
            "probability": [n / 200 for n in range(200)],
            "handed_at": pd.date_range("2024-01-01", periods=200, tz="UTC"),
        }
    )
    assert in_order(waiting, 0)["lead_id"].tolist() == ids[::-1]
    mixed = in_order(waiting, 0.3)
    held = mixed[mixed["holdout"]]
    assert 30 < len(held) < 90
    assert held["handed_at"].is_monotonic_increasing
    assert mixed[~mixed["holdout"]]["probability"].is_monotonic_decreasing
    assert sorted(mixed["lead_id"]) == ids


def test_wilson_knows_the_textbook_value():
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
