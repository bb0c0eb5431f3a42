"""`POST /score/bulk`: many leads at once, as an Arrow stream or a Parquet file, in and out.

The table names leads by ``lead_id``, each with an ``as_of`` if it is not now; or it holds the
model's features as `smarketing features` writes them, which are then taken as they are. The work
is done in a thread, part by part, so that single scores go on beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from features.attributes import field_of, missing
from history.history import micros
from history.lead_rows import read_lead_rows
from history.score_log import BulkScores
from models.scoring import score_rows
from serving import reading
from serving.body import instant
from serving.errors import RequestError
from serving.scorer import Scorer

if TYPE_CHECKING:
    from serving.desk import Desk

BULK = "/score/bulk"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
_PART = 2_000
_MOST_REASONS = 20
_REASON = pa.struct(
    [("feature", pa.string()), ("label", pa.string()), ("value", pa.string()),
     ("effect", pa.float64())]
)  # fmt: skip
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Asked:
    """Leads to score.

    Parameters
    ----------
    lead_ids : texts, missing ones None.
    as_of : UTC microseconds.
    features : the model's features, one array each; None where the history has them.
    """

    lead_ids: list[str | None]
    as_of: Ints
    features: list[npt.NDArray[Any]] | None


def route(desk: Desk) -> Route:
    """Return the route of the endpoint."""

    async def answer(request: Request) -> Response:
        top = reading.whole_number(request, "top_reasons", 0, _MOST_REASONS, least=0)
        body = await request.body()
        scorer, now = desk.scorer, desk.now()
        kind = PARQUET if body[:4] == b"PAR1" else ARROW
        asked = await run_in_threadpool(understood, body, scorer, now)
        parts = scored(scorer, asked, top, desk)
        schema = schema_of(scorer)
        if kind == PARQUET:
            return Response(await run_in_threadpool(_as_parquet, parts, schema), media_type=PARQUET)
        return StreamingResponse(_as_stream(parts, schema), media_type=ARROW)

    return Route(BULK, answer, methods=["POST"])


def understood(body: bytes, scorer: Scorer, now: pd.Timestamp) -> Asked:
    """Read a table of leads.

    Parameters
    ----------
    body : an Arrow stream, an Arrow file or a Parquet file.
    scorer : knows which features the model has.
    now : the cutoff where the table names none.

    Raises
    ------
    RequestError : 400 it is none of these; 422 it lacks a column or holds another type.
    """
    table = _table(body)
    if "lead_id" not in table.column_names:
        raise RequestError(422, f"the table has no column lead_id (it has {table.column_names})")
    ids = table["lead_id"]
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)):
        raise RequestError(422, f"lead_id: expected texts (got {ids.type})")
    model = scorer.champion.model
    features = None
    if set(model.names) <= set(table.column_names):
        features = [
            missing(f, len(table))
            if field_of(f) in scorer.personal
            else _values(table[f.name], text=f.is_text)
            for f in model.features
        ]
    cutoffs = _cutoffs(table, now, scorer.settings.history.timezone)
    return Asked(ids.to_pylist(), cutoffs, features)


def scored(scorer: Scorer, asked: Asked, top: int, desk: Desk) -> Iterator[pa.RecordBatch]:
    """Score leads part by part.

    Raises
    ------
    StoreError : the history cannot be read.
    """
    for start in range(0, len(asked.lead_ids), _PART):
        part = slice(start, start + _PART)
        begun = time.perf_counter()
        statuses, columns = _columns(scorer, asked, part)
        between = time.perf_counter()
        batch = _batch(scorer, asked, part, statuses, columns, top)
        spent = (between - begun, time.perf_counter() - between)
        _take_note(desk, scorer, batch, spent)
        yield batch


def _take_note(
    desk: Desk, scorer: Scorer, batch: pa.RecordBatch, spent: tuple[float, float]
) -> None:
    """Count the scores of a part, and let them wait for the score log."""
    scored = batch.filter(pa.compute.not_equal(batch["grade"], ""))
    grades = scored["grade"].to_pylist()
    desk.meters.scored(grades, *spent)
    if desk.score_log is None or not grades:
        return
    chances = [scored[f"probability_{h}d"].to_numpy() for h in scorer.answers.horizons]
    each_us = [int(seconds * 1e6 / len(grades)) for seconds in spent]
    desk.score_log.note_bulk(
        BulkScores(
            lead_ids=scored["lead_id"].to_pylist(),
            as_of=scored["as_of"].cast(pa.int64()).to_numpy(),
            scored_at=micros(desk.now()),
            model_version=scorer.champion.version,
            horizons=tuple(scorer.answers.horizons),
            probabilities=np.column_stack(chances),
            scores=scored["score"].to_numpy(),
            grades=grades,
            statuses=scored["status"].to_pylist(),
            feature_us=each_us[0],
            model_us=each_us[1],
        )
    )


def schema_of(scorer: Scorer) -> pa.Schema:
    """Return the columns of the answer."""
    chances = [(f"probability_{h}d", pa.float64()) for h in scorer.answers.horizons]
    return pa.schema(
        [
            ("lead_id", pa.string()), ("as_of", pa.timestamp("us", tz="UTC")), *chances,
            ("score", pa.float64()), ("grade", pa.string()), ("reasons", pa.list_(_REASON)),
            ("model_version", pa.string()), ("status", pa.string()),
        ]
    )  # fmt: skip


def _table(body: bytes) -> pa.Table:
    try:
        if body[:4] == b"PAR1":
            return pq.read_table(BytesIO(body))
        opened = pa.ipc.open_file if body[:6] == b"ARROW1" else pa.ipc.open_stream
        with opened(pa.py_buffer(body)) as reader:
            return reader.read_all()
    except (pa.ArrowException, OSError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(
            400, f"the body is neither an Arrow stream nor a Parquet file: {said[:200]}"
        ) from error


def _cutoffs(table: pa.Table, now: pd.Timestamp, timezone: str | None) -> Ints:
    if "as_of" not in table.column_names:
        return np.full(len(table), micros(now), dtype=np.int64)
    column = table["as_of"]
    if column.null_count:
        raise RequestError(422, "as_of: expected a time in every row, or no such column")
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        us = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
        return np.asarray(us.to_numpy(), dtype=np.int64)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = column.to_pylist()
        known = {text: instant(text, "as_of", timezone) for text in set(texts)}
        return np.array([known[text] for text in texts], dtype=np.int64)
    raise RequestError(
        422, f"as_of: expected a timestamp with a time zone, or ISO 8601 texts (got {column.type})"
    )


def _values(column: pa.ChunkedArray, *, text: bool) -> npt.NDArray[Any]:
    try:
        if text:
            found = [np.nan if each is None else each for each in column.cast("string").to_pylist()]
            return np.array(found, dtype=object)
        return column.cast("float64").to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise RequestError(422, f"a feature holds another type than declared: {error}") from error


def _columns(
    scorer: Scorer, asked: Asked, part: slice
) -> tuple[npt.NDArray[np.object_], list[npt.NDArray[Any]]]:
    """Return the status of each lead of a part, and the features of those that can be scored."""
    ids, as_of = asked.lead_ids[part], asked.as_of[part]
    if asked.features is not None:
        return np.full(len(ids), "ok", dtype=object), [each[part] for each in asked.features]
    statuses = np.full(len(ids), "unknown_lead", dtype=object)
    named = [each for each in ids if each is not None]
    if scorer.store is None:
        return statuses, []
    known = read_lead_rows(scorer.store, named, (), scorer.of_colleagues)
    for place, each in enumerate(ids):
        lead = None if each is None else known.leads.get(each)
        if each is None or (lead is not None and lead.created >= as_of[place]):
            statuses[place] = "invalid"
        elif lead is not None:
            statuses[place] = "ok"
    good = np.flatnonzero(statuses == "ok")
    if not len(good):
        return statuses, []
    values = scorer.engine.compute(known, [str(ids[place]) for place in good], as_of[good])
    statuses[good[~values.still_open]] = "closed"
    return statuses, list(values.columns)


def _batch(
    scorer: Scorer,
    asked: Asked,
    part: slice,
    statuses: npt.NDArray[np.object_],
    columns: list[npt.NDArray[Any]],
    top: int,
) -> pa.RecordBatch:
    """Score the features of a part, and put the leads that have none beside them."""
    model, count = scorer.champion.model, len(statuses)
    good = np.flatnonzero(np.isin(statuses.astype(str), ["ok", "closed"]))
    chances, points = np.zeros((count, len(model.horizons))), np.zeros(count)
    grades = np.full(count, "", dtype=object)
    reasons: list[Any] = [[] for _ in range(count)]
    if len(good) and columns:
        rows = score_rows(
            model,
            model.encode_columns(columns),
            grades=scorer.grades,
            columns=lambda: columns,
            explained=len(good),
            top_reasons=top,
        )
        chances[good], points[good], grades[good] = rows.probabilities, rows.points, rows.grades
        for place, given in zip(good, rows.reasons, strict=False):
            reasons[place] = [{**each, "value": _text(each["value"])} for each in given]
    arrays = [
        pa.array(asked.lead_ids[part], pa.string()),
        pa.array(asked.as_of[part], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        *(pa.array(chances[:, place]) for place in range(chances.shape[1])),
        pa.array(points),
        pa.array(grades, pa.string()),
        pa.array(reasons, pa.list_(_REASON)),
        pa.array([scorer.champion.version] * count, pa.string()),
        pa.array(statuses, pa.string()),
    ]
    return pa.record_batch(arrays, schema=schema_of(scorer))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _as_stream(parts: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    sink = BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in parts:
            writer.write_batch(batch)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


def _as_parquet(parts: Iterator[pa.RecordBatch], schema: pa.Schema) -> bytes:
    sink = BytesIO()
    with pq.ParquetWriter(sink, schema) as writer:
        for batch in parts:
            writer.write_batch(batch)
    return sink.getvalue()
