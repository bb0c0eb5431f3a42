"""`smarketing quarantine`: the rows that were set aside, with the reasons."""

from __future__ import annotations

import json

import pandas as pd

from pipelines import context
from settings import Settings

_COLUMNS = ("origin", "row", "field", "value", "reason")


def run(settings: Settings, *, as_json: bool = False) -> pd.DataFrame:
    """Print what is in quarantine, the newest first.

    Raises
    ------
    StoreError : the store cannot be read.
    """
    found = context.store_of(settings).quarantine()
    plain = json.loads(found.to_json(orient="records"))
    if as_json:
        context.print_json(plain)
    else:
        rows = [[row[column] for column in _COLUMNS] for row in plain]
        context.print_table(f"{len(rows):,} rows in quarantine", _COLUMNS, rows)
    return found
