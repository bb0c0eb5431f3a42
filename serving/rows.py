"""Frames as JSON data."""

from __future__ import annotations

from typing import Any

import pandas as pd

from history import History


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dicts, with None where a value is missing."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def timeline(history: History) -> list[dict[str, Any]]:
    """Return everything that happened with a lead, the newest first."""
    parts: list[dict[str, Any]] = []
    for table in ("engagements", "outcomes", "dispositions"):
        what = table.removesuffix("s")
        parts += [{"what": what, **row} for row in records(history.frames()[table])]
    return sorted(parts, key=lambda row: row["occurred_at"], reverse=True)


def scores_over_time(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return past scores of a lead as its page draws them, the oldest first.

    Parameters
    ----------
    scores : as `history.score_log.read_scores` returns them.
    """
    shown = ["scored_at", "as_of", "probability", "score", "grade", "model_version", "status"]
    return records(scores[shown])
