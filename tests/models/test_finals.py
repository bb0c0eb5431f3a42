from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models.finals import WEIGHTS, play_off
from models.folds import Fitting, directions, make_folds
from models.recipe import Recipe

FITTING = Fitting(folds=3, workers=1)
LINEAR = Recipe("logistic", C=0.01)
BOOSTED = Recipe("boosting", rounds=60, learning_rate=0.1, leaves=4)


def forward_losses(training_set, horizon, recipe):
    """Return what each test row of the folds loses, and whose row it is."""
    losses, groups = [], []
    for fold in make_folds(training_set, horizon, FITTING):
        model = recipe.estimator(fold.categorical, directions(training_set), FITTING.seed)
        p = expit(model.fit(fold.X, fold.y).decision_function(fold.X_test))
        loss = -np.where(fold.y_test == 1, np.log(p), np.log1p(-p))
        losses.append(loss / len(loss) / FITTING.folds)
        groups.append(fold.groups)
    return pd.Series(np.concatenate(losses)), np.concatenate(groups)


def known_rows(training_set):
    horizon = training_set.horizons[-1]
    return training_set.take(training_set.labels[horizon].notna().to_numpy()), horizon


def test_nothing_is_better_by_more_than_chance(training_set):
    known, horizon = known_rows(training_set)
    chosen = play_off(known, horizon, LINEAR, [BOOSTED], FITTING)
    blends = [replace(BOOSTED, kind="blend", C=LINEAR.C, weight=w) for w in WEIGHTS[1:-1]]
    ours, groups = forward_losses(known, horizon, chosen)
    for other in (LINEAR, *blends, BOOSTED):
        theirs, _ = forward_losses(known, horizon, other)
        by_group = (ours - theirs).groupby(groups).sum()
        assert by_group.sum() <= 2.0 * np.sqrt(len(by_group)) * by_group.std(ddof=0) + 1e-12


@pytest.mark.parametrize("useless", ["linear", "boosted"])
def test_a_part_that_learned_nothing_is_left_out(training_set, useless):
    known, horizon = known_rows(training_set)
    linear = replace(LINEAR, C=1e-9) if useless == "linear" else LINEAR
    boosted = replace(BOOSTED, rounds=1, learning_rate=1e-6) if useless == "boosted" else BOOSTED
    chosen = play_off(known, horizon, linear, [boosted], FITTING)
    assert chosen.kind == ("boosting" if useless == "linear" else "logistic")


def test_of_two_that_are_as_good_the_simpler_is_taken(training_set):
    known, horizon = known_rows(training_set)
    stumps = replace(BOOSTED, leaves=2)
    luckier = replace(BOOSTED, leaves=2, feature_share=0.45)
    chosen = play_off(known, horizon, LINEAR, [stumps, luckier], FITTING)
    assert chosen.feature_share == stumps.feature_share


def test_what_is_better_by_more_than_chance_is_taken_though_it_is_not_simple(training_set):
    known, horizon = known_rows(training_set)
    useless = replace(BOOSTED, leaves=2, rounds=1, learning_rate=1e-6)
    chosen = play_off(known, horizon, replace(LINEAR, C=1e-9), [useless, BOOSTED], FITTING)
    assert (chosen.kind, chosen.leaves) == ("boosting", BOOSTED.leaves)
