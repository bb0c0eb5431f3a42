from dataclasses import replace

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier

from models import tune
from models.conversion import ConversionModel
from models.errors import ModelError
from models.plugged import PluggedModel

CATEGORICAL = (2,)
CLASSIFIERS = [
    RandomForestClassifier(10, min_samples_leaf=5, random_state=1),
    HistGradientBoostingClassifier(max_iter=20, random_state=1),
    LogisticRegression(),
    GaussianNB(),
    KNeighborsClassifier(),
    MLPClassifier((4,), max_iter=2000, random_state=1),
    DecisionTreeClassifier(max_depth=3, random_state=1),
]


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(5)
    X = random.normal(size=(400, 4))
    X[:, 2] = random.integers(0, 3, 400)
    X[random.random(X.shape) < 0.1] = np.nan
    X[:, 3] = np.nan  # never known
    y = (np.nan_to_num(X[:, 0]) + (X[:, 2] == 1) + random.normal(size=400) > 0.5).astype(float)
    return X, y


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda each: type(each).__name__)
def test_it_is_kept_to_the_last_bit_and_its_parts_add_up(rows, classifier):
    X, y = rows
    fitted = PluggedModel(classifier, CATEGORICAL).fit(X, y)
    again = PluggedModel.from_state(fitted.state())
    whole = fitted.decision_function(X)
    assert np.array_equal(again.decision_function(X), whole)
    shares = fitted.contributions(X)
    assert shares.shape == (len(X), X.shape[1] + 1)
    assert np.allclose(shares.sum(axis=1), whole, atol=1e-9)
    assert np.allclose(shares[:, -1], shares[0, -1])
    assert np.array_equal(again.contributions(X[:5]), shares[:5])


def test_the_parts_of_a_linear_model_are_its_own(rows):
    X, y = np.nan_to_num(rows[0]), rows[1]
    fitted = PluggedModel(LogisticRegression()).fit(X, y)
    before, linear = fitted.fitted_[:-1], fitted.fitted_[-1]
    exact = (before.transform(X) - before.transform(fitted.typical_[None])) * linear.coef_[0]
    assert np.allclose(fitted.contributions(X)[:, :-1], exact, atol=1e-9)


def test_no_rows_have_no_parts(rows):
    fitted = PluggedModel(GaussianNB()).fit(*rows)
    assert fitted.contributions(rows[0][:0]).shape == (0, 5)


@pytest.mark.parametrize("classifier", [RidgeClassifier(), SVR(), "forest"], ids=str)
def test_what_gives_no_probabilities_is_refused(classifier):
    with pytest.raises(ModelError, match="gives no probabilities"):
        PluggedModel(classifier)


class Foreign(LogisticRegression):
    pass


def test_what_is_not_scikit_learns_own_is_neither_kept_nor_loaded(rows):
    fitted = PluggedModel(Foreign()).fit(*rows)
    with pytest.raises(ModelError, match=r"cannot be kept: it is made of .*Foreign"):
        fitted.state()
    data = np.frombuffer(skops.io.dumps(Foreign()), dtype=np.uint8)
    state = {"kind": "plugged", "categorical": [], "typical": np.zeros(1), "skops": data}
    with pytest.raises(ModelError, match="Foreign is not loaded"):
        PluggedModel.from_state(state)


def test_a_useless_candidate_is_not_taken(training_set, tuned):
    guess = {"guess": GaussianNB(priors=[0.5, 0.5])}
    found = tune(training_set, trials=5, workers=1, candidates=guess)
    assert found.model.metadata["recipe"] == tuned.model.metadata["recipe"]


def test_a_candidate_that_is_better_is_taken_kept_and_explained(training_set, tmp_path):
    """Only the product of two columns tells, which a logistic regression cannot see."""
    first, second = [f.name for f in training_set.features if not f.categorical][:2]
    answer = training_set.labels.max(axis=1).fillna(0).to_numpy()
    sign = np.where(np.random.default_rng(2).random(len(answer)) < 0.5, -1.0, 1.0)
    values = training_set.values.assign(**{first: sign, second: sign * np.where(answer, 1, -1)})
    places = [list(training_set.values.columns).index(name) for name in (first, second)]
    product = make_pipeline(
        ColumnTransformer([("two", PolynomialFeatures(interaction_only=True), places)]),
        LogisticRegression(),
    )
    told = replace(training_set, values=values)
    found = tune(
        told, trials=2, workers=1, min_boosting=10**9, candidates={"product": product}
    ).model
    assert found.metadata["chosen"] == "product"
    found.save(tmp_path / "model")
    again = ConversionModel.load(tmp_path / "model")
    assert np.array_equal(again.probabilities(values), found.probabilities(values))
    shares = again.contributions(values[:50])
    log_odds = again.primary.log_odds(again.encode(values[:50]))
    assert np.allclose(shares.sum(axis=1), log_odds, atol=1e-9)
    assert set(shares.columns[shares.abs().max() > 0]) <= {first, second, "base"}
