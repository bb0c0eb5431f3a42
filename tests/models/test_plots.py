from dataclasses import replace

import matplotlib.pyplot as plt
import pytest

from models.explanation import importance, importance_by_group
from models.plots import baselines, gain, importance_bars, training_plots


def test_draws_every_picture_of_a_training(tuned, training_set, tmp_path):
    drawn = training_plots(tuned, importance(tuned.model, training_set))
    assert set(drawn) == {"reliability", "gain", "baselines", "importance", "search"}
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").stat().st_size > 1000
    assert plt.get_fignums() == []


def test_draws_only_what_there_is_data_for(tuned):
    table, trials = tuned.evaluation, tuned.trials.iloc[:0]
    empty = replace(
        table, figures=table.figures[:0], reliability=table.reliability[:0], gain=table.gain[:0]
    )
    assert training_plots(replace(tuned, evaluation=empty, trials=trials)) == {}


@pytest.mark.parametrize("metric", ["auc", "wins"])
def test_draws_other_metrics_and_horizons(tuned, metric):
    assert "within 30 days" in baselines(tuned.evaluation, metric, 30).axes[0].get_xlabel()
    assert "30 days" in gain(tuned.evaluation, 30).axes[0].get_ylabel()


def test_draws_importance_by_group(tuned, training_set):
    table = importance_by_group(tuned.model, training_set)
    labels = importance_bars(table).axes[0].get_yticklabels()
    assert {label.get_text() for label in labels} == set(table["group"])
