import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from models.boosting import SmallBoosting
from models.logistic import LogisticModel
from models.mixture import LogitBlend

MODELS = [LogisticModel(), SmallBoosting(rounds=60), LogitBlend(boosting=SmallBoosting(rounds=60))]


@parametrize_with_checks(MODELS)
def test_keeps_scikit_learns_contract(estimator, check):
    check(estimator)


def fitted(model, data):
    model = clone(model)
    parts = [model.linear or LogisticModel(), model.boosting] if hasattr(model, "linear") else []
    for part in parts or [model]:
        part.set_params(categorical=(4,))
    if parts:
        model.set_params(linear=parts[0])
    return model.fit(*data)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
class TestEveryModel:
    def test_contributions_sum_to_the_log_odds(self, model, data):
        model = fitted(model, data)
        total = model.contributions(data[0]).sum(axis=1)
        np.testing.assert_allclose(total, model.decision_function(data[0]), rtol=0, atol=1e-10)

    def test_one_row_alone_gives_what_it_gives_among_many(self, model, data):
        model = fitted(model, data)
        many = model.decision_function(data[0])
        alone = [model.decision_function(data[0][[row]])[0] for row in range(50)]
        assert alone == many[:50].tolist()

    def test_returns_from_its_state_to_the_last_bit(self, model, data):
        model = fitted(model, data)
        again = type(model).from_state(model.state())
        assert np.array_equal(again.decision_function(data[0]), model.decision_function(data[0]))
        assert np.array_equal(again.contributions(data[0]), model.contributions(data[0]))

    def test_finds_the_signal(self, model, data):
        probability = fitted(model, data).predict_proba(data[0])[:, 1]
        assert roc_auc_score(data[1], probability) > 0.65

    def test_refuses_a_single_class(self, model, data):
        with pytest.raises(ValueError, match="one class"):
            clone(model).fit(data[0], np.zeros(len(data[1])))


def test_many_rows_predict_as_few_do(data):
    model = fitted(SmallBoosting(rounds=20), data)
    many = np.tile(data[0], (7, 1))
    assert np.array_equal(model.decision_function(many)[:800], model.decision_function(data[0]))


def test_a_bound_direction_is_kept(data):
    model = SmallBoosting(rounds=50, monotone=(-1, 0, 0, 0, 0)).fit(*data)
    line = np.zeros((20, 5))
    line[:, 0] = np.linspace(-3, 3, 20)
    assert (np.diff(model.decision_function(line)) <= 1e-12).all()


@pytest.fixture(scope="module")
def sparse():
    """Two columns of thirty tell something."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(1500, 30))
    odds = X[:, 0] - 0.7 * X[:, 1] - 1
    return X, (rng.random(1500) < 1 / (1 + np.exp(-odds))).astype(float)


@pytest.mark.parametrize(
    "model",
    [LogisticModel(C=0.003), SmallBoosting(rounds=120, leaves=4)],
    ids=lambda model: type(model).__name__,
)
def test_with_a_focus_what_tells_nothing_counts_for_less(model, sparse):
    def of_noise(focus):
        effects = clone(model).set_params(focus=focus).fit(*sparse).contributions(sparse[0])
        sizes = np.abs(effects[:, :-1]).mean(axis=0)
        return sizes[2:].sum() / sizes[:2].sum()

    assert of_noise(1.0) < 0.7 * of_noise(0.0)


def test_a_focus_where_nothing_tells_is_no_error():
    X, y = np.zeros((100, 3)), np.arange(100) % 2
    for model in (LogisticModel(focus=1.0), SmallBoosting(rounds=5, focus=1.0)):
        assert np.allclose(model.fit(X, y).decision_function(X), 0.0)


def test_a_split_may_part_the_levels_of_a_field_into_groups():
    rng = np.random.default_rng(3)
    levels = rng.integers(0, 12, 4000).astype(float)
    y = (rng.random(4000) < np.where(levels % 2 == 0, 0.6, 0.2)).astype(float)
    X, asked = levels[:, None], np.arange(12.0)[:, None]

    def parted(*, grouped):
        settings = {"rounds": 1, "leaves": 2, "row_share": 1.0, "feature_share": 1.0}
        model = SmallBoosting(**settings, categorical=(0,), grouped=grouped)
        line = model.fit(X, y).decision_function(asked)
        return np.flatnonzero(line > line.mean()).tolist()

    assert parted(grouped=True) == [0, 2, 4, 6, 8, 10]
    assert len(parted(grouped=False)) in (1, 11)
