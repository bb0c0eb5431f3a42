"""`smarketing report`: the pages as files, for people without the service."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from features import FeatureMatrix, compute_features, open_leads
from history import History
from models import ConversionModel, Scores, score
from models.explanation import importance
from models.plots import importance_plot, to_svg
from models.registry import Registry
from models.versions import ModelVersion
from pipelines import context
from pipelines.train import registry_of
from settings import Settings

_QUEUE = 25
_templates = Environment(
    loader=PackageLoader("pipelines", "templates"), autoescape=True, undefined=StrictUndefined
)
_PLOTS = {
    "reliability": "Promised against observed",
    "gain": "Wins found by working the best leads first",
    "baselines": "Beside the alternatives",
    "weekly": "Wins reached at the team's capacity",
    "segments": "Promised against observed, part by part",
    "learning": "What more data would bring",
}


def run(settings: Settings, out: Path) -> Path:
    """Write the report of the champion on the configured history.

    Returns
    -------
    The page to open.

    Raises
    ------
    ValueError : no champion, or an empty history.
    """
    registry = registry_of(settings)
    version = registry.version("champion")
    with context.working("reading the history") as (progress, task):
        history = context.history_of(settings, context.store_of(settings))
        progress.update(task, description="scoring the open leads")
        page = write(settings, registry, version, history, out)
    context.note(f"open {page}")
    return page


def write(
    settings: Settings, registry: Registry, version: ModelVersion, history: History, out: Path
) -> Path:
    """Write the report's page, self-contained, into a folder."""
    model = registry.load(version)
    as_of = history.observed_until
    matrix = compute_features(history, open_leads(history, as_of), model.features)
    scores = score(model, matrix, grades=settings.grades, version=str(version.version))
    text = _templates.get_template("report.html").render(
        version=version,
        model=model,
        as_of=as_of,
        figures=_figures(registry, version),
        plots=_plots(registry, version, model, matrix),
        queue=_queue(scores),
        drivers=importance(model, matrix).head(15).to_dict("records"),
        grades=scores.frame["grade"].value_counts().sort_index().to_dict(),
        counts={name: len(frame) for name, frame in history.frames().items()},
        horizon=model.horizons[-1],
        open_leads=len(scores.frame),
    )
    out.mkdir(parents=True, exist_ok=True)
    page = out / "index.html"
    page.write_text(text, "utf-8")
    return page


def _figures(registry: Registry, version: ModelVersion) -> list[dict[str, object]]:
    """Return the held-out figures of the last horizon, one row per predictor."""
    table = registry.evaluation_figures(version)
    if table.empty:
        return []
    last = table[(table["horizon"] == table["horizon"].max()) & (table["segment"] == "future")]
    rows = []
    for name, part in last.groupby("predictor", sort=False):
        cells = part.set_index("metric")
        rows.append(
            {
                "name": name,
                "cells": {
                    metric: _interval(cells.loc[metric])
                    for metric in (
                        "log_loss",
                        "auc",
                        "average_precision",
                        "brier",
                        "calibration_error",
                    )
                    if metric in cells.index
                },
            }
        )
    return rows


def _interval(cell: pd.Series) -> str:
    return f"{cell['value']:.4f} ({cell['low']:.4f} to {cell['high']:.4f})"


def _plots(
    registry: Registry, version: ModelVersion, model: ConversionModel, matrix: FeatureMatrix
) -> dict[str, str]:
    """Return the pictures as SVG, by title."""
    found = {title: registry.plot(version, name) for name, title in _PLOTS.items()}
    plots = {title: text for title, text in found.items() if text}
    if model.kind == "fitted":
        drawn = to_svg(importance_plot(importance(model, matrix)))
        plots["What drives the scores of the open leads"] = drawn.decode()
    return {title: text[text.index("<svg") :] for title, text in plots.items()}


def _queue(scores: Scores) -> list[dict[str, object]]:
    last = f"probability_{scores.horizons[-1]}d"
    frame = scores.frame.sort_values([last, "lead_id"], ascending=[False, True]).head(_QUEUE)
    frame = frame.assign(probability=frame[last])
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
