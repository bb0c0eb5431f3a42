"""Promises as the command line and the service tell them: every horizon, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from history import History
from monitoring.outcomes import Promises, compare_promises, early_estimates
from monitoring.reconciling import reconcile


def kept_promises(
    scores: pd.DataFrame,
    history: History,
    now: pd.Timestamp,
    *,
    horizons: Sequence[int],
    target: str,
    confidence: float = 0.95,
) -> list[Promises]:
    """Compare promised with realised for each horizon that is due.

    Parameters
    ----------
    scores, history, now, target, confidence : as for `compare_promises`. Leads that the history
        does not know are left out: nothing can be said of what came of them.
    horizons : days; those without scores or without a mature cohort are left out.
    """
    found = (
        compare_promises(part, history, now, horizon=h, target=target, confidence=confidence)
        for h, part in _by_horizon(scores, history, horizons)
    )
    return [each for each in found if each is not None]


def told(
    scores: pd.DataFrame,
    history: History,
    now: pd.Timestamp,
    *,
    horizons: Sequence[int],
    target: str,
) -> list[dict[str, Any]]:
    """Return promised against realised of each horizon that the scores carry, as JSON data.

    Parameters
    ----------
    scores, history, now, horizons, target : as for `kept_promises`.

    Returns
    -------
    For each horizon ``horizon``, ``mature`` (the comparison, None where nothing is due),
    ``cohorts`` (with early estimates of those that are not due) and ``reconciled`` (the early
    estimates of those that are, beside what came).
    """
    answers = []
    for horizon, part in _by_horizon(scores, history, horizons):
        kept = compare_promises(part, history, now, horizon=horizon, target=target)
        early = early_estimates(part, history, now, horizon=horizon, target=target)
        answers.append(
            {
                "horizon": horizon,
                "mature": None if kept is None else _plain(kept),
                "cohorts": _records(early),
                "reconciled": _records(
                    reconcile(part, history, now, horizon=horizon, target=target)
                ),
            }
        )
    return answers


def early_words(outcome: dict[str, Any]) -> list[str]:
    """Say in a sentence or two what is expected of young cohorts, and how good such guesses were.

    Parameters
    ----------
    outcome : of one horizon, from `told`.
    """
    words = []
    young = [each for each in outcome["cohorts"] if not each["mature"]]
    if young:
        sums = {name: sum(each[name] for each in young) for name in _SUMMED}
        words.append(
            f"{sums['promised']:.1f} conversions are promised of {len(young)} runs that are not "
            f"due; {sums['so_far']:.0f} came so far, {sums['estimate']:.1f} are expected."
        )
    due = outcome["reconciled"]
    if due:
        held = sum(each["held"] for each in due)
        words.append(
            f"Of the last {len(due)} runs that are due, what was expected after a third of the "
            f"time held the truth in {held}: {sum(each['estimate'] for each in due):.1f} expected, "
            f"{sum(each['realised'] for each in due):.0f} came."
        )
    return words


_SUMMED = ("promised", "so_far", "estimate")


def _by_horizon(
    scores: pd.DataFrame, history: History, horizons: Sequence[int]
) -> list[tuple[int, pd.DataFrame]]:
    known = scores[scores["lead_id"].isin(history.leads["lead_id"]).to_numpy()]
    parts = []
    for horizon in horizons:
        column = f"probability_{horizon}d"
        if column in known.columns:
            part = known[known[column].notna().to_numpy()].reset_index(drop=True)
            parts += [(horizon, part)] if len(part) else []
    return parts


def _plain(kept: Promises) -> dict[str, Any]:
    """Return a comparison as JSON data; what is not known is None."""
    plain = {
        name: _known(value)
        for name, value in asdict(kept).items()
        if name not in ("calibration", "cohorts")
    }
    return {**plain, "calibration": _records(kept.calibration), "cohorts": _records(kept.cohorts)}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _known(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _known(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_known(each) for each in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN
