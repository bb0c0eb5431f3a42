"""Declarations as the kernel reads them: filters, tracks and windows, in integers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features import kernel, layout
from features.checking import OF_CATEGORIES, OF_NUMBERS
from features.declaration import Feature
from features.logs import NUMBER_SCALES, Log
from features.parallel import in_parallel
from history.sorting import sort_by_group

OPERATIONS = {
    "count": layout.COUNT,
    "sum": layout.SUM,
    "mean": layout.MEAN,
    "max": layout.MAX,
    "last": layout.LAST,
    "current": layout.LAST_CODE,
    "days_since_last": layout.SINCE_LAST,
    "days_since_first": layout.SINCE_FIRST,
    "active_days": layout.DISTINCT,
    "distinct": layout.DISTINCT,
    "gap_mean_days": layout.GAP_MEAN,
    "gap_std_days": layout.GAP_STD,
    "any": layout.ANY,
}
_KINDS = dict.fromkeys(OF_NUMBERS, layout.NUMBERS) | {
    "distinct": layout.CODES,
    "active_days": layout.DAYS,
}
_OUTERMOST = (layout.LAST, layout.LAST_CODE, layout.SINCE_LAST, layout.SINCE_FIRST)
_FEW, _MANY, _PIECES, _WORKERS = 64, 20_000, 4, 2
Filter = tuple[tuple[str, tuple[str, ...]], ...]
Track = tuple[int, int, int, int]
"""Filter, kind, column and window in microseconds."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What one pass of the kernel over one log computes.

    Parameters
    ----------
    categories : the category columns that the pass reads, each with the values that its filters
        name, whose codes are therefore known before any row is seen.
    numbers : the number columns that it reads.
    filters, tracks, wanted : the same for the kernel; `wanted.output` is the line of the output
        that each of the features given to `compile_plan` fills.
    scales : what each of the number columns is divided by at the end.
    """

    categories: dict[str, tuple[str, ...]]
    numbers: tuple[str, ...]
    filters: layout.Filters
    tracks: layout.Tracks
    wanted: layout.Wanted
    scales: npt.NDArray[np.float64]

    @property
    def by_position(self) -> bool:
        """Whether it matters which of two rows of one group and time comes first."""
        return bool(np.isin(self.wanted.operation, (layout.LAST, layout.LAST_CODE)).any())

    @property
    def columns(self) -> frozenset[str]:
        """The categories and numbers that it reads."""
        return frozenset((*self.categories, *self.numbers))

    def run(
        self,
        log: Log,
        *,
        group: npt.NDArray[np.int64],
        as_of: npt.NDArray[np.int64],
        own: npt.NDArray[np.int64] | None = None,
        out: npt.NDArray[np.float64] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Compute every feature of the plan for every snapshot.

        Parameters
        ----------
        log : the log, encoded for this plan.
        group : group of each snapshot in the log; snapshots of no group (-1) see no rows.
        as_of : cutoffs, UTC microseconds, exclusive.
        own : the member of the group to leave out of each snapshot, -1 for nobody.
        out : float64 (lines, snapshots), written in place; made where missing, up to the last line
            that the plan fills.

        Returns
        -------
        `out`.
        """
        group = np.where(group < 0, len(log.rows.offsets) - 2, group)
        own = np.full_like(group, -1) if own is None else own
        if out is None:  # the kernel writes at the lines named, whether or not they are there
            out = np.full((int(self.wanted.output.max(initial=-1)) + 1, len(group)), np.nan)
        order = _order(group, as_of)

        def fill(chosen: npt.NDArray[np.int64]) -> None:
            snapshots = layout.Snapshots(group[chosen], as_of[chosen], own[chosen], chosen)
            kernel.aggregate(
                log.rows,
                log.members,
                self.filters,
                self.tracks,
                self.wanted,
                snapshots,
                self.scales,
                out,
            )

        in_parallel(fill, _pieces(order, group), _WORKERS)
        return out


