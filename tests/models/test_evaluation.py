import json

import numpy as np
import pytest

from models.errors import ModelError
from models.evaluation import FUTURE, UNSEEN, evaluate
from models.splits import forward_holdout


@pytest.fixture(scope="module")
def parts(training_set):
    held = forward_holdout(training_set)
    return training_set, training_set.take(held.future())


def test_stands_beside_every_baseline_with_intervals(tuned):
    figures = tuned.evaluation.figures
    assert set(figures["predictor"]) == {
        "model",
        "prevalence",
        "points scheme",
        "naive Bayes",
        "logistic regression",
        "default LightGBM",
    }
    known = figures.dropna(subset=["value"])
    assert (known["low"] <= known["high"]).all()
    sharp = known[known["metric"].isin(["auc", "log_loss", "brier"])]
    assert ((sharp["low"] <= sharp["value"]) & (sharp["value"] <= sharp["high"])).all()


def test_gaps_are_paired_and_positive_where_the_model_is_better(tuned):
    figures = tuned.evaluation.figures
    ours = figures[figures["predictor"] == "model"]
    assert (ours["gap"] == 0).all()
    loss = figures[
        (figures["metric"] == "log_loss")
        & (figures["predictor"] == "prevalence")
        & (figures["segment"] == FUTURE)
        & (figures["horizon"] == 90)
    ].iloc[0]
    assert loss["gap_low"] > 0
    assert loss["gap_high"] - loss["gap_low"] < 2 * (loss["high"] - loss["low"])


def test_counts_the_future_and_unseen_accounts(tuned, parts):
    counts = tuned.evaluation.counts.set_index(["segment", "horizon"])
    known = parts[1].labels[90].notna().sum()
    assert counts.loc[(FUTURE, 90), "n"] == known
    assert 0 < counts.loc[(UNSEEN, 90), "n"] < known


def test_reliability_bins_hold_everyone_once(tuned):
    bins = tuned.evaluation.reliability
    counts = tuned.evaluation.counts.set_index(["segment", "horizon"])["n"]
    future = bins[(bins["segment"] == FUTURE) & (bins["horizon"] == 90)]
    assert future["n"].sum() == counts[(FUTURE, 90)]
    assert future["promised"].is_monotonic_increasing


def test_judges_plain_predictions(parts):
    _, test = parts
    truth = np.nan_to_num(test.labels.to_numpy(), nan=0.5)
    found = evaluate(truth, test, draws=10)
    assert found.table().loc["model", "auc"] == 1.0
    assert set(found.figures["segment"]) == {FUTURE}


def test_refuses_to_judge_a_model_on_what_it_learned_from(tuned, parts):
    with pytest.raises(ModelError, match="judge on later ones"):
        evaluate(tuned.model, parts[1])


def test_refuses_snapshots_without_outcome(tuned, training_set):
    fresh = training_set.take(training_set.labels.isna().all(axis=1).to_numpy())
    with pytest.raises(ModelError, match="no snapshot has a known label"):
        evaluate(np.full((len(fresh), 2), 0.5), fresh)


def test_speaks_of_no_figures_where_there_are_hardly_any_wins(make):
    few = make(leads=300, level=-6.0)
    found = evaluate(np.full((len(few), 2), 0.1), few, draws=10)
    assert found.figures.empty
    assert found.counts["n"].gt(0).all()
    assert found.table().empty
    assert found.intervals().empty


def test_is_plain_json(tuned):
    plain = json.loads(json.dumps(tuned.evaluation.as_dict(), allow_nan=False))
    tables = {"figures", "counts", "reliability", "gain", "segments", "weekly", "learning"}
    assert set(plain) == tables | {"fairness", "capacity", "notes"}


def test_flat_metrics_and_words(tuned):
    assert tuned.evaluation.metrics()["future_90d_log_loss"] == pytest.approx(
        tuned.evaluation.table(90).loc["model", "log_loss"]
    )
    assert " to " in tuned.evaluation.intervals(90).loc["model", "auc"]
