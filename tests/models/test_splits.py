import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from models.errors import ModelError
from models.splits import ForwardSplit, forward_holdout, group_holdout, unseen_groups

DAY = pd.Timedelta(days=1)


@given(
    st.lists(st.integers(0, 1000), min_size=60, max_size=200),
    st.integers(1, 90),
    st.integers(2, 4),
)
def test_a_training_label_was_known_before_the_test_began(days, gap, folds):
    as_of = pd.Series(pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(days, unit="D"))
    try:
        splits = list(ForwardSplit(folds, gap).split(as_of))
    except ModelError:
        return
    for train, test in splits:
        assert as_of.iloc[train].max() + gap * DAY <= as_of.iloc[test].min() or not len(train)
    tested = np.concatenate([test for _, test in splits])
    assert len(tested) == len(set(tested))


def test_says_what_to_do_when_time_is_too_short():
    as_of = pd.Series(pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(range(30), unit="D"))
    with pytest.raises(ModelError, match="shorter horizon"):
        list(ForwardSplit(3, 90).split(as_of))


def test_serves_scikit_learn_as_cv(training_set):
    X = pd.DataFrame({"as_of": training_set.snapshots["as_of"], "noise": 1.0})
    y = np.arange(len(X)) % 2
    model = make_pipeline(FunctionTransformer(lambda frame: frame[["noise"]]), LogisticRegression())
    scores = cross_val_score(model, X, y, cv=ForwardSplit(3, 30))
    assert np.isfinite(scores).all()
    assert len(scores) == 3


def test_holds_out_the_newest_mature_snapshots(training_set):
    held = forward_holdout(training_set, 0.25)
    future, past = held.future(), held.past(training_set.labels, 90)
    times = training_set.snapshots["as_of"]
    assert times[past].max() + 90 * DAY <= held.when <= times[future].min()
    labelled = training_set.labels[90].notna().to_numpy()
    assert (future & labelled).sum() / labelled.sum() == pytest.approx(0.25, abs=0.01)


def test_refuses_to_judge_without_a_past(training_set):
    times = training_set.snapshots["as_of"]
    short = training_set.take((times < times.min() + 60 * DAY).to_numpy())
    with pytest.raises(ModelError, match="too short to train and to judge"):
        forward_holdout(short)


def test_keeps_accounts_whole(training_set):
    held = group_holdout(training_set.groups, 0.3, seed=1)
    assert not set(training_set.groups[held]) & set(training_set.groups[~held])
    assert np.array_equal(unseen_groups(training_set.groups, training_set.groups[~held]), held)
