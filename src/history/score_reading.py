"""Reading the score log: what was served, what it promised, and what it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
from sqlalchemy import func, select

from history.history import UTC_MICROSECONDS, micros
from history.schema import SCORE_COLUMNS, SCORES
from history.score_log import SHADOW
from history.store import Store

_TIMES = ("as_of", "scored_at")
_LISTS = ("horizons", "probabilities", "reasons", "features")
_WEEK_US, _MONDAY_US = 7 * 86_400_000_000, 4 * 86_400_000_000
"""A week, and the first Monday after 1970 began."""
_AT_ONCE_US = 86_400_000_000


def read_scores(
    store: Store,
    *,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    lead_id: str | None = None,
    newest: int | None = None,
) -> pd.DataFrame:
    """Read scores that were served, the oldest first; those in the shadow were not.

    Parameters
    ----------
    store : of the history.
    since, until : scored at or after the one, and before the other.
    lead_id : of this lead alone.
    newest : at most so many, the newest ones.

    Returns
    -------
    Frame with ``lead_id``, ``as_of``, ``scored_at``, ``model_version``, ``horizons``,
    ``probabilities`` (lists), ``probability`` (of the longest horizon), ``score``, ``grade``,
    ``status``, ``reasons`` (list of dicts), ``columns_id``, ``features`` (list of values, see
    `feature_frame`), ``feature_us`` and ``model_us``.

    Raises
    ------
    StoreError : the store cannot be read.
    """
    query = select(SCORES).where(SCORES.c.status != SHADOW)
    if since is not None:
        query = query.where(SCORES.c.scored_at >= micros(since))
    if until is not None:
        query = query.where(SCORES.c.scored_at < micros(until))
    if lead_id is not None:
        query = query.where(SCORES.c.lead_id == lead_id)
    query = query.order_by(SCORES.c.scored_at.desc(), SCORES.c.number.desc())
    if newest is not None:
        query = query.limit(newest)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    names = [column.name for column in SCORES.columns]
    frame = pd.DataFrame(rows[::-1], columns=names).drop(columns="number")
    for name in _TIMES:
        instants = pd.to_datetime(frame[name].astype("int64"), unit="us", utc=True)
        frame[name] = instants.astype(UTC_MICROSECONDS)
    for name in _LISTS:
        frame[name] = frame[name].map(json.loads)
    return frame


def read_promises(store: Store, *, horizons: Sequence[int], shadow: bool = False) -> pd.DataFrame:
    """Read what served scores promised, one a lead, week and model version: the first of each.

    A score of a past instant, of a closed or an unknown lead promises nothing.

    Parameters
    ----------
    store : of the history.
    horizons : days; scores that lack one of them have no value there.
    shadow : read what challengers would have said instead.

    Returns
    -------
    Frame with ``lead_id``, ``as_of``, ``cohort`` (start of the week, Mondays, UTC),
    ``model_version`` and a ``probability_{h}d`` for each horizon.

    Raises
    ------
    StoreError : the store cannot be read.
    """
    week = (SCORES.c.as_of - _MONDAY_US) // _WEEK_US
    first = (
        select(func.min(SCORES.c.number))
        .where(
            SCORES.c.status == (SHADOW if shadow else "ok"),
            SCORES.c.scored_at - SCORES.c.as_of < _AT_ONCE_US,
        )
        .group_by(SCORES.c.lead_id, week, SCORES.c.model_version)
    )
    wanted = ("lead_id", "as_of", "model_version", "horizons", "probabilities")
    query = select(*(SCORES.c[name] for name in wanted)).where(SCORES.c.number.in_(first))
    with store.reading() as connection:
        rows = connection.execute(query.order_by(SCORES.c.number)).all()
    frame = pd.DataFrame(rows, columns=list(wanted))
    as_of = frame["as_of"].astype("int64")
    monday = (as_of - _MONDAY_US) // _WEEK_US * _WEEK_US + _MONDAY_US
    for name, instants in (("as_of", as_of), ("cohort", monday)):
        frame[name] = pd.to_datetime(instants, unit="us", utc=True).astype(UTC_MICROSECONDS)
    given = [
        dict(zip(json.loads(days), json.loads(chances), strict=True))
        for days, chances in zip(frame.pop("horizons"), frame.pop("probabilities"), strict=True)
    ]
    for horizon in horizons:
        column = [each.get(horizon, float("nan")) for each in given]
        frame[f"probability_{horizon}d"] = pd.Series(column, dtype="float64")
    return frame


def feature_frame(store: Store, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the feature values that scores were made of, one column a feature.

    Parameters
    ----------
    store : that the scores were read from.
    scores : as `read_scores` returns them.

    Returns
    -------
    A row for each score, in the same order; missing where a model did not have the feature.

    Raises
    ------
    StoreError : the store cannot be read.
    """
    with store.reading() as connection:
        found = connection.execute(select(SCORE_COLUMNS)).all()
    names = {row.columns_id: json.loads(row.names) for row in found}
    parts = [
        pd.DataFrame(rows["features"].tolist(), columns=names[columns_id], index=rows.index)
        for columns_id, rows in scores.groupby("columns_id", sort=False)
    ]
    return pd.concat(parts).reindex(scores.index) if parts else pd.DataFrame(index=scores.index)
