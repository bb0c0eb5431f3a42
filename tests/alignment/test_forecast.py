import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.forecast import forecast_wins, poisson_binomial, until_days

chances = st.lists(st.floats(0, 1), max_size=9)


@given(chances)
def test_the_distribution_is_the_sum_over_all_outcomes(p):
    expected = np.zeros(len(p) + 1)
    for outcome in itertools.product([0, 1], repeat=len(p)):
        weight = np.prod([a if hit else 1 - a for a, hit in zip(p, outcome, strict=True)])
        expected[sum(outcome)] += weight
    assert poisson_binomial(np.array(p)) == pytest.approx(expected, abs=1e-12)


def test_many_leads_keep_the_mean_and_the_spread():
    p = np.random.default_rng(1).beta(1, 8, 20_000)
    found = poisson_binomial(p)
    places = np.arange(len(found))
    assert found.sum() == pytest.approx(1, abs=1e-9)
    assert places @ found == pytest.approx(p.sum(), rel=1e-9)
    assert ((places - p.sum()) ** 2) @ found == pytest.approx((p * (1 - p)).sum(), rel=1e-6)


def test_the_distribution_of_many_is_that_of_one_lead_after_the_other():
    p, expected = np.random.default_rng(2).beta(1, 8, 1_500), np.ones(1)
    for each in p:
        expected = np.convolve(expected, [1 - each, each])
    assert poisson_binomial(p) == pytest.approx(expected, abs=1e-12)


def test_a_forecast_holds_what_is_won_already():
    found = forecast_wins(np.full(100, 0.5), won=10, target=60)
    assert (found.total, found.low, found.high) == (60.0, 52, 68)
    assert found.chance == pytest.approx(0.5398, abs=1e-3)


def test_a_target_that_is_reached_is_certain_and_no_lead_is_no_hope():
    assert forecast_wins(np.array([0.1]), won=3, target=3).chance == 1.0
    nothing = forecast_wins(np.array([]), won=1, target=3)
    assert (nothing.low, nothing.high, nothing.chance) == (1, 1, 0.0)


def test_a_number_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        poisson_binomial(np.array([0.5, np.nan]))


def test_between_horizons_a_straight_line_is_drawn():
    p = np.array([[0.2, 0.4]])
    found = [float(until_days((30, 60), p, days)[0]) for days in (0, 15, 30, 45, 60, 400)]
    assert found == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4])
