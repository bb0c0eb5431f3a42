import numpy as np

from models.folds import Fitting
from models.learning import COLUMNS, learning_curve
from models.recipe import Recipe


def test_more_accounts_of_the_same_law_forecast_better(make):
    past, test = make(leads=4000, seed=1), make(leads=4000, seed=2)
    past = past.take(past.labels[90].notna().to_numpy())
    table = learning_curve(past, test, Recipe("logistic"), Fitting())
    assert list(table.columns) == COLUMNS
    assert table["share"].tolist() == [0.125, 0.25, 0.5, 1.0]
    assert table["leads"].is_monotonic_increasing
    assert table["log_loss"].iloc[-1] < table["log_loss"].iloc[0]


def test_nothing_is_said_of_too_few_wins(make):
    past = make(leads=60, level=-6.0)
    past = past.take(past.labels[90].notna().to_numpy())
    assert learning_curve(past, make(leads=100), Recipe("logistic"), Fitting()).empty
    lost = make(leads=100, level=-50.0)
    assert learning_curve(past, lost, Recipe("logistic"), Fitting()).empty
    assert np.nansum(lost.labels[90]) == 0
