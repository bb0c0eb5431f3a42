import numpy as np
import pytest

from models.capacity import FORESIGHT, NEWEST, weekly_wins


@pytest.fixture
def judged(training_set):
    return training_set.take(training_set.labels[90].notna().to_numpy())


def by_hand(strength, y, judged, per_week):
    """Walk through the weeks one lead at a time."""
    as_of, leads = judged.snapshots["as_of"], judged.snapshots["lead_id"]
    week = ((as_of - as_of.min()).dt.days // 7).to_numpy()
    worked, wins = set(), 0
    for each in sorted(set(week)):
        newest = {}
        for row in np.flatnonzero(week == each):
            if leads[row] not in newest or as_of[row] > as_of[newest[leads[row]]]:
                newest[leads[row]] = row
        ranked = sorted(newest.values(), key=lambda row: (-strength[row], row))
        for row in [r for r in ranked if leads[r] not in worked][:per_week]:
            worked.add(leads[row])
            wins += y[row]
    return len(worked), wins


def test_wins_are_those_of_a_walk_through_the_weeks(judged):
    y = judged.labels[90].to_numpy(dtype=float)
    forecast = judged.values["clicks_30d"].to_numpy()
    table = weekly_wins({"clicks": forecast}, y, judged, capacity=0.2).set_index("order")
    per_week = int(table.loc["clicks", "per_week"])
    for name, strength in (
        ("clicks", forecast),
        (NEWEST, -judged.snapshots["age_days"].to_numpy()),
        (FORESIGHT, y),
    ):
        found = (table.loc[name, "worked"], table.loc[name, "wins"])
        assert found == by_hand(strength, y, judged, per_week)
    assert table["wins"].idxmax() == FORESIGHT
    assert table.loc["clicks", "wins"] > table.loc[NEWEST, "wins"]
    assert (table["low"] <= table["wins"]).all()
    assert (table["wins"] <= table["high"]).all()
