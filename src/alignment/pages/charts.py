"""Charts as SVG, drawn by matplotlib on the server, in the colours of the page.

Text stays text, so that it can be read aloud and searched, and every colour is a variable of the
page's style, so that a chart follows light and dark.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from io import StringIO

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

Formats = Callable[[float], str]

COLOURS = {
    "#112233": "--ink",
    "#445566": "--soft",
    "#778899": "--line",
    "#006688": "--c1",
    "#aa5500": "--c2",
    "#557700": "--c3",
    "#885599": "--c4",
    "#bb3355": "--c5",
    "#99bbcc": "--c1-soft",
}
"""Marks that are drawn with, and the variables of the style that take their place."""
INK, SOFT, LINE, C1, C2, C3, C4, C5, C1_SOFT = COLOURS
SERIES = (C1, C2, C3, C4, C5)
_MARKERS = ("o", "s", "^", "D", "v")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))
_drawing = threading.Lock()


def percent(value: float) -> str:
    """Write a share."""
    shown = 100 * value
    return f"{shown:.3g} %"


def count(value: float) -> str:
    """Write a number of things, shortly."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{value / 1e3:.3g} k" if abs(value) >= 1e4 else f"{value:,.6g}"


def lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    name: str,
    across: str,
    up: str,
    x_format: Formats = count,
    y_format: Formats = count,
    labels: Sequence[str] | None = None,
    mark: tuple[float, str] | None = None,
    bands: tuple[Sequence[float], Sequence[float]] | None = None,
    diagonal: bool = False,
    log: bool = False,
    bottom: float = 0.0,
) -> str:
    """Draw lines over a common axis; they differ in colour, dash and marker.

    Parameters
    ----------
    x : places; with `labels`, their names are written there instead.
    series : values by name; NaN leaves a gap.
    name : of the chart, unique on its page.
    across, up : words for the axes.
    mark : a place to mark with a line, and what it is.
    bands : lower and upper ends of an interval around the first series.
    diagonal : draw where promised equals observed.
    log : space the x axis by factors.
    bottom : where the axis of values begins, unless a value lies lower.
    """
    figure, axes = _canvas()
    few = len(x) <= 16
    for number, (label, values) in enumerate(series.items()):
        axes.plot(
            x,
            values,
            color=SERIES[number % len(SERIES)],
            linestyle=_DASHES[number % len(_DASHES)],
            marker=_MARKERS[number % len(_MARKERS)] if few else None,
            markersize=4,
            linewidth=2,
            label=label,
        )
    if bands is not None:
        axes.fill_between(x, bands[0], bands[1], color=C1, alpha=0.18, linewidth=0)
    if diagonal:
        top = max([*x, *next(iter(series.values()))])
        axes.plot([0, top], [0, top], color=SOFT, linewidth=1, linestyle=":", label="perfect")
    if mark is not None:
        axes.axvline(mark[0], color=INK, linewidth=1.2, linestyle="--", label=mark[1])
    if log:
        axes.set_xscale("log")
    elif labels is None:
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(_formatter(x_format))
    if labels is not None:
        _name_places(axes, x, labels)
    axes.yaxis.set_major_formatter(_formatter(y_format))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if not diagonal:
        axes.set_ylim(bottom=min(bottom, axes.get_ylim()[0]))
    if len(series) > 1 or mark is not None or diagonal:
        _explain(figure, axes)
    return _svg(figure, name)


def bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    name: str,
    along: str,
    value_format: Formats = count,
    errors: tuple[Sequence[float], Sequence[float]] | None = None,
) -> str:
    """Draw horizontal bars, the first label on top.

    Parameters
    ----------
    labels : one per group of bars.
    series : values by name; several stand below each other.
    name : of the chart, unique on its page.
    along : words for the axis of values.
    errors : lower and upper ends of an interval of the first series.
    """
    height = 0.9 + len(labels) * (0.26 + 0.12 * (len(series) - 1))
    figure, axes = _canvas(height=max(height, 1.6))
    places = np.arange(len(labels))[::-1].astype(float)
    thick = 0.72 / len(series)
    for number, (label, values) in enumerate(series.items()):
        shift = 0.36 - thick * (number + 0.5)
        axes.barh(
            places + shift, values, height=thick, color=SERIES[number % len(SERIES)], label=label
        )
    if errors is not None:
        middle = np.asarray(next(iter(series.values())), dtype=float)
        spread = np.clip([middle - np.asarray(errors[0]), np.asarray(errors[1]) - middle], 0, None)
        axes.errorbar(middle, places, xerr=spread, fmt="none", ecolor=INK, elinewidth=1.2)
    axes.set_yticks(places, [_short(label) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(_formatter(value_format))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.set_xlabel(along)
    if len(series) > 1:
        _explain(figure, axes)
    return _svg(figure, name)


def standalone(svg: str) -> str:
    """Return a chart as a file of its own, with plain colours instead of the page's."""
    plain = {
        "--ink": "#1b2430",
        "--soft": "#566272",
        "--line": "#d8d5cc",
        "--c1": "#0b6e99",
        "--c2": "#b4540a",
        "--c3": "#4d7c0f",
        "--c4": "#7e4fa0",
        "--c5": "#b8325a",
        "--c1-soft": "#99bbcc",
    }
    for variable, colour in plain.items():
        svg = svg.replace(f"var({variable})", colour)
    return svg.replace("<svg ", '<svg style="background:#fff" ', 1)


def _canvas(width: float = 5.0, height: float = 3.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.grid(visible=True, axis="both", color=LINE, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=SOFT, labelcolor=SOFT, length=0, labelsize=11)
    return figure, axes


def _svg(figure: Figure, name: str) -> str:
    """Write a figure, with colours as variables and names that are unique on the page."""
    for axes in figure.axes:
        for words in (axes.xaxis.label, axes.yaxis.label):
            words.set_color(SOFT)
            words.set_fontsize(11)
    out = StringIO()
    with _drawing, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True
        )
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for colour, variable in COLOURS.items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)
    # Ids of matplotlib repeat from chart to chart: a page holds several.
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)


def _explain(figure: Figure, axes: Axes) -> None:
    """Name the lines above the chart, where they hide nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=4 if sum(map(len, labels)) < 30 else 2,
        frameon=False,
        fontsize=11,
        labelcolor=INK,
        columnspacing=1.2,
        handlelength=1.8,
    )


def _name_places(axes: Axes, x: Sequence[float], labels: Sequence[str]) -> None:
    step = max(1, -(-len(labels) // 6))
    axes.set_xticks(list(x)[::step], list(labels)[::step])


def _formatter(write: Formats) -> FuncFormatter:
    return FuncFormatter(lambda value, _place: write(value))


def _short(label: str, most: int = 34) -> str:
    """Leave out the middle of a long label: its end tells it from others like it."""
    if len(label) <= most:
        return label
    half = (most - 1) // 2
    return f"{label[:half].rstrip()}…{label[-half:].lstrip()}"