def compile_plan(features: Sequence[Feature], lines: Sequence[int] | None = None) -> Plan:
    """Compile the features of one source.

    Parameters
    ----------
    features : they have passed `features.checking.check`.
    lines : the line of the output that each of them fills; their order where missing.
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
    columns = [_column(feature, list(categories), numbers) for feature in features]
    followed = [
        _track(feature, filters.index(_filter(feature)), column)
        for feature, column in zip(features, columns, strict=True)
    ]
    tracks = sorted(set(followed))
    wanted = [
        (OPERATIONS[feature.aggregate], tracks.index(track), column, output)
        for feature, track, column, output in zip(
            features, followed, columns, lines or range(len(features)), strict=True
        )
    ]
    return Plan(
        categories,
        numbers,
        _compile_filters(filters, categories),
        _compile_tracks(tracks, len(filters), {w[1] for w in wanted if w[0] in _OUTERMOST}),
        layout.Wanted(*_columns(wanted, 4)),
        np.array([NUMBER_SCALES[name] for name in numbers], dtype=np.float64),
    )


def _pieces(
    order: npt.NDArray[np.int64], group: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.int64]]:
    """Cut many snapshots into pieces of whole groups: a group is swept once, by one worker."""
    if len(order) < _MANY:
        return [order]
    edges = np.flatnonzero(np.diff(group[order])) + 1
    targets = np.arange(1, _PIECES) * len(order) // _PIECES
    places = np.searchsorted(edges, targets)
    return np.split(order, np.unique(edges[places[places < len(edges)]]))


def _order(group: npt.NDArray[np.int64], as_of: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sort snapshots by group and cutoff, unless they are."""
    if len(group) < _FEW:
        return np.lexsort((as_of, group)).astype(np.int64)
    ahead = np.diff(group)
    if ((ahead > 0) | ((ahead == 0) & (np.diff(as_of) >= 0))).all():
        return np.arange(len(group))
    return sort_by_group(group, as_of, int(group.max()) + 1)[0]


def _filter(feature: Feature) -> Filter:
    return tuple((name, tuple(sorted(values))) for name, values in sorted(feature.where.items()))


def _column(feature: Feature, categories: Sequence[str], numbers: Sequence[str]) -> int:
    if feature.aggregate in OF_NUMBERS:
        return numbers.index(str(feature.column))
    if feature.aggregate in OF_CATEGORIES:
        return categories.index(str(feature.column))
    return -1


def _track(feature: Feature, place: int, column: int) -> Track:
    kind = _KINDS.get(feature.aggregate, layout.ROWS)
    window = (feature.window_days or 0) * layout.DAY_US
    return place, kind, -1 if kind == layout.ROWS else column, window


def _compile_filters(
    filters: Sequence[Filter], categories: Mapping[str, tuple[str, ...]]
) -> layout.Filters:
    columns = list(categories)
    flat = [condition for each in filters for condition in each]
    width = max((len(values) for values in categories.values()), default=0) + 1
    tables = np.zeros((len(flat), width), dtype=np.uint8)
    for row, (name, values) in enumerate(flat):
        tables[row, [categories[name].index(value) for value in values]] = 1
    listed: list[int] = []
    starts = np.zeros((len(columns), width), dtype=np.int64)
    for place, name in enumerate(columns):
        for code in range(width):
            starts[place, code] = len(listed)
            value = categories[name][code] if code < len(categories[name]) else None
            listed += [
                number
                for number, each in enumerate(filters)
                if each and each[0][0] == name and value in each[0][1]
            ]
    return layout.Filters(
        slots=np.cumsum([0, *(len(each) for each in filters)]).astype(np.int64),
        columns=np.array([columns.index(name) for name, _ in flat], dtype=np.int64),
        tables=tables,
        always=np.array([n for n, each in enumerate(filters) if not each], dtype=np.int64),
        starts=starts,
        listed=np.array(listed, dtype=np.int64),
    )


def _compile_tracks(
    tracks: Sequence[Track], filters: int, outermost: Collection[int]
) -> layout.Tracks:
    place, kind, column, window = _columns(tracks, 4)
    lengths, index = np.unique(window, return_inverse=True)
    tallied = np.isin(kind, (layout.CODES, layout.DAYS))
    lines = np.where(tallied, np.cumsum(tallied) - 1, -1)
    asked = np.isin(np.arange(len(tracks)), list(outermost))
    return layout.Tracks(
        slots=np.searchsorted(place, np.arange(filters + 1)).astype(np.int64),
        table=np.column_stack((place, kind, column, index, lines, asked)).astype(np.int64),
        lengths=lengths.astype(np.int64),
    )


def _columns(rows: Sequence[tuple[int, ...]], width: int) -> list[npt.NDArray[np.int64]]:
    table = np.array(rows, dtype=np.int64).reshape(-1, width)
    return [np.ascontiguousarray(table[:, field]) for field in range(width)]
