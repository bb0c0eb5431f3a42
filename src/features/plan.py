"""Declarations as the kernel reads them: filters, operations, windows, in integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features import kernel
from features.checking import OF_CATEGORIES, OF_NUMBERS
from features.declaration import Feature
from features.logs import NUMBER_SCALES, Log

OPERATIONS = {
    "count": kernel.COUNT,
    "sum": kernel.SUM,
    "mean": kernel.MEAN,
    "max": kernel.MAX,
    "last": kernel.LAST,
    "current": kernel.LAST_CODE,
    "days_since_last": kernel.SINCE_LAST,
    "days_since_first": kernel.SINCE_FIRST,
    "active_days": kernel.ACTIVE_DAYS,
    "distinct": kernel.DISTINCT,
    "gap_mean_days": kernel.GAP_MEAN,
    "gap_std_days": kernel.GAP_STD,
    "any": kernel.ANY,
}
Filter = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """What one pass of the kernel over one log computes.

    Parameters
    ----------
    categories : the category columns that the pass reads, each with the values that its filters
        name, whose codes are therefore known before any row is seen.
    numbers : the number columns that it reads.
    filters : the distinct filters of the features.
    wanted : the operations, sorted by filter.
    """

    categories: dict[str, tuple[str, ...]]
    numbers: tuple[str, ...]
    filters: kernel.Filters
    wanted: kernel.Wanted

    def run(
        self,
        log: Log,
        *,
        group: npt.NDArray[np.int64],
        as_of: npt.NDArray[np.int64],
        own: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float64]:
        """Compute every feature of the plan for every snapshot.

        Parameters
        ----------
        log : the log, encoded for this plan.
        group : group of each snapshot in the log; snapshots of no group (-1) see no rows.
        as_of : cutoffs, UTC microseconds, exclusive.
        own : the member to leave out of each snapshot, -1 for nobody.

        Returns
        -------
        float64 (snapshots, features), columns in the order of the features given to `compile`.
        """
        group = np.where(group < 0, len(log.rows.offsets) - 1, group)
        offsets = np.append(log.rows.offsets, log.rows.offsets[-1])
        order = np.lexsort((as_of, group)).astype(np.int64)
        out = np.empty((len(group), len(self.wanted.slot)))
        scales = np.array([NUMBER_SCALES[name] for name in self.numbers], dtype=np.float64)
        kernel.aggregate(
            log.rows._replace(offsets=offsets),
            self.filters,
            self.wanted,
            kernel.Snapshots(group[order], as_of[order], own[order], order),
            scales,
            out,
        )
        return out


def compile_plan(features: Sequence[Feature]) -> Plan:
    """Compile the features of one source.

    The features must have passed `features.checking.check`.
    """
    filters = sorted({_filter(feature) for feature in features})
    mentioned: dict[str, set[str]] = {}
    for feature in features:
        for name, values in feature.where.items():
            mentioned.setdefault(name, set()).update(values)
        if feature.aggregate in OF_CATEGORIES:
            mentioned.setdefault(str(feature.column), set())
    categories = {name: tuple(sorted(values)) for name, values in sorted(mentioned.items())}
    numbers = tuple(sorted({str(f.column) for f in features if f.aggregate in OF_NUMBERS}))
    return Plan(
        categories,
        numbers,
        _compile_filters(filters, categories),
        _compile_wanted(features, filters, categories, numbers),
    )


def _filter(feature: Feature) -> Filter:
    return tuple((name, tuple(sorted(values))) for name, values in sorted(feature.where.items()))


def _compile_filters(
    filters: Sequence[Filter], categories: dict[str, tuple[str, ...]]
) -> kernel.Filters:
    columns = list(categories)
    flat = [condition for each in filters for condition in each]
    width = max((len(values) for values in categories.values()), default=0) + 1
    tables = np.zeros((len(flat), width), dtype=np.uint8)
    for row, (name, values) in enumerate(flat):
        tables[row, [categories[name].index(value) for value in values]] = 1
    conditions = np.array([columns.index(name) for name, _ in flat], dtype=np.int64)
    slots = np.cumsum([0, *(len(each) for each in filters)]).astype(np.int64)
    return kernel.Filters(slots, conditions, tables)


def _compile_wanted(
    features: Sequence[Feature],
    filters: Sequence[Filter],
    categories: dict[str, tuple[str, ...]],
    numbers: tuple[str, ...],
) -> kernel.Wanted:
    def column(feature: Feature) -> int:
        if feature.aggregate in OF_NUMBERS:
            return numbers.index(str(feature.column))
        return (
            list(categories).index(str(feature.column))
            if feature.aggregate in OF_CATEGORIES
            else -1
        )

    rows = sorted(
        (
            filters.index(_filter(feature)),
            OPERATIONS[feature.aggregate],
            column(feature),
            (feature.window_days or 0) * kernel.DAY_US,
            output,
        )
        for output, feature in enumerate(features)
    )
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return kernel.Wanted(*(np.ascontiguousarray(table[:, field]) for field in range(5)))
