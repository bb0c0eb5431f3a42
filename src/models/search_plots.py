"""Pictures of a search: how it went, what was tried, and what mattered."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from models.drawing import FAINT, OTHER, OURS, canvas

_AXES = (
    *("kind", "focus", "C", "learning_rate", "leaves", "min_rows", "l2", "feature_share"),
    *("grouped", "monotone"),
)
_LOGARITHMIC = ("C", "learning_rate", "leaves", "min_rows", "l2")
_VALUE = "log loss"


def search_plot(trials: pd.DataFrame) -> Figure:
    """Draw the log loss of every finished trial and the best so far."""
    figure, axes = canvas(6.0, 3.5)
    complete = trials[trials["state"] == "complete"]
    for kind, part in complete.groupby("kind"):
        axes.plot(
            part["number"].to_numpy(), part["value"].to_numpy(), "o", markersize=4, label=str(kind)
        )
    axes.step(trials["number"], trials["best"], where="post", color=OURS, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel("log loss, mean of the forward folds")
    axes.legend(frameon=False, fontsize=8)
    return figure


def trials_plot(trials: pd.DataFrame) -> Figure:
    """Draw every complete trial as a line over its parameters (parallel coordinates).

    The better a trial, the darker its line; a line has a gap where its kind has no such
    parameter.
    """
    complete = trials[trials["state"] == "complete"].sort_values("value", ascending=False)
    names = [name for name in _AXES if name in complete and complete[name].notna().any()]
    columns = {name: _numbers(complete[name]) for name in names} | {_VALUE: complete["value"]}
    figure, axes = canvas(1.2 + 1.1 * len(columns), 4.0)
    ranks = np.linspace(0, 1, len(complete)) if len(complete) > 1 else np.ones(1)
    places = [_placed(values, name in _LOGARITHMIC) for name, values in columns.items()]
    for rank, line in zip(ranks, np.column_stack(places), strict=True):
        best = rank == 1
        color = OURS if best else OTHER
        axes.plot(line, color=color, alpha=0.15 + 0.85 * rank**2, linewidth=2 if best else 1)
    for position, (name, values) in enumerate(columns.items()):
        axes.axvline(position, color=FAINT, linewidth=1, zorder=0)
        low, high = _ends(complete.get(name, values))
        axes.annotate(low, (position, -0.04), ha="center", va="top", fontsize=7)
        axes.annotate(high, (position, 1.04), ha="center", va="bottom", fontsize=7)
    axes.set_xticks(range(len(columns)), [name.replace("_", " ") for name in columns])
    axes.tick_params(axis="x", pad=14, labelsize=8)
    axes.set_yticks([])
    axes.set_ylim(-0.12, 1.12)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title("What was tried; the darker, the better", pad=14)
    return figure


def parameters_plot(table: pd.DataFrame) -> Figure:
    """Draw how much each parameter of the trees mattered, from `trials.parameter_importance`."""
    figure, axes = canvas(5.5, 0.8 + 0.35 * max(len(table), 2))
    places = np.arange(len(table))[::-1]
    axes.barh(places, table["share"], color=OURS, height=0.6)
    axes.set_yticks(places, [name.replace("_", " ") for name in table["parameter"]])
    axes.set_xlabel("share of the spread of log loss that it accounts for")
    return figure


def _numbers(values: pd.Series) -> pd.Series:
    """Return numbers as they are, and of anything else the place among what occurs."""
    if values.name in (*_LOGARITHMIC, "feature_share", "focus"):
        return values.astype("float64")
    codes, _ = pd.factorize(values, sort=True)
    return pd.Series(np.where(codes < 0, np.nan, codes), index=values.index)


def _placed(values: pd.Series, logarithmic: bool) -> np.ndarray:
    numbers = np.log(values.to_numpy(np.float64)) if logarithmic else values.to_numpy(np.float64)
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    return (numbers - low) / (high - low) if high > low else np.where(np.isnan(numbers), numbers, 0)


def _ends(values: pd.Series) -> tuple[str, str]:
    present = values.dropna()
    if pd.api.types.is_numeric_dtype(present.dtype):
        return f"{present.min():.3g}", f"{present.max():.3g}"
    names = sorted({str(value) for value in present})
    return names[0], names[-1]
