from dataclasses import replace

import numpy as np
import pytest

from models.folds import Fitting, directions, make_folds
from models.metrics import log_losses
from models.objective import FoldObjective, most_rounds, stride
from models.recipe import Recipe


@pytest.fixture(scope="module")
def setting(training_set):
    known = training_set.take(training_set.labels[90].notna().to_numpy())
    fold = make_folds(known, 90, Fitting())[-1]
    return fold, directions(known, Fitting())


@pytest.mark.parametrize("kind", ["logistic", "boosting"])
@pytest.mark.parametrize("focus", [0.0, 1.0])
def test_the_best_entry_is_what_the_recipe_really_reaches(setting, kind, focus):
    fold, ways = setting
    recipe = Recipe(kind=kind, learning_rate=0.1, rounds=200, focus=focus)
    losses = FoldObjective(fold, ways, seed=7).losses(recipe)
    place = 3 if kind != "logistic" else 0
    made = replace(recipe, rounds=4 * stride(recipe))
    model = made.estimator(fold.categorical, ways, seed=7).fit(fold.X, fold.y)
    p = model.predict_proba(fold.X_test)[:, 1]
    assert losses[place] == pytest.approx(log_losses(p, fold.y_test).mean(), abs=1e-9)


def test_slow_learning_gets_more_rounds():
    assert most_rounds(Recipe(learning_rate=0.03)) == 600
    assert most_rounds(Recipe(learning_rate=0.1)) == 200
    assert np.isclose(stride(Recipe(learning_rate=0.1)), 10)


def test_a_fold_knows_how_many_levels_its_widest_field_has(setting):
    fold, _ = setting
    codes = [fold.X[:, column] for column in fold.categorical]
    assert fold.most_levels == max(len(np.unique(each[~np.isnan(each)])) for each in codes) > 0
    assert replace(fold, categorical=()).most_levels == 0
