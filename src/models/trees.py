"""LightGBM's trees as plain arrays: the same log-odds, and exact contributions at speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.shapley import MOST_FEATURES, Leaves, answers_of, contribute, quadrature
from models.walk import CATEGORY, MOST_CODES, NUMBER, Split, as_walk, log_odds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MOST_TABLED = 8
_BLOCK = 64


@dataclass
class _Condition:
    """What a path demands of one feature."""

    lower: float = -np.inf
    upper: float = np.inf
    codes: int = (1 << MOST_CODES) - 1
    category: bool = False
    missing: bool = True
    share: float = 1.0

    def copy(self) -> _Condition:
        return _Condition(**self.__dict__)


@dataclass(frozen=True)
class _Tree:
    """The arrays of one tree, as LightGBM's text has them."""

    fields: Mapping[str, str]
    numbers: dict[str, list[float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.numbers:
            self.numbers[name] = [float(word) for word in self.fields.get(name, "").split()]
        return self.numbers[name]


class UnknownTreeError(ValueError):
    """The trees hold something that these arrays do not express."""


class CompiledTrees:
    """The trees of a booster, ready for many rows or for one.

    Immutable after construction; threads may share it.

    Parameters
    ----------
    text : what LightGBM's ``model_to_string`` gave, of a model of two classes.

    Raises
    ------
    UnknownTreeError : linear trees, zeros read as missing, or more than 64 category codes.
    """

    def __init__(self, text: str) -> None:
        self.columns = int(text.split("max_feature_idx=", 1)[1].split("\n", 1)[0]) + 1
        trees = list(_trees(text))
        self._walk = as_walk([(_splits(tree), tree["leaf_value"]) for tree in trees])
        rows = [leaf for tree in trees for leaf in _leaves(tree)]
        self.leaves = _as_arrays(rows)
        shares = self.leaves.share
        whole = [
            value * float(np.prod(shares[self.leaves.first[n] : self.leaves.first[n + 1]]))
            for n, value in enumerate(self.leaves.value)
        ]
        self.base = float(np.sum(whole))
        self._quadrature = quadrature()
        self._start, self._answers = self._tabled()

    def log_odds(self, X: Floats) -> Floats:
        """Return the log-odds of encoded rows, as LightGBM sums them, tree by tree."""
        return log_odds(np.ascontiguousarray(X), self._walk)

    def contributions(self, X: Floats) -> Floats:
        """Return each feature's share of the log-odds, the base last; rows sum to `log_odds`."""
        out = np.zeros((len(X), self.columns + 1))
        out[:, -1] = self.base
        for first in range(0, len(X), _BLOCK):
            rows = slice(first, first + _BLOCK)
            block = np.ascontiguousarray(X[rows])
            contribute(block, self.leaves, self._start, self._answers, *self._quadrature, out[rows])
        return out

    def _tabled(self) -> tuple[Ints, Floats]:
        """Compute the answers of leaves with few features beforehand."""
        counts = np.diff(self.leaves.first)
        sizes = np.where(counts <= _MOST_TABLED, counts << counts, 0)
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        answers = np.zeros(int(start[-1]))
        answers_of(self.leaves, start, *self._quadrature, answers)
        return start, answers


def _trees(text: str) -> Iterator[_Tree]:
    for part in text.split("\nTree=")[1:]:
        lines = part.split("\n\n", 1)[0].splitlines()[1:]
        tree = _Tree(dict(line.split("=", 1) for line in lines if "=" in line))
        if tree.fields.get("is_linear", "0") != "0":
            raise UnknownTreeError("trees with linear leaves")
        yield tree


def _leaves(tree: _Tree) -> Iterator[tuple[float, dict[int, _Condition]]]:
    """Yield each leaf's value and conditions by feature."""
    if int(tree["num_leaves"][0]) == 1:
        yield tree["leaf_value"][0], {}
        return
    waiting: list[tuple[int, dict[int, _Condition]]] = [(0, {})]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            yield tree["leaf_value"][~node], path
            continue
        for left in (False, True):
            child = int(tree["left_child" if left else "right_child"][node])
            share = _count(tree, child) / _count(tree, node)
            waiting.append((child, _with(path, tree, node, left=left, share=share)))


def _count(tree: _Tree, node: int) -> float:
    return tree["leaf_count"][~node] if node < 0 else tree["internal_count"][node]


def _with(
    path: Mapping[int, _Condition], tree: _Tree, node: int, *, left: bool, share: float
) -> dict[int, _Condition]:
    """Return the path with one side of a split added."""
    column = int(tree["split_feature"][node])
    known = path.get(column, _Condition()).copy()
    decision = int(tree["decision_type"][node])
    if decision & 1:
        bits = _bits(tree, int(tree["threshold"][node]))
        known.codes &= bits if left else ~bits & ((1 << MOST_CODES) - 1)
        known.category, known.missing = True, known.missing and not left
    else:
        _narrow(known, tree["threshold"][node], decision, left=left)
    known.share *= share
    return {**path, column: known}


def _narrow(known: _Condition, threshold: float, decision: int, *, left: bool) -> None:
    known.missing = known.missing and _missing_left(threshold, decision) == left
    if left:
        known.upper = min(known.upper, threshold)
    else:
        known.lower = max(known.lower, threshold)


def _missing_left(threshold: float, decision: int) -> bool:
    """Tell where LightGBM sends a missing number."""
    missing_type = decision >> 2 & 3
    if missing_type == 1:
        raise UnknownTreeError("zeros read as missing values")
    # Without a missing value in training, one is read as 0.
    return threshold >= 0.0 if missing_type == 0 else bool(decision & 2)


def _splits(tree: _Tree) -> list[Split]:
    """Return the inner nodes of a tree; the root is the first."""
    if int(tree["num_leaves"][0]) == 1:
        return []
    found = []
    for node, (feature, left, right) in enumerate(
        zip(tree["split_feature"], tree["left_child"], tree["right_child"], strict=True)
    ):
        threshold, decision = tree["threshold"][node], int(tree["decision_type"][node])
        category = bool(decision & 1)
        found.append(
            Split(
                int(feature),
                CATEGORY if category else NUMBER,
                threshold,
                _bits(tree, int(threshold)) if category else 0,
                not category and _missing_left(threshold, decision),
                int(left),
                int(right),
            )
        )
    return found


def _bits(tree: _Tree, place: int) -> int:
    """Return the codes that go left at a split on a category, as bits."""
    first, end = (int(tree["cat_boundaries"][place + step]) for step in (0, 1))
    bits = 0
    for number, word in enumerate(tree["cat_threshold"][first:end]):
        bits |= int(word) << 32 * number
    if bits >> MOST_CODES:
        raise UnknownTreeError(f"more than {MOST_CODES} codes of a category")
    return bits


def _as_arrays(rows: list[tuple[float, dict[int, _Condition]]]) -> Leaves:
    conditions = [pair for _, path in rows for pair in sorted(path.items())]
    counts = [len(path) for _, path in rows]
    if max(counts, default=0) > MOST_FEATURES:
        raise UnknownTreeError(f"more than {MOST_FEATURES} features on a path")

    def column(name: str, dtype: Any) -> npt.NDArray[Any]:
        return np.array([getattr(condition, name) for _, condition in conditions], dtype=dtype)

    return Leaves(
        value=np.array([value for value, _ in rows], dtype=np.float64),
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        feature=np.array([number for number, _ in conditions], dtype=np.int64),
        lower=column("lower", np.float64),
        upper=column("upper", np.float64),
        codes=column("codes", np.uint64),
        category=column("category", np.bool_),
        missing=column("missing", np.bool_),
        share=column("share", np.float64),
    )
