"""Single values as sources write them: which are missing, and what JSON knows of the others."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd


def is_missing(value: object) -> bool:
    """Tell whether a value stands for nothing."""
    return value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value))


def json_value(value: Hashable | None) -> str | int | float | bool | None:
    """Return an attribute's value as JSON knows it."""
    if is_missing(value) or value is pd.NA:
        return None
    if isinstance(value, (np.generic,)):
        return json_value(value.item())
    return value if isinstance(value, str | int | float | bool) else str(value)
