"""The policy says when training is worth its while, and what fires is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from monitoring import Alert, Promises, Reign, rule
from monitoring.retraining import newly_converted
from settings.monitoring import RetrainingSettings

T = pd.Timestamp("2025-01-01", tz="UTC")
DAY = pd.Timedelta(days=1)
POLICY = RetrainingSettings()
REIGN = Reign(3, T, T, 10)


def alert(code: str) -> Alert:
    return Alert(code, "urgent", "web", f"What {code} means.", "Do something.")


def promises(low: float, high: float) -> Promises:
    frame = pd.DataFrame()
    return Promises(90, 100, 50.0, 30.0, 0.6, (low, high), 2.0, (1.5, 2.5), frame, frame)


def ask(days: float, **more):
    policy, reign = more.pop("policy", POLICY), more.pop("reign", REIGN)
    return rule(policy, reign, T + days * DAY, **more)


def test_without_a_champion_the_first_model_is_trained():
    assert rule(POLICY, Reign(), T).rule == "first"


def test_when_nothing_fires_it_is_said_what_would():
    told = ask(40)
    assert (told.due, told.rule) == (False, "none")
    assert "on 2025-04-01 by schedule" in told.next
    assert "after 190 more converted leads" in told.next


def test_a_personal_field_waits_for_nothing_but_a_whole_history_and_a_newer_version():
    reign = replace(REIGN, personal=("leads.team", "leads.zip"))
    told = ask(1, reign=reign, promises=[promises(0.4, 0.9)], alerts=[alert("win_rate_fell")])
    assert told.words == "Version 3 uses leads.team, leads.zip, marked as personal since."
    assert not told.base_rate  # a shift of the champion would go on using them
    assert ask(1, reign=reign, alerts=[alert("not_fresh")]).rule == "wait"
    assert ask(1, reign=replace(reign, relearned=True)).rule == "wait"


@pytest.mark.parametrize(
    ("days", "more", "fired"),
    [
        (90, {}, "schedule"),
        (89.99, {}, "none"),
        (40, {"reign": replace(REIGN, converted=200)}, "conversions"),
        (40, {"reign": replace(REIGN, converted=199)}, "none"),
        (40, {"alerts": [alert("channel_silent")]}, "drift"),
        (40, {"alerts": [alert("acceptance_fell")]}, "none"),
        (40, {"promises": [promises(0.4, 0.9)]}, "promises"),
        (40, {"promises": [promises(1.1, 1.9)]}, "promises"),
        (40, {"promises": [promises(0.8, 1.2)]}, "none"),
        (40, {"promises": [promises(np.nan, np.nan)]}, "none"),
        (1, {"force": True}, "forced"),
        (1, {"reign": replace(REIGN, personal=("leads.team",))}, "personal"),
        (28, {"reign": replace(REIGN, personal=("leads.team",), relearned=True)}, "personal"),
    ],
)
def test_each_rule_fires_at_its_bound(days, more, fired):
    told = ask(days, **more)
    assert told.rule == fired
    assert told.due is (fired != "none")


def test_a_rule_that_is_switched_off_does_not_fire():
    off = RetrainingSettings(every_days=None, conversions=None, drift=False, promises=False)
    told = ask(
        1000,
        policy=off,
        reign=replace(REIGN, converted=10_000),
        alerts=[alert("channel_silent")],
        promises=[promises(0.1, 0.2)],
    )
    assert (told.rule, told.next) == ("none", "No rule is switched on.")


def test_two_trainings_lie_apart():
    tried = replace(REIGN, newest=T + 80 * DAY)
    told = ask(95, reign=tried)
    assert (told.due, told.rule) == (False, "wait")
    assert "15 days ago" in told.words
    assert ask(108, reign=tried).rule == "schedule"


def test_half_a_history_is_not_learned_from():
    told = ask(120, alerts=[alert("not_fresh")])
    assert (told.due, told.rule) == (False, "wait")
    assert "What not_fresh means." in told.words
    assert ask(120, alerts=[alert("not_fresh")], force=True).due


@pytest.mark.parametrize(
    ("days", "more", "alone"),
    [
        (40, {"alerts": [alert("win_rate_fell")]}, True),
        (40, {"promises": [promises(0.4, 0.9)]}, True),
        (40, {"alerts": [alert("win_rate_fell"), alert("channel_silent")]}, False),
        (90, {"alerts": [alert("win_rate_fell")]}, False),
        (40, {"promises": [promises(0.4, 0.9)], "alerts": [alert("source_flood")]}, False),
    ],
)
def test_a_base_rate_alone_is_told_apart(days, more, alone):
    assert ask(days, **more).base_rate is alone


def test_new_conversions_are_counted_as_by_hand(small_company):
    history = small_company.history
    since = history.observed_until - 120 * DAY
    found = newly_converted(history, since, ages=(1, 30), horizon=60, target="won")
    won = history.outcomes[(history.outcomes["stage"] == "won").to_numpy()]
    closed = history.outcomes[history.outcomes["stage"].isin(["lost", "disqualified", "won"])]
    counted = set()
    for lead in history.leads.itertuples():
        mine = won.loc[(won["lead_id"] == lead.lead_id).to_numpy(), "occurred_at"]
        for age in (1, 30):
            at = lead.created_at + age * DAY
            end = at + 60 * DAY
            if not since < end <= history.observed_until:
                continue
            stages = history.outcomes[
                (
                    (history.outcomes["lead_id"] == lead.lead_id)
                    & (history.outcomes["recorded_at"] < at)
                ).to_numpy()
            ].sort_values("occurred_at")
            shut = len(stages) and stages["stage"].iloc[-1] in ("lost", "disqualified", "won")
            if not shut and not (mine < at).any() and ((mine >= at) & (mine < end)).any():
                counted.add(lead.lead_id)
    assert len(closed)
    assert found == len(counted) > 0
