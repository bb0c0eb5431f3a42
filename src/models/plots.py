"""Pictures of a model, for MLflow and the report: matplotlib figures, without pyplot's state."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from features.training_set import TrainingSet
from models.evaluation import FUTURE, MODEL, Evaluation
from models.explanation import importance
from models.search import TunedModel

INK, QUIET, STRONG = "#1c2430", "#9aa5b1", "#2f7f6a"


def training_plots(tuned: TunedModel, training_set: TrainingSet) -> dict[str, Figure]:
    """Draw what belongs to a training, by file name without suffix.

    Parameters
    ----------
    tuned : the model and its evaluation.
    training_set : what it learned from; importance is over its newest known snapshots.
    """
    plots: dict[str, Figure] = {}
    evaluation = tuned.evaluation
    if len(evaluation.figures):
        plots["reliability"] = reliability_plot(evaluation)
        plots["gain"] = gain_plot(evaluation)
        plots["baselines"] = baselines_plot(evaluation)
    if len(tuned.trials):
        plots["search"] = search_plot(tuned.trials)
    if tuned.model.kind == "fitted":
        newest = training_set.take(np.arange(max(0, len(training_set) - 5000), len(training_set)))
        plots["importance"] = importance_plot(importance(tuned.model, newest))
    return plots


def reliability_plot(evaluation: Evaluation) -> Figure:
    """Draw promised against observed rates, in bins of equal mass, one panel per horizon."""
    horizons = evaluation.horizons
    figure, axes = _figure(len(horizons))
    for axis, horizon in zip(axes, horizons, strict=True):
        table = evaluation.reliability
        rows = table[(table["horizon"] == horizon) & (table["segment"] == FUTURE)]
        top = float(np.nanmax(rows[["promised", "high"]].to_numpy(), initial=0.01)) * 1.05
        axis.plot([0, top], [0, top], color=QUIET, linewidth=1)
        spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["observed"].to_numpy())
        axis.errorbar(
            rows["promised"], rows["observed"], yerr=spread, fmt="o", color=STRONG, capsize=3
        )
        axis.set(title=f"{horizon} days", xlabel="promised", ylabel="observed")
    return figure


def gain_plot(evaluation: Evaluation) -> Figure:
    """Draw the share of wins among the leads worked, best first, at the last horizon."""
    figure, (axis,) = _figure(1)
    rows = evaluation.gain[evaluation.gain["horizon"] == evaluation.horizons[-1]]
    for name, part in rows.groupby("predictor", sort=False):
        ours = name == MODEL
        axis.plot(
            part["worked"], part["won"], label=str(name),
            color=STRONG if ours else None, linewidth=2.5 if ours else 1.0,
        )
    axis.set(xlabel="share of leads worked", ylabel="share of wins among them")
    axis.legend(frameon=False, fontsize=8)
    return figure


def baselines_plot(evaluation: Evaluation, metric: str = "log_loss") -> Figure:
    """Draw one figure of merit of the model and its baselines, with 95 % intervals."""
    figure, (axis,) = _figure(1)
    table = evaluation.figures
    chosen = (
        (table["metric"] == metric)
        & (table["segment"] == FUTURE)
        & (table["horizon"] == evaluation.horizons[-1])
    )
    rows = table[chosen].iloc[::-1]
    spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["value"].to_numpy())
    colors = [STRONG if name == MODEL else QUIET for name in rows["predictor"]]
    axis.barh(rows["predictor"], rows["value"], xerr=spread, color=colors, ecolor=INK)
    low = float(rows["low"].min())
    axis.set(xlabel=metric.replace("_", " "), xlim=(max(0.0, low * 0.9), None))
    return figure


def importance_plot(table: pd.DataFrame, most: int = 15) -> Figure:
    """Draw the strongest features by their mean absolute effect."""
    figure, (axis,) = _figure(1, height=5.0)
    rows = table.head(most).iloc[::-1]
    axis.barh(rows["label"], 100 * rows["share"], color=STRONG)
    axis.set(xlabel="share of all effects, per cent (association, not cause)")
    axis.tick_params(axis="y", labelsize=8)
    return figure


def search_plot(trials: pd.DataFrame) -> Figure:
    """Draw the search: every trial's log loss and the best so far."""
    figure, (axis,) = _figure(1)
    axis.plot(trials["number"], trials["value"], "o", color=QUIET, label="trial")
    axis.step(trials["number"], trials["best"], color=STRONG, where="post", label="best so far")
    axis.set(xlabel="trial", ylabel="log loss on forward folds")
    axis.legend(frameon=False)
    return figure


def _figure(panels: int, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(3.6 * panels + 1.4, height), layout="constrained")
    axes = [figure.add_subplot(1, panels, place + 1) for place in range(panels)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def to_svg(figure: Figure) -> bytes:
    """Return a figure as SVG without its date, so that equal figures are equal bytes."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
