"""Which snapshots a model may learn from, and which it is judged on: always forward in time.

A snapshot may train a model that is judged from instant t on only if its label was known at t,
that is if its whole horizon had passed: ``as_of + horizon <= t``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.training_set import TrainingSet
from models.errors import ModelError

Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class ForwardSplit:
    """Folds that go forward in time, with a gap of one horizon before each test part.

    The test parts are consecutive, hold about equally many snapshots, and begin as soon as
    enough snapshots before them are mature. A scikit-learn splitter: pass it as ``cv`` with an X
    that has a column ``as_of``.

    Parameters
    ----------
    folds : number of test parts.
    gap_days : the horizon, in days.
    least_share : share of all snapshots that must be mature before the first test part; if
        time is too short for it, a quarter of that will do.
    """

    folds: int = 3
    gap_days: float = 90.0
    least_share: float = 0.25

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002  # scikit-learn's signature
        """Return the number of folds."""
        return self.folds

    def split(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002  # scikit-learn's signature
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[tuple[Positions, Positions]]:
        """Yield positions of training and test rows of each fold.

        Parameters
        ----------
        X : a training set, a frame with a column ``as_of``, or the instants themselves.

        Raises
        ------
        ModelError : the snapshots span too little time for the gap.
        """
        for train, test in forward_parts(instants(X), self.starts(X), self.gap_days):
            if len(test):
                yield train, test

    def starts(self, X: Any) -> list[int]:
        """Return when each test part begins, in microseconds since 1970.

        Parameters
        ----------
        X : as for `split`.

        Raises
        ------
        ModelError : the snapshots span too little time for the gap.
        """
        rising = np.sort(instants(X))
        edges = np.linspace(self._first_test(rising), len(rising), self.folds + 1)
        return [int(rising[edge]) for edge in edges[:-1].round().astype(np.int64)]

    def _first_test(self, rising: Positions) -> int:
        mature = np.searchsorted(rising, rising - _microseconds(self.gap_days), side="right")
        for share in (self.least_share, self.least_share / 4):
            first = int(np.searchsorted(mature, max(1, share * len(rising))))
            if first <= 0.9 * len(rising) - self.folds:
                return first
        span = (rising[-1] - rising[0]) / _DAY_US if len(rising) else 0.0
        raise ModelError(
            f"{len(rising)} labelled snapshots over {span:.0f} days are too few for {self.folds} "
            f"forward folds with a gap of {self.gap_days:g} days; use a shorter horizon, fewer "
            "folds or a longer history"
        )


def instants(X: Any) -> Positions:
    """Return the as-of times of snapshots in whole microseconds since 1970."""
    if isinstance(X, TrainingSet):
        X = X.snapshots
    series = pd.Series(X["as_of"] if isinstance(X, pd.DataFrame) else X)
    return series.astype("datetime64[us, UTC]").to_numpy(dtype="datetime64[us]").astype(np.int64)


def forward_parts(
    times: Positions, starts: Sequence[int], gap_days: float
) -> Iterator[tuple[Positions, Positions]]:
    """Yield training and test positions of parts that begin at given instants, empty ones too.

    Parameters
    ----------
    times : as-of times in microseconds since 1970.
    starts : rising; a part ends where the next begins, and the last one has no end.
    gap_days : what must have passed since a training row when a part begins, in days.
    """
    for start, stop in pairwise([*starts, int(times.max(initial=0)) + 1]):
        train = np.flatnonzero(times + _microseconds(gap_days) <= start)
        yield train, np.flatnonzero((times >= start) & (times < stop))


def _microseconds(days: float) -> int:
    return round(days * _DAY_US)


@dataclass(frozen=True)
class Holdout:
    """The newest mature snapshots, and when they begin.

    Parameters
    ----------
    start : the first as-of time held out, in microseconds since 1970.
    as_of : as-of times of all snapshots of the set, in microseconds.
    """

    start: int
    as_of: Positions

    def past(self, labels: pd.DataFrame, horizon: int) -> Mask:
        """Return which snapshots have a label for `horizon` that was known at the start."""
        matured = self.as_of + horizon * _DAY_US <= self.start
        return np.asarray(matured & labels[horizon].notna().to_numpy())

    def future(self) -> Mask:
        """Return which snapshots are held out."""
        return self.as_of >= self.start

    @property
    def when(self) -> pd.Timestamp:
        """The start as a timestamp."""
        return pd.Timestamp(self.start, unit="us", tz="UTC")


def forward_holdout(training_set: TrainingSet, share: float = 0.25) -> Holdout:
    """Hold out the newest snapshots whose primary label is known.

    Parameters
    ----------
    training_set : with any snapshots; those without a primary label do not count.
    share : of the labelled snapshots to hold out. It shrinks, down to a tenth, when otherwise
        nothing mature would be left to train on.

    Raises
    ------
    ModelError : the history is too short to train and to judge.
    """
    times, horizon = instants(training_set), training_set.horizons[-1]
    labelled = training_set.labels[horizon].notna().to_numpy()
    rising = np.sort(times[labelled])
    for part in (share, share * 0.7, max(0.1, share * 0.4)):
        start = int(rising[int((1 - part) * len(rising))]) if len(rising) else 0
        past = int(np.sum(rising + horizon * _DAY_US <= start))
        if past >= max(20, 0.2 * len(rising)):
            return Holdout(start, times)
    raise ModelError(
        f"the history is too short to train and to judge at a horizon of {horizon} days: of "
        f"{len(rising)} labelled snapshots hardly any is mature before the newest begin; use "
        "shorter horizons or a longer history"
    )


def unseen_groups(groups: npt.NDArray[Any], seen: npt.NDArray[Any]) -> Mask:
    """Return which of `groups` are not among the groups `seen` in training."""
    return ~np.isin(np.asarray(groups).astype(str), np.unique(np.asarray(seen).astype(str)))


def group_holdout(groups: npt.NDArray[Any], share: float = 0.2, seed: int = 7) -> Mask:
    """Return which snapshots belong to a random `share` of the accounts, whole accounts only."""
    names, codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    chosen = np.random.default_rng(seed).random(len(names)) < share
    return np.asarray(chosen[codes])
