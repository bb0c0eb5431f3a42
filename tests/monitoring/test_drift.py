"""Features are compared bin by bin; chance is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring import feature_drift
from monitoring.drift import Calendar, _within_channels, volumes


def frames(seed, rows):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {f"f{i}": rng.normal(size=rows) for i in range(30)}
        | {
            "source": rng.choice(list("abc"), rows),
            "sparse": np.where(rng.random(rows) < 0.5, np.nan, 1.0),
        }
    )


def test_equal_laws_do_not_drift():
    for seed in range(20):
        assert not feature_drift(frames(seed, 800), frames(seed + 100, 120))["moved"].any()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("f3", lambda values: values + 1.0),
        ("source", lambda values: values.where(values != "a", "unheard of")),
        ("sparse", lambda values: values * np.nan),
    ],
)
def test_what_moved_is_named_first(name, change):
    current = frames(2, 500)
    current[name] = change(current[name])
    told = feature_drift(frames(1, 800), current)
    assert told["feature"][0] == name
    assert told["moved"].sum() == 1


def test_weeks_end_at_the_cutoff_which_is_exclusive():
    end = pd.Timestamp("2024-03-01", tz="UTC")
    times = pd.Series(
        [end, end - pd.Timedelta("1us"), end - pd.Timedelta(days=7), end - pd.Timedelta(days=15)]
    )
    assert Calendar(end, 2).week_of(times).tolist() == [-1, 1, 1, -1]


def touched(channels, kinds, hours, weeks=30, a_week=20):
    """Return engagements of a steady company: `a_week` rows a week of each kind in its channel."""
    end = pd.Timestamp("2024-03-04", tz="UTC")
    day = end - pd.Timedelta(days=7 * weeks)
    rows = [
        (
            channel,
            kind,
            day + pd.Timedelta(days=7 * week + 1 + row % 5, hours=hours[row % len(hours)]),
        )
        for channel, kind in zip(channels, kinds, strict=True)
        for week in range(weeks)
        for row in range(a_week)
    ]
    return pd.DataFrame(rows, columns=["channel", "kind", "occurred_at"]), Calendar(end, weeks)


def within(rows, calendar):
    return list(_within_channels(rows, calendar.week_of(rows["occurred_at"]), calendar))


def test_a_kind_is_a_share_of_its_channel_and_the_only_one_of_a_channel_is_none():
    rows, calendar = touched(["email", "email", "phone"], ["open", "click", "call"], [9])
    kinds = [each for each in within(rows, calendar) if each.kind == "kind"]
    assert {(each.whole, each.subject) for each in kinds} == {("email", "open"), ("email", "click")}
    assert all((each.hits == 20).all() and (each.trials == 40).all() for each in kinds)


def test_rows_without_a_channel_are_judged_among_themselves():
    rows, calendar = touched(["email", None, None], ["open", "open", "note"], [9])
    kinds = [each for each in within(rows, calendar) if each.kind == "kind"]
    assert {(each.whole, each.subject) for each in kinds} == {("", "open"), ("", "note")}


def hours_of(rows, calendar):
    return [each for each in within(rows, calendar) if each.kind == "hours"]


def test_an_hour_on_either_side_is_usual_also_across_midnight():
    rows, calendar = touched(["email"], ["open"], [23])
    week = calendar.week_of(rows["occurred_at"])
    for later, usual in ((-1, True), (1, True), (2, False), (8, False)):
        moved = rows.copy()
        moved.loc[week >= 27, "occurred_at"] += pd.Timedelta(hours=later)
        (hours,) = hours_of(moved, calendar)
        assert (hours.hits[:26] == hours.trials[:26]).all()
        assert (hours.hits[28:] == (hours.trials[28:] if usual else 0)).all(), later


def test_hours_are_told_of_channels_that_have_some_and_rows_enough_to_know_them():
    assert hours_of(*touched(["email"], ["open"], range(24), a_week=24)) == []
    assert hours_of(*touched(["email"], ["open"], [9], a_week=7)) == []


def test_every_row_of_a_week_is_counted_once(small_company):
    history = small_company.history
    counted = volumes(history, Calendar(history.observed_until, 200))
    assert counted["engagements"].sum() == len(history.engagements)
    assert counted["leads"].sum() == len(history.leads)
