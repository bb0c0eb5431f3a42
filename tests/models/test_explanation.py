import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from models.explanation import (
    importance,
    importance_by_group,
    plain_value,
    probability_effects,
    reasons,
)

log_odds = st.floats(-8, 8, allow_nan=False)


@given(st.lists(log_odds, min_size=2, max_size=8))
def test_effects_sum_to_the_distance_from_the_base(row):
    contributions = np.array([row])
    effects, base = probability_effects(contributions)
    assert effects.sum() == pytest.approx(expit(sum(row)) - base[0], abs=1e-9)
    assert (np.sign(effects[0]) * np.sign(row[:-1]) >= 0).all()


def test_effects_that_cancel_keep_their_size():
    effects, _ = probability_effects(np.array([[0.5, -0.5, 0.0]]))
    assert effects[0].tolist() == pytest.approx([0.125, -0.125])


def test_reasons_name_the_strongest_effects_first(tuned, training_set):
    part = training_set.take(np.arange(200))
    given_ = reasons(tuned.model, part, top=4)
    sizes = [[abs(reason["effect"]) for reason in row] for row in given_]
    assert all(row == sorted(row, reverse=True) for row in sizes)
    for row, first in enumerate(given_[:20]):
        for reason in first:
            value = part.values[reason["feature"]].iloc[row]
            assert reason["value"] == plain_value(value)
    p, base = tuned.model.probabilities(part.values)[:, -1], tuned.model.contributions(part.values)
    total = [sum(reason["effect"] for reason in row) for row in given_]
    np.testing.assert_allclose(total, p - expit(base["base"]), atol=1e-9)


def test_asks_for_more_reasons_than_features(tuned, training_set):
    assert max(len(row) for row in reasons(tuned.model, training_set, top=99)) <= 4


@pytest.mark.parametrize(
    ("value", "plain"),
    [("a", "a"), (np.float64(2), 2.0), (np.nan, None), (None, None), (np.inf, None)],
)
def test_values_are_plain_json(value, plain):
    assert plain_value(value) == plain


def test_importance_finds_the_known_law(tuned, training_set):
    table = importance(tuned.model, training_set)
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["feature"].iloc[0] == "clicks_30d"
    assert table["feature"].iloc[-1] == "noise"


def test_importance_by_group_sums_before_it_counts(tuned, training_set):
    table = importance_by_group(tuned.model, training_set).set_index("group")
    single = importance(tuned.model, training_set).set_index("feature")["mean_abs_effect"]
    assert table.loc["engagement", "mean_abs_effect"] == pytest.approx(single["clicks_30d"])
    assert table.loc["fit", "mean_abs_effect"] <= single["industry"] + single["noise"] + 1e-12


def test_nothing_to_explain(tuned, training_set):
    none = training_set.take(np.array([], dtype=int))
    assert reasons(tuned.model, none) == []
    assert importance(tuned.model, none)["share"].sum() == 0
    assert importance_by_group(tuned.model, none)["share"].sum() == 0
