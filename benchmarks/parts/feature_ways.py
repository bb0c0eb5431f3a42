"""The same counts, sums and recencies of the same snapshots, each way from the files to a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
from parts.feature_sql import DUCKDB

from features import Feature
from features.files import engine_of_files, files_of

DAY_US = 86_400_000_000


def scan(folder: Path) -> None:
    """Read the files, and nothing more."""
    pq.read_table(folder / "engagements.parquet")


def scan_and_sort(folder: Path) -> None:
    """Read the files and sort the engagements by lead and time, as every way must."""
    pq.read_table(folder / "engagements.parquet").sort_by(
        [("lead_id", "ascending"), ("occurred_at", "ascending")]
    )


def with_kernel(folder: Path, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute them as the product does from files."""
    snapshots = pd.read_parquet(folder / "snapshots.parquet")
    return engine_of_files(files_of(folder), features).compute(snapshots).values


def with_duckdb(folder: Path, features: Sequence[Feature], parts: int = 1) -> pd.DataFrame:
    """Compute them in DuckDB: a join on lead and time, and filtered aggregates, part by part."""
    columns = DUCKDB.columns(list(features))
    found = []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"""CREATE TABLE s AS
                SELECT row_number() OVER () AS n, lead_id, as_of, hash(lead_id) % {parts} AS part
                FROM '{folder}/snapshots.parquet'"""
        )
        for part in range(parts):
            query = f"""
                SELECT s.n, {columns} FROM s LEFT JOIN '{folder}/engagements.parquet' e
                  ON e.lead_id = s.lead_id AND e.occurred_at < s.as_of AND e.recorded_at < s.as_of
                  AND hash(e.lead_id) % {parts} = {part}
                WHERE s.part = {part} GROUP BY s.n, s.as_of"""
            found.append(connection.execute(query).df())
    together = pd.concat(found).sort_values("n", ignore_index=True)
    return together.drop(columns="n").astype("float64")


def with_polars(folder: Path, features: Sequence[Feature], parts: int = 1) -> pd.DataFrame:
    """Compute them in Polars: one join a part, each condition once, and sums of what it lets by."""
    snapshots = pl.scan_parquet(folder / "snapshots.parquet").with_row_index("n")
    rows = pl.scan_parquet(folder / "engagements.parquet")
    rows = rows.select(
        "lead_id",
        "kind",
        "team",
        "channel",
        "direction",
        occurred=pl.col("occurred_at").dt.epoch("us"),
        recorded=pl.col("recorded_at").dt.epoch("us"),
        value=(pl.col("value") * 100).round().fill_null(0).fill_nan(0).cast(pl.Int64),
    )
    asked = snapshots.select("n", "lead_id", asked=pl.col("as_of").dt.epoch("us"))
    found = []
    for part in range(parts):
        mine = pl.col("lead_id").hash(7) % parts == part
        seen = (
            asked.filter(mine)
            .join(rows.filter(mine), on="lead_id", how="inner")
            .filter(pl.col("occurred") < pl.col("asked"), pl.col("recorded") < pl.col("asked"))
        )
        groups = seen.group_by("n", "asked").agg(_polars(feature) for feature in features)
        found.append(groups.collect())
    together = asked.collect().drop("lead_id").join(pl.concat(found), on=["n", "asked"], how="left")
    counted = [feature.name for feature in features if feature.aggregate != "days_since_last"]
    frame = together.sort("n").with_columns(pl.col(counted).fill_null(0)).drop("n", "asked")
    unit = {"count": 1, "sum": 100, "days_since_last": DAY_US}
    # Polars divides by a constant as by its inverse, and the last bit is lost: so not in Polars.
    return frame.to_pandas().astype("float64") / [unit[feature.aggregate] for feature in features]


def _polars(feature: Feature) -> pl.Expr:
    chosen = pl.lit(True)
    if feature.window_days:
        chosen = pl.col("occurred") >= pl.col("asked") - feature.window_days * DAY_US
    for name, values in feature.where.items():
        chosen = chosen & (pl.col(name) == values[0])
    if feature.aggregate == "count":
        return pl.col("n").filter(chosen).len().alias(feature.name)
    if feature.aggregate == "sum":
        return pl.col(feature.column).filter(chosen).sum().alias(feature.name)
    gone = pl.col("asked").first() - pl.col("occurred").filter(chosen).max()
    return gone.alias(feature.name)


def with_pandas(folder: Path, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute them in pandas: a merge, and one groupby a feature."""
    snapshots = pd.read_parquet(folder / "snapshots.parquet").rename_axis("n").reset_index()
    rows = pd.read_parquet(folder / "engagements.parquet").merge(snapshots, on="lead_id")
    rows = rows[(rows["occurred_at"] < rows["as_of"]) & (rows["recorded_at"] < rows["as_of"])]
    rows["cents"] = (rows["value"] * 100).round()
    age = rows["as_of"] - rows["occurred_at"]
    found = {}
    for feature in features:
        keep = np.ones(len(rows), dtype=bool)
        if feature.window_days:
            keep &= (age <= pd.Timedelta(days=feature.window_days)).to_numpy()
        for name, values in feature.where.items():
            keep &= (rows[name] == values[0]).to_numpy()
        group = rows[keep].groupby("n")
        if feature.aggregate == "count":
            found[feature.name] = group.size().reindex(snapshots["n"], fill_value=0)
        elif feature.aggregate == "sum":
            found[feature.name] = group["cents"].sum().reindex(snapshots["n"], fill_value=0) / 100
        else:
            last = group["occurred_at"].max().reindex(snapshots["n"])
            gone = snapshots["as_of"].to_numpy() - last.to_numpy()
            found[feature.name] = gone / np.timedelta64(DAY_US, "us")
    return pd.DataFrame(found).astype("float64").reset_index(drop=True)
