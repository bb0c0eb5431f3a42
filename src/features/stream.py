"""Features of histories that do not fit into memory: one part at a time, from Parquet to Parquet.

DuckDB deals the rows of all tables into parts by buying group (the account, or the lead itself
where it has none), so that colleagues lie together; each part is then a small history, computed
as every other. Memory grows with the part, not with the history, and the results are the same to
the last bit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from features.compute import compute_features
from features.declaration import Feature
from features.training_set import arrow_schema, as_arrow
from history import History
from history.tables import TABLES

_SNAPSHOTS = "snapshots"


def write_features(
    folder: Path,
    snapshots: Path,
    features: Sequence[Feature],
    out: Path,
    *,
    observed_until: pd.Timestamp,
    current_only: Collection[str] = (),
    parts: int = 64,
    memory: str = "300MB",
) -> int:
    """Compute declared features of snapshots, from a folder of Parquet files into one.

    Parameters
    ----------
    folder : canonical tables as ``leads.parquet``, ``engagements.parquet`` and so on, with times as
        timestamps in UTC; all but the leads may be missing.
    snapshots : a Parquet file with ``lead_id`` and ``as_of`` (exclusive).
    features : the declarations.
    out : the Parquet file to write: ``lead_id``, ``as_of`` and one column a feature, part by part.
        It appears when it is complete.
    observed_until : end of the observation, with a time zone.
    current_only : ``table.column`` of attributes of which only today's value is known.
    parts : into how many parts the buying groups are dealt.
    memory : what DuckDB may use while it deals them; the rest waits on disk. It decides the peak,
        and more of it was not faster.

    Returns
    -------
    How many snapshots were written.

    Raises
    ------
    ValueError : the folder holds no leads, or a snapshot is of no known lead.
    """
    schema = arrow_schema(features)
    written, partial = 0, out.with_suffix(".partial")
    with TemporaryDirectory(dir=out.parent) as scratch:
        deal(folder, snapshots, Path(scratch), parts=parts, memory=memory)
        with pq.ParquetWriter(partial, schema) as writer:
            for history, wanted in _parts(Path(scratch), parts, observed_until, current_only):
                table = as_arrow(compute_features(history, wanted, features), schema)
                writer.write_table(table)
                written += len(table)
    partial.replace(out)
    return written


def deal(folder: Path, snapshots: Path, scratch: Path, *, parts: int, memory: str) -> None:
    """Deal the rows of all tables into parts by buying group.

    Raises
    ------
    ValueError : the folder holds no leads, or a snapshot is of no known lead.
    """
    if not (folder / "leads.parquet").is_file():
        raise ValueError(f"{folder}: expected leads.parquet in it")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute("SET preserve_insertion_order = false")
        # Only where it is on: in a notebook without ipywidgets it is off, and may not be touched.
        if connection.sql("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
            connection.execute("SET enable_progress_bar = false")
        leads = connection.read_parquet(str(folder / "leads.parquet"))
        account = "account_id" if "account_id" in leads.columns else "NULL"
        connection.execute(
            f"""CREATE TABLE groups AS SELECT lead_id,
                hash(coalesce('account ' || {account}, 'lead ' || lead_id)) % {parts} AS part
                FROM leads"""  # noqa: S608  names of our own
        )
        stray = connection.execute(
            "SELECT lead_id FROM read_parquet(?) ANTI JOIN groups USING (lead_id) LIMIT 1",
            [str(snapshots)],
        ).fetchone()
        if stray is not None:
            raise ValueError(f"{snapshots.name}: there is no lead {stray[0]!r}")
        for name in TABLES:
            if (folder / f"{name}.parquet").is_file():
                _deal_table(connection, name, folder / f"{name}.parquet", scratch / name, parts)
        _deal_table(connection, _SNAPSHOTS, snapshots, scratch / _SNAPSHOTS, parts)


def _deal_table(
    connection: duckdb.DuckDBPyConnection, name: str, file: Path, to: Path, parts: int
) -> None:
    """Write one table in parts; rows of leads that are not known fall out."""
    of_account = f"hash('account ' || account_id) % {parts}"
    joined = {
        "accounts": f"SELECT *, {of_account} AS part FROM source",  # noqa: S608  our own words
        "attribute_history": f"""SELECT source.*, CASE WHEN entity = 'account'
            THEN {of_account.replace("account_id", "entity_id")} ELSE part END AS part
            FROM source LEFT JOIN groups ON entity = 'lead' AND entity_id = groups.lead_id
            WHERE entity = 'account' OR part IS NOT NULL""",  # noqa: S608  our own words
    }.get(name, "SELECT source.*, part FROM source JOIN groups USING (lead_id)")
    connection.read_parquet(str(file)).create_view("source", replace=True)
    target = str(to).replace("'", "''")
    connection.execute(f"COPY ({joined}) TO '{target}' (FORMAT parquet, PARTITION_BY (part))")


def _parts(
    scratch: Path, parts: int, observed_until: pd.Timestamp, current_only: Collection[str]
) -> Iterator[tuple[History, pd.DataFrame]]:
    """Yield each part that has snapshots, as a history."""
    names = [name for name in TABLES if (scratch / name).is_dir()]
    for part in range(parts):
        wanted = _read(scratch / _SNAPSHOTS, part)
        if wanted is None:
            continue
        found = {name: _read(scratch / name, part) for name in names}
        tables = {name: frame for name, frame in found.items() if frame is not None}
        as_of = pd.to_datetime(wanted["as_of"], utc=True).dt.as_unit("us")
        wanted = wanted.assign(as_of=as_of).sort_values(["lead_id", "as_of"], ignore_index=True)
        yield History.from_frames(tables, observed_until, current_only), wanted


def _read(table: Path, part: int) -> pd.DataFrame | None:
    folder = table / f"part={part}"
    return pq.read_table(folder, partitioning=None).to_pandas() if folder.is_dir() else None
