"""The score log: every score that was served, with what it was made of.

From a row and the model of its version the answer can be made again. Monitoring compares what was
promised with what came of it; the page of a lead draws its scores over time. Here it is written;
`history.score_reading` reads it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
from sqlalchemy import Connection, select

from history.erasure import kept_out
from history.history import micros
from history.schema import SCORE_COLUMNS, SCORES
from history.store import Store

_TOGETHER = 64
SHADOW = "shadow"
"""Status of what a challenger would have said; nobody was shown it."""


class ServedScore(NamedTuple):
    """A score as it was served.

    Parameters
    ----------
    lead_id : as the caller sent it.
    as_of, scored_at : the cutoff, and when the score was made; UTC microseconds.
    model_version : of the registry.
    horizons, probabilities : in days, rising, and the probability within each.
    score, grade, status : as in the answer.
    reasons : as in the answer: feature, label, value and effect.
    names, features : names of the model's features, and their values: numbers, texts, or None.
    feature_us, model_us : what the lead's part of the work took, in microseconds.
    """

    lead_id: str
    as_of: int
    scored_at: int
    model_version: str
    horizons: tuple[int, ...]
    probabilities: tuple[float, ...]
    score: float
    grade: str
    status: str
    reasons: Sequence[Mapping[str, Any]]
    names: tuple[str, ...]
    features: Sequence[Any]
    feature_us: int
    model_us: int


@dataclass(frozen=True, slots=True)
class BulkScores:
    """Many scores that were served at once, without reasons and features.

    There are too many of them to keep what the history gives again at any time.

    Parameters
    ----------
    lead_ids : as the caller sent them.
    as_of : cutoffs, UTC microseconds.
    scored_at : when, for all.
    model_version, horizons : as in `ServedScore`.
    probabilities : shape (leads, horizons).
    scores, grades, statuses : as in the answer.
    feature_us, model_us : what one lead's part of the work took.
    """

    lead_ids: Sequence[str]
    as_of: npt.NDArray[np.int64]
    scored_at: int
    model_version: str
    horizons: tuple[int, ...]
    probabilities: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    grades: Sequence[str]
    statuses: Sequence[str]
    feature_us: int
    model_us: int


def write_bulk(store: Store, served: BulkScores) -> None:
    """Write many scores durably, all of them or none, through the driver itself.

    Scores of people who were erased meanwhile are left out.

    Raises
    ------
    StoreError : the store cannot be written.
    """
    if not served.lead_ids:
        return
    same = (served.model_version, _json(served.horizons))
    rest = ("[]", _columns_id(()), "[]", served.feature_us, served.model_us)
    rows = [
        (lead, at, served.scored_at, *same, _json(chances), chances[-1], *graded, *rest)
        for lead, at, chances, *graded in zip(
            served.lead_ids,
            served.as_of.tolist(),
            served.probabilities.tolist(),
            served.scores.tolist(),
            served.grades,
            served.statuses,
            strict=True,
        )
    ]
    _insert(store, rows, {_columns_id(()): ()})


def prune_scores(store: Store, before: pd.Timestamp, most: int = 1_000) -> int:
    """Delete scores that were made before an instant, the oldest first; return how many.

    Parameters
    ----------
    store : of the history.
    before : exclusive.
    most : at once: a writer that waits must not wait long.

    Raises
    ------
    StoreError : the store cannot be written.
    """
    old = select(SCORES.c.number).where(SCORES.c.scored_at < micros(before))
    old = old.order_by(SCORES.c.scored_at).limit(most)
    with store.writing() as connection:
        gone = connection.execute(SCORES.delete().where(SCORES.c.number.in_(old)))
        return int(gone.rowcount)


def write_scores(store: Store, served: Sequence[ServedScore]) -> None:
    """Write scores durably: all of them, or none. Those of people erased meanwhile are left out.

    Raises
    ------
    StoreError : the store cannot be written.
    """
    if not served:
        return
    named = {each.names: _columns_id(each.names) for each in served}
    rows = [_row(each, named[each.names]) for each in served]
    _insert(store, rows, {columns_id: names for names, columns_id in named.items()})


def _insert(
    store: Store, rows: Sequence[tuple[Any, ...]], named: Mapping[str, Sequence[str]]
) -> None:
    """Write rows of `SCORES` through the driver itself, many with one statement.

    With a statement a row the driver lets go of Python's lock for each, and takes it from the
    thread that answers requests.
    """
    mark = "?" if store.engine.dialect.paramstyle == "qmark" else "%s"
    with store.writing() as connection:
        erased = kept_out(connection, {row[0] for row in rows})
        kept = [row for row in rows if row[0] not in erased] if erased else rows
        if not kept:
            return
        _remember(connection, named)
        for first in range(0, len(kept), _TOGETHER):
            part = kept[first : first + _TOGETHER]
            connection.exec_driver_sql(_insertion(len(part), mark), tuple(chain(*part)))


@lru_cache(maxsize=2 * _TOGETHER)
def _insertion(count: int, mark: str) -> str:
    row = f"({', '.join([mark] * len(_COLUMNS))})"
    return f"INSERT INTO scores ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)}"  # noqa: S608  our own names


_COLUMNS = [column.name for column in SCORES.columns if column.name != "number"]


def _row(each: ServedScore, columns_id: str) -> tuple[Any, ...]:
    """Return the values of `_COLUMNS`."""
    return (
        each.lead_id,
        each.as_of,
        each.scored_at,
        each.model_version,
        _json(each.horizons),
        _json(each.probabilities),
        each.probabilities[-1],
        each.score,
        each.grade,
        each.status,
        _json(each.reasons),
        columns_id,
        _json(each.features),
        each.feature_us,
        each.model_us,
    )


def _json(value: Any) -> str:
    """Write JSON, what is no number as null: this is done beside requests, and must be quick."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


@lru_cache(maxsize=64)
def _columns_id(names: tuple[str, ...]) -> str:
    return hashlib.blake2b("\x1f".join(names).encode(), digest_size=8).hexdigest()


def _remember(connection: Connection, named: Mapping[str, Sequence[str]]) -> None:
    """Keep the names of the columns, once for all rows that share them."""
    for columns_id, names in named.items():
        same = SCORE_COLUMNS.c.columns_id == columns_id
        if connection.execute(select(SCORE_COLUMNS.c.columns_id).where(same)).first() is None:
            connection.execute(
                SCORE_COLUMNS.insert().values(columns_id=columns_id, names=json.dumps(list(names)))
            )
