import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from models.encoding import FeatureEncoder, LinearDesign


@parametrize_with_checks([FeatureEncoder(), LinearDesign()])
def test_keeps_scikit_learns_contract(estimator, check):
    check(estimator)


def frame(*values):
    return pd.DataFrame({"industry": pd.Series(values, dtype="str")})


def test_rare_unseen_and_missing_levels_are_told_apart_from_frequent_ones():
    seen = frame(*["retail"] * 30, *["software"] * 40, "farming")
    encoder = FeatureEncoder(categorical=["industry"], min_count=20).fit(seen)
    codes = encoder.transform(frame("software", "retail", "farming", "mining", np.nan))
    assert codes[:4, 0].tolist() == [0.0, 1.0, 2.0, 2.0]
    assert np.isnan(codes[4, 0])


def test_takes_an_infinity_as_missing():
    encoder = FeatureEncoder().fit(pd.DataFrame({"x": [1.0, 2.0]}))
    assert np.isnan(encoder.transform(pd.DataFrame({"x": [np.inf]}))).all()


def test_design_marks_missing_numbers_where_training_had_them():
    X = np.array([[1.0, np.nan, 0.0], [2.0, 5.0, 1.0], [3.0, 7.0, np.nan]])
    design = LinearDesign(categorical=(2,)).fit(X)
    assert design.widths.tolist() == [1, 2, 3]
    assert design.starts_.tolist() == [0, 1, 3]
    out = design.transform(X)
    assert out[:, 2].tolist() == [1.0, 0.0, 0.0]
    assert out[:, 3:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_design_survives_a_column_that_was_never_known():
    X = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    assert np.isfinite(LinearDesign().fit(X).transform(X)).all()


@given(st.lists(st.text(max_size=5) | st.none(), min_size=1, max_size=20))
def test_any_category_is_safe_at_prediction(values):
    encoder = FeatureEncoder(categorical=["industry"], min_count=1).fit(frame("a", "b"))
    codes = encoder.transform(pd.DataFrame({"industry": pd.Series(values, dtype=object)}))
    assert np.isin(codes[~np.isnan(codes)], [0.0, 1.0, 2.0]).all()


def test_names_a_column_that_does_not_match():
    encoder = FeatureEncoder().fit(pd.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(pd.DataFrame({"y": [1.0]}))
