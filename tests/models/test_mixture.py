import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from models.boosting import SmallBoosting
from models.conversion import HorizonModel
from models.logistic import LogisticModel
from models.mixture import LogitBlend, LogitMixture, folded

STUMPS = SmallBoosting(rounds=30, leaves=2, categorical=(4,))
TREES = SmallBoosting(rounds=20, leaves=6, learning_rate=0.1, categorical=(4,))
LINEAR = LogisticModel(categorical=(4,))
MIXTURES = {
    "all three": ([LINEAR, STUMPS, TREES], [0.2, 0.3, 0.5]),
    "trees alone": ([STUMPS, TREES], [0.4, 0.6]),
    "one boosting": ([LINEAR, TREES], [0.7, 0.3]),
}


@parametrize_with_checks([LogitMixture()])
def test_keeps_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", MIXTURES)
class TestEveryMixture:
    def test_is_the_weighted_mean_of_its_parts(self, name, data):
        parts, weights = MIXTURES[name]
        mixed = LogitMixture(parts, weights).fit(*data).decision_function(data[0])
        alone = [part.fit(*data).decision_function(data[0]) for part in parts]
        np.testing.assert_allclose(mixed, np.array(weights) @ alone, rtol=0, atol=1e-12)

    def test_contributions_are_the_weighted_mean_too(self, name, data):
        parts, weights = MIXTURES[name]
        mixed = LogitMixture(parts, weights).fit(*data).contributions(data[0])
        alone = [part.fit(*data).contributions(data[0]) for part in parts]
        np.testing.assert_allclose(mixed, np.tensordot(weights, alone, 1), rtol=0, atol=1e-11)

    def test_comes_back_as_what_it_folds_into(self, name, data):
        mixture = LogitMixture(*MIXTURES[name]).fit(*data)
        again = HorizonModel.from_state(HorizonModel(90, mixture).state())
        assert isinstance(again.estimator, LogitBlend | SmallBoosting)
        assert np.array_equal(again.log_odds(data[0]), mixture.decision_function(data[0]))


def test_refuses_two_linear_parts(data):
    fitted = LINEAR.fit(*data)
    with pytest.raises(ValueError, match="at most one linear"):
        folded([fitted, fitted], [0.5, 0.5])
