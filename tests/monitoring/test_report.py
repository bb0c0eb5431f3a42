"""No alert on noise, and what is planted is named within three weeks."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from history import History, sample_company
from history.sample import planted
from monitoring import monitor

WEEK = pd.Timedelta(days=7)
PLANTED = [
    ("channel_dies", ("web",), "channel_silent", "web"),
    ("channel_dies", ("event",), "channel_silent", "event"),
    ("kind_dies", ("email_click",), "kind_silent", "email_click"),
    ("clock_moves", ("web",), "hours_moved", "web"),
    ("field_stops", ("job_level",), "field_missing", "leads.job_level"),
    ("fewer_wins", (), "win_rate_fell", "closed opportunities"),
    ("flood", ("paid_social",), "flood_of_poor_leads", "paid_social"),
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8])
def test_a_stable_year_raises_at_most_two_alarms(seed):
    history = sample_company(30_000, seed=seed, engagements_per_lead=4).history
    alarms = [
        (week, alert.code, alert.cause)
        for week in range(52)
        for alert in monitor(history, history.observed_until - week * WEEK).alerts
    ]
    assert len(alarms) <= 2, alarms


@pytest.mark.slow
@pytest.mark.parametrize("weeks_before_the_end", [16, 32])
@pytest.mark.parametrize(("change", "args", "code", "subject"), PLANTED)
def test_a_planted_change_is_named_within_three_weeks(
    big_company, change, args, code, subject, weeks_before_the_end
):
    history = big_company.history
    day = history.observed_until - weeks_before_the_end * WEEK
    spoilt = getattr(planted, change)(history, day, *args)
    named = [
        (alert.code, alert.subject)
        for week in (1, 2, 3)
        for alert in monitor(spoilt, day + week * WEEK).alerts
    ]
    assert (code, subject) in named
    others = {each for each in named if each != (code, subject)}
    # More leads of one source are more rows and, until its poverty shows, a flood.
    assert others <= {("source_flood", subject), ("volume_rose", "leads")}


def test_the_run_before_the_change_is_quiet_and_the_words_are_plain(big_company):
    history = big_company.history
    day = history.observed_until - 16 * WEEK
    spoilt = planted.field_stops(history, day, "job_level")
    assert monitor(spoilt, day).alerts == ()
    (alert,) = monitor(spoilt, day + WEEK).alerts
    assert alert.severity == "urgent"
    assert "leads.job_level was filled in 0% of" in alert.cause
    assert "import that fills leads.job_level" in alert.next_step


def test_a_kind_that_stops_is_named_and_a_channel_that_stops_is_told_once(big_company):
    history = big_company.history
    day = history.observed_until - 16 * WEEK
    (alert,) = monitor(planted.kind_dies(history, day, "email_click"), day + WEEK).alerts
    assert (alert.code, alert.subject, alert.severity) == ("kind_silent", "email_click", "urgent")
    assert alert.cause.startswith("email_click came ")
    assert "times in channel email in last week" in alert.cause
    (alert,) = monitor(planted.channel_dies(history, day, "web"), day + WEEK).alerts
    assert (alert.code, alert.subject) == ("channel_silent", "web")


def test_a_zone_that_is_left_out_is_named_and_summer_time_is_not(big_company):
    history = big_company.history
    day = history.observed_until - 16 * WEEK
    (alert,) = monitor(planted.clock_moves(history, day, "web"), day + WEEK).alerts
    assert (alert.code, alert.subject) == ("hours_moved", "web")
    assert "of channel web in last week were at the hours of day" in alert.cause
    assert "--timezone" in alert.next_step
    assert monitor(planted.clock_moves(history, day, "web", hours=1), day + WEEK).alerts == ()


def test_a_feed_that_stops_is_told_as_silence(big_company):
    history = big_company.history
    day = history.observed_until - 16 * WEEK
    rows = history.engagements
    stopped = replace(
        history, engagements=rows[(rows["recorded_at"] < day).to_numpy()].reset_index(drop=True)
    )
    told = {(each.code, each.subject) for each in monitor(stopped, day + WEEK).alerts}
    assert {("not_fresh", "engagements"), ("volume_fell", "engagements")} <= told


def test_a_short_history_is_not_judged():
    history = sample_company(300, seed=1, days=40).history
    report = monitor(history, history.observed_until)
    assert report.alerts == ()
    assert report.as_json()["judged"] is False


def test_an_empty_history_is_not_judged():
    history = History.from_frames({}, observed_until=pd.Timestamp("2024-01-01", tz="UTC"))
    assert monitor(history, history.observed_until).as_json()["judged"] is False


def test_what_is_recorded_later_changes_nothing(big_company):
    history = big_company.history
    then = history.observed_until - 20 * WEEK
    assert monitor(history, then) == monitor(history.known_before(then), then)


def test_thresholds_out_of_bounds_are_refused(small_company):
    until = small_company.history.observed_until
    with pytest.raises(ValueError, match="at least 8"):
        monitor(small_company.history, until, reference_weeks=3)


@pytest.fixture(scope="module")
def company() -> History:
    return sample_company(1500, seed=4, days=300, engagements_per_lead=10).history


def came_again(history: History, day: pd.Timestamp) -> History:
    """From a day on, every engagement comes twice, the second time under a new id."""
    rows = history.engagements
    again = rows[(rows["recorded_at"] >= day).to_numpy()]
    again = again.assign(engagement_id=again["engagement_id"].astype("str") + "-again")
    both = pd.concat([rows, again], ignore_index=True)
    frames = {**history.frames(), "engagements": both}
    return History.from_frames(frames, history.observed_until, history.current_only)


def test_rows_that_came_twice_under_new_ids_are_told_in_the_first_week(company):
    day = company.observed_until - 10 * WEEK
    spoilt = came_again(company, day)
    (told,) = [a for a in monitor(spoilt, day + WEEK).alerts if a.code == "rows_twice"]
    assert told.cause.startswith("100% of the ")
    assert told.cause.endswith("are there twice under different ids, before 0%.")
    assert "import that ran twice" in told.next_step
    assert "rows_twice" not in {alert.code for alert in monitor(company, day + WEEK).alerts}


def test_twins_by_chance_where_times_are_days_are_no_alarm(company):
    rows = company.engagements
    days = rows.assign(occurred_at=rows["occurred_at"].dt.floor("D"))
    frames = {**company.frames(), "engagements": days}
    coarse = History.from_frames(frames, company.observed_until, company.current_only)
    told = [
        alert.code
        for week in range(12)
        for alert in monitor(coarse, coarse.observed_until - week * WEEK).alerts
    ]
    assert "rows_twice" not in told
