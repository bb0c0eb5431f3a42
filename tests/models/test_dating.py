"""The time as a column: fitted beside the features, then held at the present and gone."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from models.boosting import SmallBoosting
from models.conversion import HorizonModel
from models.dating import PRESENT, at_present, dated
from models.logistic import LogisticModel
from models.mixture import LogitBlend, LogitMixture
from models.plugged import PluggedModel

QUARTER = 91 * 86_400_000_000
CATEGORICAL = (2,)
LINEAR = LogisticModel(categorical=CATEGORICAL)
STUMPS = SmallBoosting(rounds=40, leaves=2, categorical=CATEGORICAL)
TREES = SmallBoosting(rounds=40, leaves=8, learning_rate=0.2, categorical=CATEGORICAL)
BOUND = SmallBoosting(rounds=40, leaves=4, categorical=CATEGORICAL, monotone=(1, 0, 0, 0))
MODELS = {
    "logistic": LINEAR,
    "logistic, missing": LogisticModel(categorical=CATEGORICAL, focus=1),
    "stumps": STUMPS,
    "trees": TREES,
    "bound trees": BOUND,
    "grouped trees": SmallBoosting(rounds=40, leaves=8, grouped=True, categorical=CATEGORICAL),
    "blend": LogitBlend(LINEAR, TREES, 0.4),
    "mixture": LogitMixture([LINEAR, STUMPS, TREES], [0.2, 0.3, 0.5]),
    "mixture of trees": LogitMixture([STUMPS, TREES], [0.5, 0.5]),
    "plugged": PluggedModel(HistGradientBoostingClassifier(max_iter=20), CATEGORICAL),
    "plugged, imputed": PluggedModel(LogisticRegression(), CATEGORICAL),
}


@pytest.fixture(scope="module")
def moving():
    """Return rows whose first number means something only lately, with the time last."""
    random = np.random.default_rng(3)
    X = random.normal(size=(1500, 3))
    X[:, 2] = random.integers(0, 6, 1500)
    X[random.random(X.shape) < 0.1] = np.nan
    times = random.integers(0, 8 * QUARTER, 1500)
    rows = dated(X, times, told=True)
    told = (
        np.nan_to_num(X[:, 0]) * (rows[:, -1] > -3) + np.isin(X[:, 2], (1, 4)) + 0.3 * rows[:, -1]
    )
    return rows, (told + random.normal(size=1500) > -0.5).astype(float)


def test_the_newest_row_is_at_present_and_a_year_ago_is_four_quarters_back():
    X = np.arange(6.0).reshape(3, 2)
    rows = dated(X, np.array([0, 4 * QUARTER, 3 * QUARTER]) + 10**15, told=True)
    assert np.array_equal(rows[:, :2], X)
    assert rows[:, 2].tolist() == [-4, PRESENT, -1]
    assert np.array_equal(at_present(X, told=True), np.column_stack([X, [PRESENT] * 3]))
    assert dated(X[:0], np.zeros(0, dtype=np.int64), told=True).shape == (0, 3)
    assert dated(X, np.zeros(3, dtype=np.int64), told=False) is X is at_present(X, told=False)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("value", [PRESENT, -2.5, -40.0, 7.0])
class TestHeld:
    def test_forecasts_what_the_whole_model_does_for_rows_of_that_time(self, name, value, moving):
        X, y = moving
        model = MODELS[name].fit(X, y)
        asked = np.column_stack([X[:, :-1], np.full(len(X), value)])
        held = model.held_at(value)
        found = held.decision_function(X[:, :-1])
        np.testing.assert_allclose(found, model.decision_function(asked), rtol=0, atol=1e-11)

    def test_its_contributions_are_those_of_the_columns_that_are_left(self, name, value, moving):
        X, y = moving
        held = MODELS[name].fit(X, y).held_at(value)
        shares = held.contributions(X[:200, :-1])
        assert shares.shape == (200, X.shape[1])
        whole = held.decision_function(X[:200, :-1])
        np.testing.assert_allclose(shares.sum(axis=1), whole, rtol=0, atol=1e-9)

    def test_is_kept_to_the_last_bit(self, name, value, moving):
        X, y = moving
        held = MODELS[name].fit(X, y).held_at(value)
        again = HorizonModel.from_state(HorizonModel(90, held).state())
        asked = X[:, :-1]
        assert np.array_equal(again.log_odds(asked), HorizonModel(90, held).log_odds(asked))


def test_a_linear_effect_of_the_time_becomes_part_of_the_base_alone(moving):
    X, y = moving
    model = LINEAR.fit(X, y)
    whole, held = model.contributions(at_present(X[:, :-1], told=True)), model.held_at(PRESENT)
    shares = held.contributions(X[:, :-1])
    assert np.array_equal(shares[:, :-1], whole[:, :-2])
    np.testing.assert_allclose(shares[:, -1], whole[:, -1] + whole[:, -2], rtol=0, atol=1e-12)
