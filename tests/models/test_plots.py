from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from models.explanation import importance_by_group
from models.plots import (
    baselines_plot,
    evaluation_plots,
    gain_plot,
    importance_plot,
    to_svg,
    training_plots,
)
from models.search import tune
from models.search_plots import trials_plot


def test_draws_every_picture_of_a_training(tuned, training_set, tmp_path):
    drawn = training_plots(tuned, training_set)
    judged = {"reliability", "gain", "baselines", "segments", "weekly", "learning"}
    assert set(drawn) == judged | {"importance", "search", "trials"}
    for figure in drawn.values():
        assert to_svg(figure).startswith(b"<?xml")
        figure.savefig(tmp_path / "figure.png")
    assert plt.get_fignums() == []


def test_draws_only_what_there_is_data_for(tuned):
    tables = ("figures", "reliability", "gain", "segments", "weekly", "learning")
    empty = replace(
        tuned.evaluation, **{name: getattr(tuned.evaluation, name)[:0] for name in tables}
    )
    assert evaluation_plots(empty) == {}


@pytest.mark.parametrize("metric", ["auc", "wins"])
def test_draws_other_metrics_and_horizons(tuned, metric):
    assert "within 30 days" in baselines_plot(tuned.evaluation, metric, 30).axes[0].get_xlabel()
    assert "30 days" in gain_plot(tuned.evaluation, 30).axes[0].get_ylabel()


def test_draws_importance_by_group(tuned, training_set):
    table = importance_by_group(tuned.model, training_set)
    labels = importance_plot(table).axes[0].get_yticklabels()
    assert {label.get_text() for label in labels} == set(table["group"])


def test_a_trial_is_a_line_with_gaps_where_its_kind_has_no_such_parameter(tuned):
    complete = tuned.trials[tuned.trials["state"] == "complete"]
    axes = trials_plot(tuned.trials).axes[0]
    lines = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) > 2]
    assert len(lines) == len(complete)
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert "focus" in names
    values = complete.sort_values("value", ascending=False)
    gaps = np.isnan(np.array(lines, dtype=float)[:, names.index("leaves")])
    assert gaps.tolist() == values["leaves"].isna().tolist()


def test_what_mattered_is_told_only_after_enough_trials(tuned, training_set):
    assert len(tuned.parameters) == 0
    # A law that no line can follow, so that trials with trees are not pruned.
    scrambled = training_set.values.assign(clicks_30d=training_set.values["clicks_30d"] * 3 % 7)
    told = tune(replace(training_set, values=scrambled), trials=16, workers=2).parameters
    assert told["share"].sum() == pytest.approx(1.0)
    assert told["share"].is_monotonic_decreasing
    assert {"leaves", "learning_rate"} <= set(told["parameter"])
