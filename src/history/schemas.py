"""The contracts as pandera schemas, made from `history.tables`: what a conformed frame is held to.

In a notebook, ``SCHEMAS["engagements"].validate(frame)`` tells whether a frame of one's own fits.
"""

from __future__ import annotations

import warnings
from typing import Any

# Where Spark is installed pandera imports its pandas layer, which we do not use, some now and some
# when it first validates.
warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")

import pandera.pandas as pa  # noqa: E402

from history.history import UTC_MICROSECONDS  # noqa: E402
from history.tables import TABLES, Column, Table  # noqa: E402


def _column(column: Column, *, key: bool) -> pa.Column:
    checks = []
    if column.among:
        checks.append(pa.Check.isin(column.among))
    if column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum))
    dtypes: dict[str, Any] = {"time": UTC_MICROSECONDS, "number": "float64"}
    return pa.Column(
        dtypes.get(column.kind),
        checks,
        nullable=not (column.required or key),
        unique=key,
        description=column.meaning,
    )


def _schema(table: Table) -> pa.DataFrameSchema:
    columns = {each.name: _column(each, key=each.name == table.key) for each in table.columns}
    return pa.DataFrameSchema(columns, strict=not table.attributes, name=table.name)


SCHEMAS: dict[str, pa.DataFrameSchema] = {name: _schema(table) for name, table in TABLES.items()}
"""The schema of every table by name. Leads and accounts may have further columns: attributes."""
