from dataclasses import replace

import numpy as np
import optuna
import pandas as pd
import pytest

from models.calibration import FITTERS
from models.errors import ModelError
from models.search import tune


def test_a_few_trials_beat_the_prevalence_and_habit(tuned):
    table = tuned.evaluation.table()
    assert table.index[0] == "model"
    assert table.loc["model", "log_loss"] < table["log_loss"].drop("model").min() + 0.005
    assert table.loc["model", "log_loss"] < table.loc["prevalence", "log_loss"] - 0.03
    assert table.loc["model", "calibration_error"] < 0.06


def test_equal_seeds_give_equal_models(tuned, training_set):
    again = tune(training_set, trials=5, workers=2)
    values = training_set.values
    assert np.array_equal(again.model.probabilities(values), tuned.model.probabilities(values))
    assert again.trials.equals(tuned.trials)


def test_the_judged_model_saw_nothing_of_what_it_is_judged_on(tuned, training_set):
    assert tuned.judged.metadata["trained_until"] == tuned.holdout_start.isoformat()
    changed = training_set.labels.copy()
    for horizon in training_set.horizons:
        matured = training_set.snapshots["as_of"] + pd.Timedelta(days=horizon)
        later = (matured > tuned.holdout_start).to_numpy()
        changed.loc[later, horizon] = 1.0 - changed.loc[later, horizon]
    other = tune(replace(training_set, labels=changed), trials=5, workers=1)
    values = training_set.values
    assert np.array_equal(other.judged.probabilities(values), tuned.judged.probabilities(values))
    assert other.trials.equals(tuned.trials)


def test_trials_tell_what_was_tried(tuned):
    trials = tuned.trials
    assert len(trials) == 5
    assert {"number", "state", "value", "best", "kind", "C", "leaves"} <= set(trials.columns)
    assert trials["best"].dropna().is_monotonic_decreasing
    recipe = tuned.model.metadata["recipe"]
    for part in recipe.get("parts", [recipe]):
        told = "C" if part["kind"] == "logistic" else "min_rows"
        assert part[told] in set(trials.loc[trials["kind"] == part["kind"], told])


def test_reports_each_trial(training_set):
    seen, told = [], []
    tune(
        training_set,
        trials=2,
        progress=lambda done, best: seen.append((done, best)),
        on_trial=lambda *trial: told.append(trial),
    )
    assert [done for done, _ in seen] == [1, 2]
    assert [(number, state) for number, _, _, state in told] == [(0, "complete"), (1, "complete")]
    assert told[0][1]["kind"] == "boosting"


def test_resumes_from_its_storage(training_set, tmp_path):
    storage = f"sqlite:///{tmp_path}/search.db"
    tune(training_set, trials=2, storage=storage)
    told = []
    again = tune(training_set, trials=3, storage=storage, on_trial=lambda *t: told.append(t[0]))
    assert told == [2]
    assert again.trials["number"].tolist() == [0, 1, 2]


def test_keeps_its_time(training_set):
    found = tune(training_set, trials=1000, timeout_s=1.0)
    assert 1 <= len(found.trials) < 1000


def test_leaves_optunas_verbosity_alone(training_set):
    before = optuna.logging.get_verbosity()
    tune(training_set, trials=1)
    assert optuna.logging.get_verbosity() == before


@pytest.mark.parametrize("level", [-30.0, -5.5])
def test_with_too_few_conversions_the_model_is_a_prior(make, level):
    found = tune(make(leads=600, level=level), trials=3)
    assert found.model.kind == "prior"
    assert "more converted leads are needed" in found.model.message
    assert found.trials.empty
    probabilities = found.model.probabilities(make(leads=5).values)
    assert (probabilities == probabilities[0]).all()
    assert 0 < probabilities[0, -1] < 0.05


def test_where_nothing_tells_who_converts_all_get_one_rate_and_it_says_so(make):
    whole = make(leads=900)
    rng = np.random.default_rng(4)
    mixed = whole.labels.iloc[rng.permutation(len(whole))].reset_index(drop=True)
    found = tune(replace(whole, labels=mixed.where(whole.labels.notna())), trials=4, workers=1)
    assert found.model.kind == "prior"
    assert "one rate for all" in found.model.message
    assert found.evaluation.notes[0] == found.judged.message
    assert len(np.unique(found.model.probabilities(whole.values)[:, -1])) == 1


def test_a_history_too_short_to_judge_still_gives_a_model_and_says_so(make):
    whole = make(leads=3000)
    times = whole.snapshots["as_of"]
    short = whole.take((times < times.min() + np.timedelta64(70, "D")).to_numpy())
    found = tune(short, trials=2)
    assert found.model.kind == "fitted"
    assert found.holdout_start is None
    assert "nothing was judged" in found.evaluation.notes[0]
    assert found.evaluation.table().empty


def test_borrows_for_a_short_horizon_with_too_few_conversions(make):
    found = tune(make(leads=900, horizons=(1, 90)), trials=2, min_conversions=40)
    short, primary = found.model.models
    assert short.estimator is primary.estimator
    assert short.calibrator != primary.calibrator


def test_an_empty_training_set_is_refused(training_set):
    with pytest.raises(ModelError, match="no snapshots"):
        tune(training_set.take(np.array([], dtype=int)))


def test_with_some_wins_only_logistic_regressions_are_tried(make):
    tuned = tune(make(leads=400, level=-2.5), trials=5, min_boosting=10_000, workers=1)
    assert set(tuned.trials["kind"]) == {"logistic"}
    assert tuned.model.metadata["chosen"] == "logistic"
    wins = tuned.model.metadata["conversions"]
    assert f"{10_000 - wins} more and boosted trees" in tuned.model.message


def test_the_evaluation_shows_parts_capacity_and_what_more_data_brings(tuned):
    assert set(tuned.evaluation.weekly["order"]) >= {"model", "newest first", "perfect foresight"}
    assert "age of the lead" in set(tuned.evaluation.segments["by"])
    assert len(tuned.evaluation.learning) >= 3
    assert tuned.model.metadata["calibration"][-1]["name"] in FITTERS
