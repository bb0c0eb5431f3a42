"""Wins within a team's capacity, against a walk through the weeks and against every plan."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.capacity import FORESIGHT, NEWEST, captured, weekly_wins


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
    ):
        found = (table.loc[name, "worked"], table.loc[name, "wins"])
        assert found == by_hand(strength, y, judged, per_week)
    assert table.loc[FORESIGHT, "wins"] >= by_hand(y, y, judged, per_week)[1]
    assert table.loc["clicks", "wins"] > table.loc[NEWEST, "wins"]
    assert (table["low"] <= table["wins"]).all()
    assert (table["wins"] <= table["high"]).all()
    assert (table["margin"] == table.loc["clicks", "wins"] - table["wins"]).all()
    assert (table["margin_low"] <= table["margin_high"]).all()
    assert tuple(table.loc["clicks", ["margin_low", "margin_high"]]) == (0.0, 0.0)


_rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()),
    min_size=1,
    max_size=7,
    unique_by=lambda row: row[:2],
)


@given(_rows, st.integers(1, 2))
def test_foresight_is_the_best_of_all_plans(rows, per_week):
    queue = pd.DataFrame(rows, columns=["week", "lead", "converted"]).sort_values(["week", "lead"])
    queue = queue.reset_index(drop=True).assign(
        lead_id=queue["lead"].to_numpy().astype(str), group=queue["lead"].to_numpy().astype(str)
    )
    best = 0
    for plan in product([False, True], repeat=len(queue)):
        chosen = queue[np.array(plan)]
        if chosen["lead_id"].is_unique and chosen["week"].value_counts().max() <= per_week:
            best = max(best, int(chosen["converted"].sum()))
    table = captured(
        queue, {"as they come": -np.arange(len(queue), dtype=float)}, per_week=per_week
    ).set_index("order")
    assert table.loc[FORESIGHT, "wins"] == best >= table.loc["as they come", "wins"]
