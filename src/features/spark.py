"""The same declarations and the same kernel on Spark, for histories beyond one machine.

Spark does what it is good at: it brings together what belongs together. Rows of all tables are
grouped by buying group (the account, or the lead itself where it has none), many groups to a
part, and each part is handed as Arrow to the code that builds a training set on one machine. So
nothing is rewritten, colleagues are always in the same part, and results are equal to the last
bit.

The workers must find these packages: install the project on them, or ship it with
``spark.sparkContext.addPyFile``. Needs the extra ``spark`` and Java 17.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as fn
from pyspark.sql.types import DoubleType, StringType, StructField, StructType, TimestampType

from features.compute import compute_features
from features.declaration import Feature
from features.training_set import arrow_schema, as_arrow
from history import History
from history.tables import TABLES

_PART, _TABLE, _GROUP = "_part", "_table", "_group"
_SNAPSHOTS = "snapshots"
_SEPARATOR = "__"


def compute_features_on_spark(
    tables: Mapping[str, DataFrame],
    snapshots: DataFrame,
    features: Sequence[Feature],
    *,
    observed_until: pd.Timestamp,
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
    observed_until : end of the observation, with a time zone.
    current_only : ``table.column`` of attributes of which only today's value is known.
    parts : into how many parts the buying groups are dealt. A part is computed at once, in the
        memory of one worker.

    Returns
    -------
    ``lead_id``, ``as_of`` and one column a feature, one row a snapshot, in no order.

    Raises
    ------
    ValueError : there are no leads, a table is unknown, or the session's zone is not UTC.
    """
    _check(tables, snapshots)
    frames = {**tables, _SNAPSHOTS: snapshots}
    groups = _groups(tables["leads"])
    keyed = [_keyed(name, frame, groups, parts) for name, frame in frames.items()]
    together = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), keyed)
    columns = {name: tuple(frame.columns) for name, frame in frames.items()}
    declared, unusable = tuple(features), frozenset(current_only)

    def compute(part: pa.Table) -> pa.Table:
        found = {name: _unpacked(part, name, names) for name, names in columns.items()}
        return _computed(found, declared, observed_until, unusable)

    return together.groupBy(_PART).applyInArrow(compute, schema=_schema(declared))


def _check(tables: Mapping[str, DataFrame], snapshots: DataFrame) -> None:
    if "leads" not in tables:
        raise ValueError(f"the table leads is missing (found {', '.join(tables) or 'none'})")
    unknown = set(tables) - set(TABLES)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no table; the tables are {', '.join(TABLES)}")
    zone = snapshots.sparkSession.conf.get("spark.sql.session.timeZone")
    if zone not in ("UTC", "Etc/UTC"):
        raise ValueError(f"spark.sql.session.timeZone is {zone}; set it to UTC")


def _groups(leads: DataFrame) -> DataFrame:
    """Return the buying group of each lead."""
    lead = fn.concat(fn.lit("lead "), fn.col("lead_id"))
    if "account_id" not in leads.columns:
        return leads.select("lead_id", lead.alias(_GROUP))
    group = fn.coalesce(_account(fn.col("account_id")), lead)
    return leads.select("lead_id", group.alias(_GROUP))


def _account(account_id: Column) -> Column:
    return fn.concat(fn.lit("account "), account_id)


def _keyed(name: str, frame: DataFrame, groups: DataFrame, parts: int) -> DataFrame:
    """Give each row the part of its buying group, and its columns the name of its table.

    Rows of leads that are not known fall out: they explain nobody.
    """
    if name == "accounts":
        joined = frame.withColumn(_GROUP, _account(fn.col("account_id")))
    elif name == "attribute_history":
        of_lead = frame["entity"] == "lead"
        joined = frame.join(
            groups.withColumnRenamed("lead_id", "_lead"),
            of_lead & (frame["entity_id"] == fn.col("_lead")),
            "left",
        ).withColumn(
            _GROUP, fn.when(of_lead, fn.col(_GROUP)).otherwise(_account(fn.col("entity_id")))
        )
        joined = joined.where(fn.col(_GROUP).isNotNull())
    else:
        joined = frame.join(groups, "lead_id")
    return joined.select(
        fn.pmod(fn.xxhash64(_GROUP), fn.lit(parts)).alias(_PART),
        fn.lit(name).alias(_TABLE),
        *(fn.col(column).alias(name + _SEPARATOR + column) for column in frame.columns),
    )


def _unpacked(part: pa.Table, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of one table in a part."""
    rows = part.filter(pa.compute.equal(part[_TABLE], name))
    ours = rows.select([name + _SEPARATOR + column for column in columns])
    return ours.rename_columns(list(columns)).to_pandas()


def _computed(
    found: Mapping[str, pd.DataFrame],
    features: Sequence[Feature],
    observed_until: pd.Timestamp,
    current_only: frozenset[str],
) -> pa.Table:
    schema = arrow_schema(features)
    snapshots = found[_SNAPSHOTS]
    if snapshots.empty:  # a part of accounts that nobody asks for
        return schema.empty_table()
    tables = {name: frame for name, frame in found.items() if name != _SNAPSHOTS}
    history = History.from_frames(tables, observed_until, current_only)
    as_of = pd.to_datetime(snapshots["as_of"], utc=True).dt.as_unit("us")
    matrix = compute_features(history, snapshots.assign(as_of=as_of), features)
    return as_arrow(matrix, schema)


def _schema(features: Sequence[Feature]) -> StructType:
    fields = [StructField("lead_id", StringType()), StructField("as_of", TimestampType())]
    for feature in features:
        kind = StringType() if feature.is_text else DoubleType()
        fields.append(StructField(feature.name, kind))
    return StructType(fields)
