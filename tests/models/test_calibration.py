import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from models.calibration import (
    FITTERS,
    Platt,
    calibrator_from_state,
    choose_calibration,
    fit_beta,
    fit_isotonic,
    fit_moving,
    fit_platt,
    fit_venn_abers,
)


def drawn(slope, intercept, size=20_000):
    rng = np.random.default_rng(5)
    log_odds = rng.normal(-1, 1.5, size)
    return log_odds, (rng.random(size) < expit(slope * log_odds + intercept)).astype(float)


def test_recovers_a_known_distortion():
    found = fit_platt(*drawn(0.5, 0.8))
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.intercept == pytest.approx(0.8, abs=0.06)


def test_moves_the_base_rate_alone_when_asked():
    log_odds, labels = drawn(1.0, -1.0)
    found = fit_platt(log_odds, labels, slope_sd=0.0)
    assert found.slope == 1.0
    assert expit(found.calibrate(log_odds)).mean() == pytest.approx(labels.mean(), abs=1e-4)


def test_of_a_moving_company_the_slope_is_learned_and_a_quarter_of_the_level():
    log_odds, labels = drawn(1.5, -1.0)
    line, whole = fit_moving(log_odds, labels), fit_platt(log_odds, labels)
    promised = expit(log_odds).sum()
    between = promised + 0.25 * (labels.sum() - promised)
    assert expit(line.calibrate(log_odds)).sum() == pytest.approx(between, rel=1e-3)
    assert line.slope == whole.slope
    assert whole.intercept < line.intercept
    assert fit_moving(log_odds, labels, believed=1.0).intercept == pytest.approx(
        whole.intercept, abs=0.01
    )


@pytest.mark.parametrize("labels", [np.zeros(5), np.ones(5)])
def test_leaves_forecasts_alone_when_nothing_can_be_learned(labels):
    assert fit_platt(np.arange(5.0), labels) == Platt()


@given(st.lists(st.tuples(st.floats(-20, 20), st.booleans()), min_size=2, max_size=60))
def test_never_turns_a_ranking_round(pairs):
    log_odds = np.array([pair[0] for pair in pairs])
    labels = np.array([pair[1] for pair in pairs], dtype=float)
    assert fit_platt(log_odds, labels).slope > 0


def test_a_staircase_rises_and_stays_finite():
    log_odds, labels = drawn(0.5, 0.8, size=2000)
    stairs = fit_isotonic(log_odds, labels)
    line = stairs.calibrate(np.linspace(-50, 50, 400))
    assert np.isfinite(line).all()
    assert (np.diff(line) >= 0).all()


def test_returns_from_its_state():
    log_odds, labels = drawn(0.5, 0.8, size=500)
    for calibrator in [fit(log_odds, labels) for fit in FITTERS.values()]:
        again = calibrator_from_state(calibrator.state())
        assert np.array_equal(again.calibrate(log_odds), calibrator.calibrate(log_odds))


def test_beta_recovers_ends_that_bend_apart():
    rng = np.random.default_rng(2)
    log_odds = rng.normal(0, 2, 40_000)
    p = expit(log_odds)
    true = 0.4 * np.log(p) - 1.6 * np.log1p(-p) + 0.3
    found = fit_beta(log_odds, (rng.random(40_000) < expit(true)).astype(float))
    assert (found.a, found.b, found.c) == pytest.approx((0.4, 1.6, 0.3), abs=0.1)


@settings(deadline=None)
@example([(0.0, False), (1.658715935094796e-72, False), (-1.0, False)])
@given(st.lists(st.tuples(st.floats(-20, 20), st.booleans()), min_size=2, max_size=40))
def test_every_map_keeps_ranks_and_stays_finite(pairs):
    log_odds = np.array([pair[0] for pair in pairs])
    labels = np.array([pair[1] for pair in pairs], dtype=float)
    line = np.linspace(-25, 25, 60)
    for fit in FITTERS.values():
        found = fit(log_odds, labels).calibrate(line)
        assert np.isfinite(found).all()
        assert (np.diff(found) >= -1e-12).all()


def test_venn_abers_is_what_its_definition_says():
    """Two forecasts, a loss below a win: worked by hand."""
    found = fit_venn_abers(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    # At 0: as a loss p0 = 0; as a win the two at 0 share 1/2. At 1: p0 = 1/2, and as a win p1 = 1.
    assert expit(found.calibrate(np.array([0.0, 1.0]))) == pytest.approx([1 / 3, 2 / 3])


def groups_of(size):
    return np.array([f"g{number // 2}" for number in range(size)])


def test_forecasts_that_are_right_are_left_alone():
    log_odds, labels = drawn(1.0, 0.0)
    choice = choose_calibration(log_odds, labels, groups_of(len(labels)))
    assert choice.name == "none"
    assert set(choice.losses) == set(FITTERS)


@pytest.mark.parametrize(
    ("bend", "chosen"),
    [
        (lambda z: 0.5 * z + 0.8, {"platt"}),
        (lambda z: np.where(z > -1, 1.5, -2.5), {"isotonic", "venn-abers"}),
    ],
)
def test_the_calibration_fits_the_bend(bend, chosen):
    rng = np.random.default_rng(8)
    log_odds = rng.normal(-1, 1.5, 20_000)
    labels = (rng.random(20_000) < expit(bend(log_odds))).astype(float)
    assert choose_calibration(log_odds, labels, groups_of(20_000)).name in chosen


def test_few_conversions_are_left_alone_or_get_the_simple_line():
    log_odds, labels = drawn(1.0, 0.0, size=80)
    assert choose_calibration(log_odds, labels, groups_of(80)).name == "none"
    assert choose_calibration(log_odds + 3.0, labels, groups_of(80)).name == "platt"


def test_what_held_only_once_is_not_learned():
    """The oldest quarter was promised far too much, everything since exactly right."""
    log_odds, labels = drawn(1.0, 0.0, size=4000)
    told = np.where(np.arange(4000) < 1000, log_odds + 2.0, log_odds)
    assert choose_calibration(told, labels, groups_of(4000)).name == "none"


def test_what_is_no_forecast_yet_is_not_left_alone():
    log_odds, labels = drawn(1.0, 0.0)
    choice = choose_calibration(log_odds, labels, groups_of(len(labels)), leave_alone=False)
    assert choice.name == "platt"
    assert "none" not in choice.losses


def test_stairs_are_for_many_conversions():
    rng = np.random.default_rng(8)
    log_odds = rng.normal(-1, 1.5, 2000)
    labels = (rng.random(2000) < expit(np.where(log_odds > -1, 1.5, -2.5))).astype(float)
    choice = choose_calibration(log_odds, labels, groups_of(2000))
    assert 100 < labels.sum() < 1000
    assert set(choice.losses) == {"none", "platt", "beta"}
