"""The object that passes from features to models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from features.declaration import Feature


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Feature values of snapshots, one row each.

    Parameters
    ----------
    snapshots : frame with ``lead_id`` (str), ``as_of`` (UTC), ``account_id`` (str or missing)
        and ``age_days`` (float: days from the lead's creation to `as_of`).
    values : frame with one column per feature, same rows: float64, or strings for a category
        (missing is NaN).
    features : the declarations that the columns came from, in column order.
    """

    snapshots: pd.DataFrame
    values: pd.DataFrame
    features: tuple[Feature, ...]

    def __len__(self) -> int:
        return len(self.snapshots)

    def take(self, rows: np.ndarray) -> FeatureMatrix:
        """Return these rows (a boolean mask or positions), in the order given."""
        return replace(
            self,
            snapshots=self.snapshots.iloc[rows].reset_index(drop=True)
            if rows.dtype != bool
            else self.snapshots[rows].reset_index(drop=True),
            values=self.values.iloc[rows].reset_index(drop=True)
            if rows.dtype != bool
            else self.values[rows].reset_index(drop=True),
        )


@dataclass(frozen=True, eq=False)
class TrainingSet(FeatureMatrix):
    """Feature values with what came of each snapshot.

    Parameters
    ----------
    labels : frame with one column per horizon in days (the column names are the integers), same
        rows: 1.0 converted within the horizon, 0.0 did not, NaN not known yet because the
        horizon reaches beyond what was observed.
    days_to_conversion : days from `as_of` to the conversion, NaN where none was observed.
    days_observed : days from `as_of` to the end of observation, or to the closing of the lead.
    groups : account of each snapshot, or the lead itself where it has none: leads of one group
        belong on one side of a split by group.
    target : the stage that counts as a conversion.
    observed_until : end of the observation.
    history_digest : fingerprint of the history that it was computed from.
    definitions_digest : fingerprint of the declarations.
    """

    labels: pd.DataFrame
    days_to_conversion: np.ndarray
    days_observed: np.ndarray
    groups: np.ndarray
    target: str
    observed_until: pd.Timestamp
    history_digest: str
    definitions_digest: str

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons in days, rising."""
        return tuple(int(horizon) for horizon in self.labels.columns)

    @property
    def digest(self) -> str:
        """One fingerprint of data and definitions."""
        return f"{self.history_digest}-{self.definitions_digest}"

    def take(self, rows: np.ndarray) -> TrainingSet:
        """Return these rows (a boolean mask or positions), in the order given."""
        positions = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            snapshots=self.snapshots.iloc[positions].reset_index(drop=True),
            values=self.values.iloc[positions].reset_index(drop=True),
            labels=self.labels.iloc[positions].reset_index(drop=True),
            days_to_conversion=self.days_to_conversion[positions],
            days_observed=self.days_observed[positions],
            groups=self.groups[positions],
        )

    def frame(self) -> pd.DataFrame:
        """Return everything as one pandas frame, for a notebook: snapshots, values, labels.

        Labels are named as ``converted_90d``; what names a snapshot is there once.
        """
        labels = self.labels.rename(columns=lambda horizon: f"converted_{horizon}d")
        values = self.values.drop(columns=self.snapshots.columns, errors="ignore")
        return pd.concat([self.snapshots, values, labels], axis=1)


def arrow_schema(features: Sequence[Feature]) -> pa.Schema:
    """Return the columns of a feature matrix: lead_id, as_of, and one a feature."""
    kinds = [(f.name, pa.string() if f.is_text else pa.float64()) for f in features]
    return pa.schema([("lead_id", pa.string()), ("as_of", pa.timestamp("us", tz="UTC")), *kinds])


def as_arrow(matrix: FeatureMatrix, schema: pa.Schema) -> pa.Table:
    """Return a feature matrix as Arrow, with missing values as null."""
    as_of = matrix.snapshots["as_of"].astype("int64").to_numpy()
    columns = [matrix.snapshots["lead_id"], as_of, *(values for _, values in matrix.values.items())]
    arrays = [
        pa.array(values, type=field.type, from_pandas=True)
        for values, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
