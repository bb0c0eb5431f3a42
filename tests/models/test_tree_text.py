"""LightGBM reads what was rewritten, and says the same of it."""

import lightgbm as lgb
import numpy as np
import pytest

from models.boosting import SmallBoosting
from models.tree_text import merged, without_last

STUMPS = SmallBoosting(rounds=30, leaves=2, categorical=(4,))
TREES = SmallBoosting(rounds=20, leaves=6, learning_rate=0.1, categorical=(4,))


@pytest.fixture(scope="module")
def rows():
    """Return rows of which the last column tells the most."""
    random = np.random.default_rng(8)
    X = random.normal(size=(2000, 4))
    X[:, 1] = random.integers(0, 7, 2000)
    X[random.random(2000) < 0.2, 0] = np.nan
    told = 2 * X[:, 3] + np.nan_to_num(X[:, 0]) * (X[:, 3] > 0) + np.isin(X[:, 1], (2, 5))
    return X, (told + random.normal(size=2000) > 0).astype(float)


def test_lightgbm_reads_the_merged_trees(data):
    texts = [part.fit(*data).text_ for part in (STUMPS, TREES)]
    booster = lgb.Booster(model_str=merged(texts, [0.4, 0.6]))
    alone = [lgb.Booster(model_str=text).predict(data[0], raw_score=True) for text in texts]
    found = booster.predict(data[0], raw_score=True)
    assert booster.num_trees() == 50
    np.testing.assert_allclose(found, 0.4 * alone[0] + 0.6 * alone[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("leaves", [2, 3, 16])
@pytest.mark.parametrize("value", [-9.0, -0.4, 0.0, 0.7, 9.0])
def test_lightgbm_reads_trees_whose_last_column_is_decided(rows, leaves, value):
    X, y = rows
    model = SmallBoosting(rounds=40, leaves=leaves, categorical=(1,), grouped=True).fit(X, y)
    booster = lgb.Booster(model_str=without_last(model.text_, value))
    whole = lgb.Booster(model_str=model.text_)
    asked = np.column_stack([X[:, :-1], np.full(len(X), value)])
    assert booster.num_feature() == 3
    assert np.array_equal(
        booster.predict(X[:, :-1], raw_score=True), whole.predict(asked, raw_score=True)
    )
    held = model.held_at(value)
    theirs = booster.predict(X[:, :-1], pred_contrib=True)
    np.testing.assert_allclose(held.contributions(X[:, :-1]), theirs, rtol=0, atol=1e-12)


def test_what_is_left_counts_the_rows_of_the_whole(rows):
    X, y = rows
    model = SmallBoosting(rounds=20, leaves=8, categorical=(1,)).fit(X, y)
    before = lgb.Booster(model_str=model.text_).trees_to_dataframe()
    after = lgb.Booster(model_str=without_last(model.text_, 0.3)).trees_to_dataframe()
    assert "Column_3" not in set(after["split_feature"])
    assert "Column_3" in set(before["split_feature"])
    roots = [
        frame[frame["node_depth"] == 1].set_index("tree_index")["count"]
        for frame in (before, after)
    ]
    kept = roots[1][after.groupby("tree_index").size() > 1].index
    assert len(kept)
    assert (roots[0][kept] - roots[1][kept]).abs().max() <= 4  # each leaf is rounded to whole rows
    parents = after[after["left_child"].notna()].set_index("node_index")
    counts = after.set_index("node_index")["count"]
    below = counts[parents["left_child"]].to_numpy() + counts[parents["right_child"]].to_numpy()
    assert np.array_equal(parents["count"].to_numpy(), below)


def test_a_tree_of_one_leaf_stays_one(rows):
    y = rows[1]
    text = SmallBoosting(rounds=3).fit(np.ones((len(y), 3)), y).text_
    assert "num_leaves=1\n" in text
    booster = lgb.Booster(model_str=without_last(text, 0.0))
    assert booster.num_feature() == 2
    rate = np.log(y.mean() / (1 - y.mean()))
    np.testing.assert_allclose(booster.predict(np.ones((1, 2)), raw_score=True), rate, atol=0.05)
