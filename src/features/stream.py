"""Features of histories that do not fit into memory: one part at a time, from Parquet to Parquet.

DuckDB deals the columns that features look at into parts by buying group (the account, or the lead
itself where it has none), so that colleagues lie together; each part is then a folder of files,
computed as every other. Memory grows with the part, not with the history, and the results are the
same to the last bit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from features.declaration import Feature
from features.files import ROWS, columns_of, engine_of_files, files_of
from features.training_set import FeatureMatrix, arrow_schema, as_arrow

_SNAPSHOTS = "snapshots"


def write_features(
    folder: Path,
    snapshots: Path,
    features: Sequence[Feature],
    out: Path,
    *,
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
    current_only : ``table.column`` of attributes of which only today's value is known.
    parts : into how many parts the buying groups are dealt.
    memory : what DuckDB may use while it deals them; the rest waits on disk. It decides the peak,
        and more of it was not faster.

    Returns
    -------
    How many snapshots were written.

    Raises
    ------
    ValueError : the folder holds no leads, a snapshot is of no known lead, or the declarations
        contradict themselves or the files.
    """
    schema = arrow_schema(features)
    written, partial = 0, out.with_suffix(".partial")
    with TemporaryDirectory(dir=out.parent) as name:
        scratch = Path(name)
        deal(folder, snapshots, features, scratch, parts=parts, memory=memory)
        with pq.ParquetWriter(partial, schema) as writer:
            for part in sorted((scratch / _SNAPSHOTS).glob("part=*")):
                table = as_arrow(_computed(scratch, part.name, features, current_only), schema)
                writer.write_table(table)
                written += len(table)
    partial.replace(out)
    return written


def _computed(
    scratch: Path, part: str, features: Sequence[Feature], current_only: Collection[str]
) -> FeatureMatrix:
    """Compute the snapshots of a part, in the order of lead and cutoff."""
    files = {each.parent.name: each for each in scratch.glob(f"*/{part}")}
    wanted = pq.read_table(files.pop(_SNAPSHOTS), partitioning=None).to_pandas()
    as_of = pd.to_datetime(wanted["as_of"], utc=True).dt.as_unit("us")
    wanted = wanted.assign(as_of=as_of).sort_values(["lead_id", "as_of"], ignore_index=True)
    return engine_of_files(files, features, current_only).compute(wanted)


def deal(
    folder: Path,
    snapshots: Path,
    features: Sequence[Feature],
    scratch: Path,
    *,
    parts: int,
    memory: str,
) -> None:
    """Deal what features look at into parts by buying group.

    Raises
    ------
    ValueError : the folder holds no leads, or a snapshot is of no known lead.
    """
    needed = columns_of(features)
    unused = ROWS - set(needed)
    files = {name: file for name, file in files_of(folder).items() if name not in unused}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute("SET preserve_insertion_order = false")
        # Only where it is on: in a notebook without ipywidgets it is off, and may not be touched.
        if connection.sql("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
            connection.execute("SET enable_progress_bar = false")
        leads = connection.read_parquet(str(files["leads"]))
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
        for name, file in {**files, _SNAPSHOTS: snapshots}.items():
            source = connection.read_parquet(str(file))
            if name in ROWS:
                source = source.select(*(each for each in source.columns if each in needed[name]))
            source.create_view("source", replace=True)
            _deal_table(connection, name, scratch / name, parts)


def _deal_table(connection: duckdb.DuckDBPyConnection, name: str, to: Path, parts: int) -> None:
    """Write the source in parts; rows of leads that are not known fall out."""
    of_account = f"hash('account ' || account_id) % {parts}"
    joined = {
        "accounts": f"SELECT *, {of_account} AS part FROM source",  # noqa: S608  our own words
        "attribute_history": f"""SELECT source.*, CASE WHEN entity = 'account'
            THEN {of_account.replace("account_id", "entity_id")} ELSE part END AS part
            FROM source LEFT JOIN groups ON entity = 'lead' AND entity_id = groups.lead_id
            WHERE entity = 'account' OR part IS NOT NULL""",  # noqa: S608  our own words
    }.get(name, "SELECT source.*, part FROM source JOIN groups USING (lead_id)")
    target = str(to).replace("'", "''")
    connection.execute(f"COPY ({joined}) TO '{target}' (FORMAT parquet, PARTITION_BY (part))")
