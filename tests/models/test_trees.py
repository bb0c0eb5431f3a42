"""Trees as arrays against LightGBM itself, and against Shapley's own formula."""

from __future__ import annotations

import itertools
import math

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.trees import CompiledTrees, UnknownTreeError


def boosted(seed, *, leaves, rounds=8, rows=400, columns=5, use_missing=True, categories=2):
    """Return a booster of numbers with gaps and of categories, and rows to ask it about."""
    random = np.random.default_rng(seed)
    X = np.round(random.normal(size=(rows, columns)), 1)
    X[:, :categories] = random.integers(0, 12, (rows, categories))
    X[random.random(X.shape) < 0.15] = np.nan
    y = (np.nan_to_num(X[:, -1]) + np.isin(X[:, 0], [1, 5]) + random.normal(size=rows) > 0.5) * 1.0
    data = lgb.Dataset(X, y, categorical_feature=list(range(categories)))
    parameters = {
        "objective": "binary",
        "num_leaves": leaves,
        "min_data_in_leaf": 5,
        "min_data_per_group": 5,
        "cat_smooth": 1.0,
        "use_missing": use_missing,
        "verbosity": -1,
        "num_threads": 1,
        "seed": seed,
    }
    asked = X.copy()
    asked[:20, 0] = np.arange(20) - 3  # codes never seen, and codes that are none
    asked[20, 0] = 1e6
    return lgb.train(parameters, data, rounds), asked


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 3, 7, 31]), st.booleans())
def test_they_are_lightgbms(seed, leaves, use_missing):
    booster, X = boosted(seed, leaves=leaves, use_missing=use_missing)
    trees = CompiledTrees(booster.model_to_string())
    assert np.array_equal(trees.log_odds(X), booster.predict(X, raw_score=True))
    found, wanted = trees.contributions(X), booster.predict(X, pred_contrib=True)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), trees.log_odds(X), rtol=0, atol=1e-12)


def test_leaves_with_many_features_on_their_path_are_exact_too(monkeypatch):
    booster, X = boosted(3, leaves=63, rows=3000, columns=14, rounds=5)
    trees = CompiledTrees(booster.model_to_string())
    assert (trees._parts.table < 0).any()  # some are computed when asked for
    assert (trees._parts.table >= 0).any()
    wanted = booster.predict(X[:300], pred_contrib=True)
    np.testing.assert_allclose(trees.contributions(X[:300]), wanted, rtol=0, atol=1e-12)


def test_they_are_shapley_values():
    booster, X = boosted(5, leaves=7, rounds=1)
    trees = CompiledTrees(booster.model_to_string())
    root = booster.dump_model()["tree_info"][0]["tree_structure"]
    players = range(trees.columns)

    def count(node):
        return node.get("internal_count", node.get("leaf_count"))

    def worth(row, known, node=root):
        """Return the expected log-odds when only these features are known."""
        if "leaf_value" in node:
            return node["leaf_value"]
        children, feature = (node["left_child"], node["right_child"]), node["split_feature"]
        if feature not in known:
            return sum(count(c) * worth(row, known, c) for c in children) / count(node)
        x = row[feature]
        if np.isnan(x):
            left = node["default_left"]
        elif node["decision_type"] == "==":
            left = str(int(x)) in node["threshold"].split("||")
        else:
            left = x <= node["threshold"]
        return worth(row, known, children[not left])

    for row in X[30:40]:
        for one in players:
            others, shapley = [p for p in players if p != one], 0.0
            for size in range(len(others) + 1):
                weight = 1 / (len(players) * math.comb(len(others), size))
                for known in itertools.combinations(others, size):
                    shapley += weight * (worth(row, {*known, one}) - worth(row, set(known)))
            assert trees.contributions(row[None])[0, one] == pytest.approx(shapley, abs=1e-12)


def test_what_the_arrays_cannot_say_is_refused():
    random = np.random.default_rng(1)
    X, y = random.normal(size=(300, 2)), random.integers(0, 2, 300)
    linear = {"objective": "binary", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    with pytest.raises(UnknownTreeError, match="linear"):
        CompiledTrees(lgb.train(linear, lgb.Dataset(X, y), 2).model_to_string())
    X[:, 0] = random.integers(0, 90, 300)
    wide = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_per_group": 1}
    wide |= {"cat_smooth": 0.1, "min_data_in_leaf": 2}
    booster = lgb.train(wide, lgb.Dataset(X, X[:, 0] > 70, categorical_feature=[0]), 2)
    with pytest.raises(UnknownTreeError, match="64 codes"):
        CompiledTrees(booster.model_to_string())
