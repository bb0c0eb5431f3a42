import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from models.metrics import chance_error, figures, gain_curve, group_weights

rows = st.lists(
    st.tuples(st.integers(1, 19), st.booleans(), st.integers(0, 3)), min_size=2, max_size=60
)


@given(rows)
def test_agrees_with_scikit_learn_under_any_weights_and_ties(data):
    p = np.array([row[0] / 20 for row in data])
    y = np.array([row[1] for row in data], dtype=float)
    w = np.array([row[2] for row in data], dtype=float)
    if not (w[y == 1].sum() and w[y == 0].sum()):
        return
    found = figures(p, y, w[None], capacity=0.1)
    expected = {
        "auc": roc_auc_score(y, p, sample_weight=w),
        "average_precision": average_precision_score(y, p, sample_weight=w),
        "log_loss": log_loss(y, p, sample_weight=w),
        "brier": brier_score_loss(y, p, sample_weight=w),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-9)


def test_counts_wins_at_capacity_by_hand():
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    y = np.array([1, 0, 1, 0, 0, 0, 0, 1, 0, 0], dtype=float)
    found = figures(p, y, np.ones((1, 10)), capacity=0.3)
    assert found["wins"][0] == 2
    assert found["gain"][0] == pytest.approx(2 / 3)
    assert found["lift"][0] == pytest.approx(2 / 3 / 0.3)


def test_a_constant_forecast_finds_wins_in_proportion():
    y = np.array([1.0] * 10 + [0.0] * 90)
    found = figures(np.full(100, 0.1), y, np.ones((1, 100)), capacity=0.2)
    assert found["auc"][0] == 0.5
    assert found["wins"][0] == pytest.approx(2.0)
    assert found["calibration_error"][0] == pytest.approx(0.0)


def test_calibration_error_sees_a_shift():
    p = np.linspace(0.1, 0.5, 1000)
    assert figures(p, p, np.ones((1, 1000)), 0.1)["calibration_error"][0] == pytest.approx(0)
    shifted = figures(p, p + 0.1, np.ones((1, 1000)), 0.1)["calibration_error"][0]
    assert shifted == pytest.approx(0.1)


def test_draws_whole_groups():
    groups = np.repeat(["a", "b", "c", "d"], 3)
    weights = group_weights(groups, draws=20, seed=1)
    assert weights.shape == (21, 12)
    assert (weights[0] == 1).all()
    assert (weights.reshape(21, 4, 3).std(axis=2) == 0).all()
    assert (weights.sum(axis=1) == 12).all()


def test_perfect_foresight_finds_all_wins_first():
    y = np.array([1.0, 0.0] * 50)
    worked, won = gain_curve(y, y)
    assert won[np.searchsorted(worked, 0.5)] == pytest.approx(1.0)


def test_chance_alone_gives_what_a_right_forecast_shows():
    rng = np.random.default_rng(3)
    p = rng.beta(2, 5, 1_300)
    mean, low, high = chance_error(p, draws=2_000)
    ones = np.ones((1, len(p)))
    shown = [
        figures(p, (rng.random(len(p)) < p) * 1.0, ones, 0.1)["calibration_error"][0]
        for _ in range(400)
    ]
    assert mean == pytest.approx(np.mean(shown), rel=0.05)
    assert np.mean([low <= each <= high for each in shown]) > 0.9
    # A hundredfold of rows is a tenth of the chance.
    assert chance_error(np.tile(p, 100), draws=50)[0] == pytest.approx(mean / 10, rel=0.1)
    # Forecasts that are wrong show more than chance does.
    wrong = figures(p, (rng.random(len(p)) < p / 2) * 1.0, ones, 0.1)["calibration_error"][0]
    assert wrong > high
