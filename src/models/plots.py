"""Pictures of an evaluation and of what drives conversion.

Plain matplotlib figures, made without pyplot and its global state: save one with
``figure.savefig(path)``.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from features.training_set import TrainingSet
from models.drawing import FAINT, OTHER, OURS, canvas
from models.evaluation import FUTURE, MODEL, Evaluation
from models.explanation import importance
from models.metrics import METRICS
from models.search import TunedModel
from models.search_plots import parameters_plot, search_plot, trials_plot

_NEWEST = 5000


def training_plots(tuned: TunedModel, training_set: TrainingSet) -> dict[str, Figure]:
    """Draw every picture of a training that there is data for, by file name without suffix.

    Parameters
    ----------
    tuned : the model, its evaluation and the trials.
    training_set : what it learned from; importance is over its newest snapshots.
    """
    drawn = evaluation_plots(tuned.evaluation)
    if tuned.trials["value"].notna().any():
        drawn["search"] = search_plot(tuned.trials)
        drawn["trials"] = trials_plot(tuned.trials)
    if len(tuned.parameters):
        drawn["parameters"] = parameters_plot(tuned.parameters)
    if tuned.model.kind == "fitted":
        newest = np.argsort(training_set.snapshots["as_of"].to_numpy())[-_NEWEST:]
        drawn["importance"] = importance_plot(importance(tuned.model, training_set.take(newest)))
    return drawn


def evaluation_plots(evaluation: Evaluation) -> dict[str, Figure]:
    """Draw every picture of an evaluation that there is data for, by name."""
    drawn = {}
    if len(evaluation.reliability):
        drawn["reliability"] = reliability_plot(evaluation)
    if len(evaluation.gain):
        drawn["gain"] = gain_plot(evaluation)
    if len(evaluation.figures):
        drawn["baselines"] = baselines_plot(evaluation)
    if len(evaluation.segments):
        drawn["segments"] = segments_plot(evaluation.segments)
    if len(evaluation.weekly):
        drawn["weekly"] = weekly_plot(evaluation.weekly)
    if len(evaluation.learning) > 1:
        drawn["learning"] = learning_plot(evaluation.learning)
    return drawn


def reliability_plot(evaluation: Evaluation) -> Figure:
    """Draw promised against observed shares, ten equal parts of the leads per horizon."""
    shown = evaluation.reliability[evaluation.reliability["segment"] == FUTURE]
    figure, axes = canvas(5.0, 4.5)
    top = float(max(shown["promised"].max(), shown["high"].max(), 1e-3)) * 1.05
    axes.plot([0, top], [0, top], color=OTHER, linewidth=1, linestyle="--")
    for (horizon, part), shade in zip(shown.groupby("horizon"), _shades(shown), strict=True):
        spread = np.clip([part["observed"] - part["low"], part["high"] - part["observed"]], 0, None)
        axes.errorbar(
            part["promised"],
            part["observed"],
            yerr=spread,
            marker="o",
            markersize=4,
            linewidth=1,
            color=shade,
            label=f"{horizon} days",
        )
    _percent(axes, "promised probability", "share that converted")
    axes.legend(frameon=False)
    axes.set_title("Does the number mean what it says?")
    return figure


def gain_plot(evaluation: Evaluation, horizon: int | None = None) -> Figure:
    """Draw which share of the wins the best-ranked leads hold, beside baselines and foresight."""
    chosen = evaluation.gain["horizon"].max() if horizon is None else horizon
    shown = evaluation.gain[evaluation.gain["horizon"] == chosen]
    figure, axes = canvas(5.5, 4.5)
    for name, part in shown.groupby("predictor", sort=False):
        ours = name == MODEL
        axes.plot(
            part["worked"],
            part["won"],
            label=str(name),
            linewidth=2.2 if ours else 1.1,
            color=OURS if ours else None,
            zorder=3 if ours else 2,
        )
    axes.axvline(evaluation.capacity, color=FAINT, linewidth=1)
    _percent(axes, "share of leads worked, best first", f"share of wins in {chosen} days")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.set_title("Wins found by working the best first")
    return figure


def baselines_plot(
    evaluation: Evaluation, metric: str = "log_loss", horizon: int | None = None
) -> Figure:
    """Draw one figure of merit of the model and every baseline, with 95 % intervals."""
    table = evaluation.figures
    chosen = table["horizon"].max() if horizon is None else horizon
    shown = table[
        (table["horizon"] == chosen) & (table["segment"] == FUTURE) & (table["metric"] == metric)
    ]
    figure, axes = canvas(6.0, 0.6 + 0.5 * max(len(shown), 2))
    spread = np.clip([shown["value"] - shown["low"], shown["high"] - shown["value"]], 0, None)
    places = np.arange(len(shown))[::-1]
    colors = [OURS if name == MODEL else OTHER for name in shown["predictor"]]
    axes.barh(places, shown["value"], xerr=spread, color=colors, height=0.6)
    axes.set_yticks(places, list(shown["predictor"]))
    words, more = METRICS[metric]
    axes.set_xlabel(f"{words} within {chosen} days ({'more' if more else 'less'} is better)")
    return figure


def importance_plot(table: pd.DataFrame, most: int = 15) -> Figure:
    """Draw the strongest features by mean effect, in points of probability."""
    shown = table.head(most)
    figure, axes = canvas(7.0, 0.8 + 0.3 * max(len(shown), 2))
    places = np.arange(len(shown))[::-1]
    names = shown["label"] if "label" in shown else shown["group"]
    axes.barh(places, 100 * shown["mean_abs_effect"], color=OURS, height=0.6)
    axes.set_yticks(places, [str(name) for name in names])
    axes.set_xlabel("mean effect on the probability, in percentage points (association, not cause)")
    return figure


def segments_plot(table: pd.DataFrame, most: int = 40) -> Figure:
    """Draw what was promised to each part of the leads beside what happened, with intervals."""
    shown = table.sort_values("n", ascending=False).head(most).sort_values(["by", "value"])
    figure, axes = canvas(7.0, 0.8 + 0.22 * max(len(shown), 2))
    places = np.arange(len(shown))[::-1]
    axes.hlines(places, shown["low"], shown["high"], color=OTHER, linewidth=2)
    axes.plot(shown["observed"], places, "o", color=OTHER, markersize=4, label="observed")
    axes.plot(shown["promised"], places, "D", color=OURS, markersize=4, label="promised")
    axes.set_yticks(places, [f"{b}: {v}" for b, v in zip(shown["by"], shown["value"], strict=True)])
    axes.tick_params(axis="y", labelsize=7)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("Does the number mean what it says, for everyone?")
    return figure


def weekly_plot(table: pd.DataFrame) -> Figure:
    """Draw the wins that each order of work reaches at the team's capacity."""
    figure, axes = canvas(6.0, 0.6 + 0.4 * max(len(table), 2))
    places = np.arange(len(table))[::-1]
    spread = np.clip([table["wins"] - table["low"], table["high"] - table["wins"]], 0, None)
    colors = [OURS if name == MODEL else OTHER for name in table["order"]]
    axes.barh(places, table["wins"], xerr=spread, color=colors, height=0.6)
    axes.set_yticks(places, list(table["order"]))
    axes.set_xlabel(f"wins among {table['per_week'].iloc[0]:,} leads worked a week")
    return figure


def learning_plot(table: pd.DataFrame) -> Figure:
    """Draw held-out log loss against the number of conversions learned from."""
    figure, axes = canvas(5.0, 3.5)
    axes.plot(table["conversions"], table["log_loss"], "o-", color=OURS)
    axes.set_xscale("log")
    axes.set_xlabel("converted leads learned from")
    axes.set_ylabel("log loss, before calibration")
    axes.set_title("Would more data help?")
    return figure


def to_svg(figure: Figure) -> bytes:
    """Return a figure as SVG without its date."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _percent(axes: Axes, x: str, y: str) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _shades(shown: pd.DataFrame) -> list[str]:
    count = shown["horizon"].nunique()
    palette = ["#8fc1cf", "#4d98ad", "#1f6f8b", "#0b4256"]
    return [palette[min(index + max(0, 3 - count), 3)] for index in range(count)]
