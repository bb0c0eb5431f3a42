import numpy as np
import pandas as pd
import pytest

from features.declaration import Feature
from models.baselines import BASELINES, FrequencyScore, PointsScheme, Prevalence


@pytest.fixture(scope="module")
def known(training_set):
    return training_set.take(training_set.labels[90].notna().to_numpy())


@pytest.mark.parametrize("name", BASELINES)
def test_gives_a_probability_to_everyone(name, known):
    labels = known.labels[90].to_numpy()
    p = BASELINES[name](known.features).fit(known.values, labels).probabilities(known.values)
    assert p.shape == (len(known),)
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize("name", BASELINES)
def test_is_safe_with_values_never_seen(name, known):
    fitted = BASELINES[name](known.features).fit(known.values, known.labels[90].to_numpy())
    strange = known.values.head(2).assign(industry=["mining", np.nan], clicks_30d=np.nan)
    assert np.isfinite(fitted.probabilities(strange)).all()


def test_points_are_awarded_by_hand():
    features = (
        Feature("all", "all", "engagements", "count", window_days=30),
        Feature("demo", "d", "engagements", "count", where={"kind": ("demo",)}, window_days=30),
        Feature(
            "opens", "o", "engagements", "count", where={"kind": ("email_open",)}, window_days=30
        ),
        Feature("old", "old", "engagements", "count", window_days=90),
        Feature("silent", "s", "engagements", "days_since_last"),
        Feature("sql", "sql", "stages", "any", where={"stage": ("sql",)}),
        Feature("lost", "lost", "stages", "any", where={"stage": ("lost",)}),
    )
    values = pd.DataFrame(
        [[2, 1, 4, 9, 3.0, 1, 1], [9, 9, 90, 9, 40.0, 0, 0], [0, 0, 0, 0, np.nan, 0, 0]],
        columns=[feature.name for feature in features],
    ).astype(float)
    assert PointsScheme(features).points(values).tolist() == [40.0, 50.0, 0.0]


def test_frequencies_multiply_with_the_base_rate():
    features = (Feature("c", "c", "lead", "attribute", column="c", categorical=True),)
    values = pd.DataFrame({"c": ["a"] * 4 + ["b"] * 4})
    fitted = FrequencyScore(features).fit(values, np.array([1, 1, 1, 0, 0, 0, 0, 0.0]))
    odds = (3.1 / 5.1) * ((3.1 / 3.1) / (1.1 / 5.1))
    p = fitted.probabilities(pd.DataFrame({"c": ["a", "unseen"]}))
    assert p[0] == pytest.approx(odds / (1 + odds))
    assert p[1] == pytest.approx(3.1 / 8.2)


def test_prevalence_is_never_certain():
    values = pd.DataFrame({"x": [1.0, 2.0]})
    assert 0 < Prevalence().fit(values, np.zeros(2)).probabilities(values)[0] < 0.5
