import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.qualification import drawn, grades_at, qualified, simulate, value_curve
from settings.agreement import AgreementSettings

tables = st.lists(
    st.lists(st.one_of(st.just(np.nan), st.floats(0, 1)), min_size=3, max_size=3),
    min_size=1,
    max_size=8,
).map(np.array)


def by_hand(p, cut, capacity, win_value, cost):
    """Walk week by week: a lead crosses once, the first time it reaches the cut."""
    crossed = []
    for lead in p:
        for chance in lead:
            if not np.isnan(chance) and chance >= cut:
                crossed.append(chance)
                break
    weeks = p.shape[1]
    share = min(1.0, capacity * weeks / len(crossed)) if crossed else 0.0
    return sum(share * (chance * win_value - cost) for chance in crossed) / weeks


@given(tables, st.floats(0.1, 3), st.floats(0, 5))
def test_the_cut_is_the_best_of_all_cuts(p, capacity, cost):
    curve = value_curve(p, capacity=capacity, win_value=10.0, lead_cost=cost)
    values = [by_hand(p, cut, capacity, 10.0, cost) for cut in curve.frame["cut"]]
    assert curve.frame["value"].tolist() == pytest.approx(values, abs=1e-9)
    assert by_hand(p, curve.best, capacity, 10.0, cost) == pytest.approx(max(values), abs=1e-9)


def test_with_room_for_all_everybody_worth_the_cost_crosses():
    p = np.array([[0.05], [0.2], [0.5]])
    assert value_curve(p, capacity=10, win_value=100, lead_cost=0).best == 0.05
    assert value_curve(p, capacity=10, win_value=100, lead_cost=10).best == 0.2


def test_with_little_room_only_the_best_cross_and_other_cuts_cost():
    p = np.linspace(0.01, 0.99, 99)[:, None]
    curve = value_curve(p, capacity=10, win_value=1000, cuts=p[:, 0])
    assert curve.best == pytest.approx(0.90)
    assert curve.at(0.5)["loss"] == pytest.approx(10 * (945 - 745))
    assert (curve.frame["loss"] >= 0).all()


def test_no_week_or_no_capacity_is_refused():
    with pytest.raises(ValueError, match="at least one week"):
        value_curve(np.zeros((2, 0)), capacity=1, win_value=1)
    with pytest.raises(ValueError, match="capacity"):
        value_curve(np.zeros((2, 1)), capacity=0, win_value=1)


def test_nobody_to_qualify_is_no_failure():
    curve = value_curve(np.zeros((0, 13)), capacity=5, win_value=1)
    assert curve.at(0.5)["crossed"] == 0


def leads(**more):
    frame = pd.DataFrame(
        {"lead_id": ["a", "b", "c"], "probability": [0.5, 0.1, 0.6], "engagements": [3, 3, 0]}
    )
    return frame.assign(**more)


def test_rules_say_why_a_lead_does_not_cross():
    terms = AgreementSettings(least_engagements=1, excluded=("source=list",))
    found = qualified(leads(source=["list", "web", "web"]), terms, 0.2)
    assert found["qualified"].tolist() == [False, False, False]
    assert found["because"].tolist() == [
        "source is list",
        "probability below 20.0%",
        "fewer than 1 engagements in 30 days",
    ]


def test_a_rule_about_an_unknown_field_excludes_nobody():
    terms = AgreementSettings(excluded=("colour=red",))
    assert qualified(leads(), terms, 0.2)["qualified"].tolist() == [True, False, True]


def test_exploration_is_off_by_default_and_never_overrules_fit():
    many = pd.DataFrame({"lead_id": [f"L{n}" for n in range(2000)]})
    many = many.assign(probability=0.0, engagements=1, source=["list", "web"] * 1000)
    assert not qualified(many, AgreementSettings(), 0.5)["qualified"].any()
    terms = AgreementSettings(exploration_share=0.1, excluded=("source=list",))
    found = qualified(many, terms, 0.5)
    assert not found["qualified"][many["source"] == "list"].any()
    assert 60 < found["qualified"].sum() < 140
    assert (found["explored"] == found["qualified"]).all()


def test_the_draw_stands_still():
    ids = pd.Series(["a", "b", "c", "d"] * 50)
    one, again = drawn(ids, 0.5, "x"), drawn(ids, 0.5, "x")
    assert (one == again).all()
    assert (one != drawn(ids, 0.5, "y")).any()


def test_grades_fall_and_b_begins_at_the_cut():
    p = np.linspace(0.001, 1, 1000)[:, None]
    curve = value_curve(p, capacity=100, win_value=1000)
    grades = grades_at(curve, curve.best)
    assert grades.a > grades.b > grades.c
    assert grades.b == curve.best == pytest.approx(0.9, abs=0.015)
    assert grades.a == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.97, 1.0])
def test_grades_follow_any_agreed_cut(cut):
    p = np.linspace(0.001, 1, 1000)[:, None]
    grades = grades_at(value_curve(p, capacity=100, win_value=1000), cut)
    assert grades.b == cut
    assert grades.a >= cut >= grades.c


def test_a_change_is_replayed_with_what_really_came():
    p = np.array([[0.1, 0.5], [0.4, 0.4], [0.05, 0.06]])
    won = np.array([True, False, True])
    found = simulate(p, won, {"now": 0.3, "new": 0.0}, capacity=1).set_index("name")
    assert found.loc["now", ["crossed", "worked", "wins_since"]].tolist() == [2, 2, 1]
    assert found.loc["new", ["crossed", "worked"]].tolist() == [3, 2]
    assert found.loc["new", "wins_since"] == pytest.approx(4 / 3)
