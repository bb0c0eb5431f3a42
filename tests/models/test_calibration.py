import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from models.calibration import Platt, calibrator_from_state, fit_isotonic, fit_platt


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
    for calibrator in (fit_platt(log_odds, labels), fit_isotonic(log_odds, labels)):
        again = calibrator_from_state(calibrator.state())
        assert np.array_equal(again.calibrate(log_odds), calibrator.calibrate(log_odds))
