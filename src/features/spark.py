"""The same declarations and the same kernel on Spark, for histories beyond one machine.

Spark does what it is good at: it brings together what belongs together. The columns that features
look at, of all tables, are dealt into parts by buying group (the account, or the lead itself where
no feature asks for its account), and each part is handed as Arrow to the engine that reads files
on one machine. So nothing is rewritten, nothing is sorted, colleagues are always in the same part,
and results are equal to the last bit.

The workers must find these packages: install the project on them, or ship it with
``spark.sparkContext.addPyFile``. Needs the extra ``spark`` and Java 17.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as fn
from pyspark.sql.types import DoubleType, StringType, StructField, StructType, TimestampType

from features.checking import COLLEAGUE_SOURCES, check
from features.compute import FeatureEngine
from features.declaration import Feature
from features.files import BEGINNING, ROWS, columns_of
from features.pieces import of_table
from features.training_set import arrow_schema, as_arrow
from history import History
from history.tables import TABLES

_KEY, _TABLE = "_key", "_table"
_SNAPSHOTS = "snapshots"
Places = Mapping[str, Mapping[str, str]]
"""For each table, its columns and how they are named on the way."""


def compute_features_on_spark(
    tables: Mapping[str, DataFrame],
    snapshots: DataFrame,
    features: Sequence[Feature],
    *,
    current_only: Collection[str] = (),
    parts: int = 200,
) -> DataFrame:
    """Compute declared features of snapshots with Spark.

    Parameters
    ----------
    tables : the canonical tables by name; all but ``leads`` may be missing. Times are timestamps,
        and the session's time zone is UTC.
    snapshots : ``lead_id`` and ``as_of`` (exclusive).
    features : the declarations.
    current_only : ``table.column`` of attributes of which only today's value is known.
    parts : into how many parts the buying groups are dealt. A part is computed at once, in the
        memory of one worker.

    Returns
    -------
    ``lead_id``, ``as_of`` and one column a feature, one row a snapshot, in no order.

    Raises
    ------
    ValueError : there are no leads, a table is unknown, or the session's zone is not UTC. A
        snapshot of a lead that is not known fails when Spark comes to it.
    """
    _check(tables, snapshots)
    check(features)
    declared, unusable = tuple(features), frozenset(current_only)
    frames = _keyed(_needed({**tables, _SNAPSHOTS: snapshots}, declared), declared)
    together, places = _together(frames)

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = _unpacked(list(batches), places)
        yield from _computed(found, declared, unusable).to_batches()

    parted = together.repartition(parts, _KEY).drop(_KEY)
    return parted.mapInArrow(compute, schema=_schema(declared))


def _check(tables: Mapping[str, DataFrame], snapshots: DataFrame) -> None:
    if "leads" not in tables:
        raise ValueError(f"the table leads is missing (found {', '.join(tables) or 'none'})")
    unknown = set(tables) - set(TABLES)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no table; the tables are {', '.join(TABLES)}")
    zone = snapshots.sparkSession.conf.get("spark.sql.session.timeZone")
    if zone not in ("UTC", "Etc/UTC"):
        raise ValueError(f"spark.sql.session.timeZone is {zone}; set it to UTC")


def _needed(frames: Mapping[str, DataFrame], features: Sequence[Feature]) -> dict[str, DataFrame]:
    """Keep what features look at: not ids of rows, for one."""
    columns = columns_of(features)
    return {
        name: frame.select([each for each in frame.columns if each in columns[name]])
        if name in ROWS
        else frame
        for name, frame in frames.items()
        if name not in ROWS or name in columns
    }


def _keyed(frames: Mapping[str, DataFrame], features: Sequence[Feature]) -> dict[str, DataFrame]:
    """Give each row the key of its buying group: rows of one key come into one part.

    Where no feature asks for the account, a lead is a group of its own, and nothing is joined.
    """
    asked = any(each.source in COLLEAGUE_SOURCES | {"account"} for each in features)
    lead = _key("lead", "lead_id")
    if not asked or "account_id" not in frames["leads"].columns:
        keys = {"attribute_history": _key("lead", "entity_id")}
        return {
            name: frame.withColumn(_KEY, keys.get(name, lead))
            for name, frame in frames.items()
            if name != "accounts"
        }
    account = fn.coalesce(_key("account", "account_id"), lead)
    groups = frames["leads"].select("lead_id", account.alias(_KEY))
    keyed = {name: _of_group(name, frame, groups) for name, frame in frames.items()}
    return {**keyed, "leads": frames["leads"].withColumn(_KEY, account)}


def _key(kind: str, column: str) -> Column:
    named = fn.concat(fn.lit(kind + " "), fn.col(column))
    return fn.when(named.isNotNull(), fn.xxhash64(named))


def _of_group(name: str, frame: DataFrame, groups: DataFrame) -> DataFrame:
    if name == "accounts":
        return frame.withColumn(_KEY, _key("account", "account_id"))
    if name != "attribute_history":
        return frame.join(groups, "lead_id", "left")
    of_lead = fn.col("entity") == "lead"
    joined = frame.join(
        groups.withColumnRenamed("lead_id", "_lead"),
        of_lead & (fn.col("entity_id") == fn.col("_lead")),
        "left",
    )
    key = fn.when(of_lead, fn.col(_KEY)).otherwise(_key("account", "entity_id"))
    return joined.withColumn(_KEY, key).drop("_lead")


def _together(frames: Mapping[str, DataFrame]) -> tuple[DataFrame, Places]:
    """Let all tables travel in the same few columns, as many as the widest has of each type.

    A column for each of every table's would be empty in the rows of all others, and be paid for.
    """
    places: dict[str, dict[str, str]] = {}
    types: dict[str, str] = {}
    for name, frame in frames.items():
        used: dict[str, int] = {}
        places[name] = {}
        for column, kind in frame.dtypes:
            if column == _KEY:
                continue
            used[kind] = used.get(kind, 0) + 1
            places[name][column] = f"{kind} {used[kind]}"
            types[places[name][column]] = kind
    moved = []
    for number, (name, frame) in enumerate(frames.items()):
        column_at = {place: column for column, place in places[name].items()}
        columns = [
            (fn.col(column_at[place]) if place in column_at else fn.lit(None).cast(kind)).alias(
                place
            )
            for place, kind in types.items()
        ]
        moved.append(frame.select(_KEY, fn.lit(number).cast("byte").alias(_TABLE), *columns))
    return reduce(DataFrame.union, moved), places


def _unpacked(batches: Sequence[pa.RecordBatch], places: Places) -> dict[str, pa.Table]:
    """Return the tables of a part; none where the part is empty."""
    if not batches:
        return {}
    part = pa.Table.from_batches(batches)
    return {
        name: part.filter(pc.equal(part[_TABLE], number))
        .select(list(columns.values()))
        .rename_columns(list(columns))
        for number, (name, columns) in enumerate(places.items())
    }


def _computed(
    found: Mapping[str, pa.Table],
    features: Sequence[Feature],
    current_only: frozenset[str],
) -> pa.Table:
    schema = arrow_schema(features)
    if not found or not len(found[_SNAPSHOTS]):  # a part that nobody asks for
        return schema.empty_table()
    snapshots = found[_SNAPSHOTS].to_pandas()
    facts = {name: found[name].to_pandas() for name in set(found) & set(TABLES) - ROWS}
    rows = {name: of_table(found[name]) for name in set(found) & ROWS}
    history = History.from_frames(facts, BEGINNING, current_only)
    as_of = pd.to_datetime(snapshots["as_of"], utc=True).dt.as_unit("us")
    matrix = FeatureEngine(history, features, rows).compute(snapshots.assign(as_of=as_of))
    return as_arrow(matrix, schema)


def _schema(features: Sequence[Feature]) -> StructType:
    fields = [StructField("lead_id", StringType()), StructField("as_of", TimestampType())]
    for feature in features:
        kind = StringType() if feature.is_text else DoubleType()
        fields.append(StructField(feature.name, kind))
    return StructType(fields)
