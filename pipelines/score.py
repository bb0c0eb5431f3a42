"""`smarketing score`: scores of every open lead, as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alignment.agreement import in_force
from features import LiveEngine, compute_features, open_leads
from history import History, Store
from history.extent import lead_pages, observed_until
from history.history import micros
from history.lead_rows import read_lead_rows
from history.personal import marked
from history.teamwork import agreements
from models import ConversionModel, Scores, score
from models.personal import outdated
from models.registry import Registry
from models.scoring import Grades, score_rows
from pipelines import context, output
from pipelines.failures import UsageError
from settings import Settings

_PAGE = 2_000


def run(settings: Settings, as_of: str | None, out: Path, *, top_reasons: int = 3) -> int:
    """Score every lead open at `as_of` with the champion, best first, in bounded memory.

    Leads are read, scored and set aside page by page, and sorted on disk.

    Parameters
    ----------
    settings : of the installation.
    as_of : the cutoff; the end of the observation where missing.
    out : a .parquet or .csv file.
    top_reasons : reasons per lead.

    Returns
    -------
    How many leads were scored.

    Raises
    ------
    ValueError : no champion, an empty history, or a time or file that cannot be used.
    """
    output.check(out)
    registry = Registry.of(settings.tracking)
    champion = registry.version("champion")
    store = context.store_of(settings)
    moment = _moment(settings, store, as_of)
    if next(lead_pages(store, moment, 1), None) is None:
        raise UsageError(f"--as-of: {moment.isoformat()} lies before the first lead")
    model = registry.load(champion)
    with store.reading() as connection:
        personal = marked(connection)
    if problem := outdated(model, str(champion.version), personal):
        context.note(problem)
    schema = _schema(model.horizons)
    count = 0
    grades = in_force(agreements(store), settings.agreement).grades(settings.grades)
    with (
        context.working("scoring") as (progress, task),
        TemporaryDirectory(dir=out.parent, prefix=".scores-") as scratch,
    ):
        with pq.ParquetWriter(Path(scratch) / "scored.parquet", schema) as writer:
            for page in _pages(
                store, model, grades, moment, str(champion.version), top_reasons, personal
            ):
                writer.write_table(page)
                count += len(page)
                progress.update(task, description=f"scoring: {count:,} leads")
        output.write_sorted(Path(scratch), schema.names[1 + len(model.horizons)], out)
    context.note(f"{count:,} leads scored as of {moment} -> {out}")
    return count


def _moment(settings: Settings, store: Store, as_of: str | None) -> pd.Timestamp:
    """Return the cutoff: as asked, as configured, or the end of the history."""
    end = observed_until(store)
    if as_of is not None:
        return context.instant(as_of, "--as-of", settings.history.timezone)
    told = settings.history.observed_until
    return end if told is None else pd.Timestamp(told).tz_convert("UTC").as_unit("us")


def _pages(
    store: Store,
    model: ConversionModel,
    grades: Grades,
    as_of: pd.Timestamp,
    version: str,
    top_reasons: int,
    personal: frozenset[str],
) -> Iterator[pa.Table]:
    """Yield the scores of the open leads, page by page."""
    schema = _schema(model.horizons)
    engine = LiveEngine(model.features, personal)
    for ids in lead_pages(store, as_of, _PAGE):
        known = read_lead_rows(store, ids, (), engine.of_colleagues)
        values = engine.compute(known, ids, np.full(len(ids), micros(as_of), dtype=np.int64))
        still = values.still_open
        columns = [column[still] for column in values.columns]
        count = int(still.sum())
        if not count:
            continue
        rows = score_rows(
            model,
            model.encode_columns(columns),
            grades=grades,
            columns=partial(tuple, columns),
            explained=count,
            top_reasons=top_reasons,
        )
        given = rows.reasons or [[] for _ in range(count)]
        instant = pa.array(np.full(count, micros(as_of)), pa.int64())
        yield pa.table(
            [
                pa.array(np.array(ids, dtype=object)[still], pa.string()),
                instant.cast(pa.timestamp("us", tz="UTC")),
                *(pa.array(chances) for chances in rows.probabilities.T),
                pa.array(rows.points),
                pa.array(rows.grades.tolist(), pa.string()),
                pa.array([_texts(each) for each in given], schema.field("reasons").type),
                pa.array([version] * count, pa.string()),
            ],
            schema=schema,
        )


def _schema(horizons: Sequence[int]) -> pa.Schema:
    text, number = pa.string(), pa.float64()
    reason = pa.struct([("feature", text), ("label", text), ("value", text), ("effect", number)])
    return pa.schema(
        [
            ("lead_id", text),
            ("as_of", pa.timestamp("us", tz="UTC")),
            *((f"probability_{horizon}d", number) for horizon in horizons),
            ("score", number),
            ("grade", text),
            ("reasons", pa.list_(reason)),
            ("model_version", text),
        ]
    )


def score_open_leads(
    settings: Settings,
    model: ConversionModel,
    history: History,
    as_of: pd.Timestamp,
    version: str,
    top_reasons: int = 3,
) -> Scores:
    """Score every lead open at an instant, best first; what is personal is missing to the model."""
    history = history.without_personal()
    matrix = compute_features(history, open_leads(history, as_of), model.features)
    grades = settings.agreement.grades or settings.grades
    scores = score(model, matrix, grades=grades, top_reasons=top_reasons, version=version)
    last = f"probability_{scores.horizons[-1]}d"
    ranked = scores.frame.sort_values([last, "lead_id"], ascending=[False, True], ignore_index=True)
    return Scores(ranked, scores.horizons)


def filed(scores: Scores) -> pd.DataFrame:
    """Return scores as a file holds them: a reason's value is text, whatever its kind."""
    reasons = [_texts(given) for given in scores.frame["reasons"]]
    return scores.frame.assign(reasons=pd.Series(reasons, dtype=object))


def _texts(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**reason, "value": _text(reason["value"])} for reason in given]


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
