from dataclasses import replace

import matplotlib.pyplot as plt
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


def test_draws_every_picture_of_a_training(tuned, training_set, tmp_path):
    drawn = training_plots(tuned, training_set)
    judged = {"reliability", "gain", "baselines", "segments", "weekly", "learning"}
    assert set(drawn) == judged | {"importance", "search"}
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
