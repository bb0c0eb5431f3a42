"""Features straight from canonical Parquet files: only what they look at is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from features.checking import TABLE_OF, check
from features.compute import FeatureEngine, lines_of, plans_of
from features.dealing import WORKERS
from features.declaration import Feature
from features.pieces import of_files
from history import History
from history.tables import TABLES

BEGINNING = pd.Timestamp(0, tz="UTC")
"""Up to when a history is complete that nobody asks for labels: no feature looks at it."""
ROWS = frozenset(TABLE_OF.values()) - {"leads"}
"""Tables of rows: the big ones."""


def files_of(folder: Path) -> dict[str, Path]:
    """Return the canonical tables that lie in a folder as Parquet, by name.

    Raises
    ------
    ValueError : there are no leads among them.
    """
    files = {name: folder / f"{name}.parquet" for name in TABLES}
    if not files["leads"].is_file():
        raise ValueError(f"{folder}: expected leads.parquet in it")
    return {name: file for name, file in files.items() if file.is_file()}


def engine_of_files(
    files: Mapping[str, Path], features: Sequence[Feature], current_only: Collection[str] = ()
) -> FeatureEngine:
    """Return an engine over Parquet files, equal to one over their history to the last bit.

    Nothing is put into the canonical order and no id becomes a Python object, so that ten million
    engagements take seconds: for `build_training_set` or `audit` make a `History` instead.

    Parameters
    ----------
    files : canonical tables by name, each a Parquet file or a folder of them, with times as
        timestamps in UTC; all but the leads may be missing.
    features : the declarations, in the order of the columns wanted.
    current_only : ``table.column`` of attributes of which only today's value is known.

    Raises
    ------
    ValueError : the declarations contradict themselves or the files.
    """
    check(features)
    needed = columns_of(features)
    rows = {
        name: of_files(files[name], needed[name], least=2 * WORKERS)
        for name in ROWS & set(needed) & set(files)
    }
    facts = {
        name: pq.read_table(file, partitioning=None).to_pandas()
        for name, file in files.items()
        if name not in ROWS
    }
    history = History.from_frames(facts, BEGINNING, current_only)
    return FeatureEngine(history, features, rows)


def columns_of(features: Sequence[Feature]) -> dict[str, frozenset[str]]:
    """Return the columns that features look at, for each table of rows that they look at."""
    found: dict[str, frozenset[str]] = {}
    for source, (plan, _) in plans_of(features, lines_of(features)).items():
        name = TABLE_OF[source]
        key = {TABLES[name].key} if plan.by_position else set()
        columns = {"lead_id", "occurred_at", "recorded_at", *plan.columns, *key}
        found[name] = found.get(name, frozenset()) | columns
    return {name: columns & set(TABLES[name].names) for name, columns in found.items()}
