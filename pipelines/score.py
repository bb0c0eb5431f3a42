"""`smarketing score`: scores of every open lead, as a file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features import compute_features, open_leads
from history import History
from models import ConversionModel, Scores, score
from pipelines import context, output
from pipelines.train import registry_of
from settings import Settings


def run(settings: Settings, as_of: str | None, out: Path, *, top_reasons: int = 3) -> Scores:
    """Score every lead open at `as_of` with the champion.

    Parameters
    ----------
    settings : of the installation.
    as_of : the cutoff; the end of the observation where missing.
    out : a .parquet or .csv file.
    top_reasons : reasons per lead.

    Raises
    ------
    ValueError : no champion, an empty history, or a time or file that cannot be used.
    """
    output.check(out)
    registry = registry_of(settings)
    champion = registry.version("champion")
    with context.working("reading the history") as (progress, task):
        history = context.history_of(settings, context.store_of(settings))
        moment = history.observed_until
        if as_of is not None:
            moment = context.instant(as_of, "--as-of", settings.history.timezone)
        progress.update(task, description="scoring")
        model = registry.load(champion)
        scores = score_open_leads(
            settings, model, history, moment, str(champion.version), top_reasons
        )
    output.write(filed(scores), out)
    context.note(f"{len(scores.frame):,} leads scored as of {moment} -> {out}")
    return scores


def score_open_leads(
    settings: Settings,
    model: ConversionModel,
    history: History,
    as_of: pd.Timestamp,
    version: str,
    top_reasons: int = 3,
) -> Scores:
    """Score every lead open at an instant, best first."""
    matrix = compute_features(history, open_leads(history, as_of), model.features)
    scores = score(model, matrix, grades=settings.grades, top_reasons=top_reasons, version=version)
    last = f"probability_{scores.horizons[-1]}d"
    ranked = scores.frame.sort_values([last, "lead_id"], ascending=[False, True], ignore_index=True)
    return Scores(ranked, scores.horizons)


def filed(scores: Scores) -> pd.DataFrame:
    """Return scores as a file holds them: a reason's value is text, whatever its kind."""
    reasons = [
        [{**reason, "value": _text(reason["value"])} for reason in given]
        for given in scores.frame["reasons"]
    ]
    return scores.frame.assign(reasons=pd.Series(reasons, dtype=object))


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
