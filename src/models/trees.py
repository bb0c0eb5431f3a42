"""LightGBM's trees as plain arrays: the same log-odds, and exact contributions at speed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.shapley import (
    MOST_FEATURES,
    MOST_SPLITS,
    Parts,
    contribute,
    quadrature,
    tabulate,
)
from models.walk import CATEGORY, MOST_CODES, NUMBER, Split, as_walk, log_odds

Floats = npt.NDArray[np.float64]
_MOST_TABLED = 8
"""Splits of a part, or conditions of a deep leaf, whose answers are computed beforehand. Each more
doubles them."""
_BLOCK = 64


class _Step(NamedTuple):
    """One turn on the way to a leaf: at which node, whether left, and which share of rows did."""

    node: int
    left: bool
    share: float


class _Leaf(NamedTuple):
    """A leaf's log-odds, and the way to it from the root."""

    value: float
    path: tuple[_Step, ...]

    @property
    def nodes(self) -> frozenset[int]:
        return frozenset(step.node for step in self.path)


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
        splits = [_splits(tree) for tree in trees]
        leaves = [list(_leaves(tree)) for tree in trees]
        self._walk = as_walk(
            [(nodes, tree["leaf_value"]) for nodes, tree in zip(splits, trees, strict=True)]
        )
        self.base = float(sum(_expected(leaf) for each in leaves for leaf in each))
        self._parts = _as_parts(
            (nodes, part)
            for nodes, each in zip(splits, leaves, strict=True)
            for part in _in_parts(each)
        )
        self._quadrature = quadrature()
        self._answers = np.zeros(_size(self._parts))
        tabulate(self._parts, *self._quadrature, self._answers)

    def log_odds(self, X: Floats) -> Floats:
        """Return the log-odds of encoded rows, as LightGBM sums them, tree by tree."""
        return log_odds(np.ascontiguousarray(X), self._walk)

    def contributions(self, X: Floats) -> Floats:
        """Return each feature's share of the log-odds, the base last; rows sum to `log_odds`."""
        out = np.zeros((self.columns + 1, len(X)))
        out[-1] = self.base
        for first in range(0, len(X), _BLOCK):
            rows = slice(first, first + _BLOCK)
            columns = np.ascontiguousarray(X[rows].T)
            given = np.zeros(columns.shape)
            contribute(columns, self._parts, self._answers, *self._quadrature, given)
            out[:-1, rows] = given
        return np.ascontiguousarray(out.T)


def _trees(text: str) -> Iterator[_Tree]:
    for part in text.split("\nTree=")[1:]:
        lines = part.split("\n\n", 1)[0].splitlines()[1:]
        tree = _Tree(dict(line.split("=", 1) for line in lines if "=" in line))
        if tree.fields.get("is_linear", "0") != "0":
            raise UnknownTreeError("trees with linear leaves")
        yield tree


def _leaves(tree: _Tree) -> Iterator[_Leaf]:
    """Yield the leaves from left to right, so that those with a way in common are neighbours."""
    waiting: list[tuple[int, tuple[_Step, ...]]] = [(0, ())]
    if int(tree["num_leaves"][0]) == 1:
        waiting = [(~0, ())]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            yield _Leaf(tree["leaf_value"][~node], path)
            continue
        for left in (False, True):
            child = int(tree["left_child" if left else "right_child"][node])
            share = _count(tree, child) / _count(tree, node)
            waiting.append((child, (*path, _Step(node, left, share))))


def _count(tree: _Tree, node: int) -> float:
    return tree["leaf_count"][~node] if node < 0 else tree["internal_count"][node]


def _expected(leaf: _Leaf) -> float:
    """Return the leaf's value times the share of the training rows that came to it."""
    return leaf.value * float(np.prod([step.share for step in leaf.path]))


def _in_parts(leaves: Iterable[_Leaf]) -> Iterator[list[_Leaf]]:
    """Yield neighbouring leaves together while they look at few splits; a deep one is alone."""
    part: list[_Leaf] = []
    nodes: frozenset[int] = frozenset()
    for leaf in leaves:
        if part and len(nodes | leaf.nodes) > _MOST_TABLED:
            yield part
            part, nodes = [], frozenset()
        part.append(leaf)
        nodes |= leaf.nodes
    yield part


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


def _as_parts(parts: Iterable[tuple[list[Split], list[_Leaf]]]) -> Parts:
    """Lay out parts of leaves, each with the inner nodes of its tree."""
    splits, columns, leaves, folded, tables = [], [], [], [], []
    conditions: list[list[tuple[int, int, int, float]]] = []
    place = 0
    for tree, part in parts:
        nodes = sorted(frozenset[int]().union(*(leaf.nodes for leaf in part)))
        used = sorted({tree[node].feature for node in nodes})
        splits.append([tree[node] for node in nodes])
        columns.append(used)
        leaves.append([leaf.value for leaf in part])
        conditions += [_conditions(leaf, tree, nodes, used) for leaf in part]
        folded.append(len(nodes) > _MOST_TABLED)
        asked = len(used) if folded[-1] else len(nodes)
        tables.append(place if asked <= _MOST_TABLED else -1)
        place += len(used) << asked if asked <= _MOST_TABLED else 0
    nodes_of_all = [split for each in splits for split in each]
    told = [condition for each in conditions for condition in each]
    return Parts(
        first_split=_firsts(splits),
        first_column=_firsts(columns),
        first_leaf=_firsts(leaves),
        feature=np.array([split.feature for split in nodes_of_all], dtype=np.int64),
        kind=np.array([split.kind for split in nodes_of_all], dtype=np.int64),
        threshold=np.array([split.threshold for split in nodes_of_all], dtype=np.float64),
        codes=np.array([split.codes for split in nodes_of_all], dtype=np.uint64),
        missing_left=np.array([split.missing_left for split in nodes_of_all], dtype=np.bool_),
        columns=np.array([column for each in columns for column in each], dtype=np.int64),
        value=np.array([value for each in leaves for value in each], dtype=np.float64),
        first_condition=_firsts(conditions),
        slot=np.array([slot for slot, _, _, _ in told], dtype=np.int64),
        mask=np.array([mask for _, mask, _, _ in told], dtype=np.uint64),
        wanted=np.array([wanted for _, _, wanted, _ in told], dtype=np.uint64),
        share=np.array([share for _, _, _, share in told], dtype=np.float64),
        folded=np.array(folded, dtype=np.bool_),
        table=np.array(tables, dtype=np.int64),
    )


def _conditions(
    leaf: _Leaf, tree: list[Split], nodes: list[int], used: list[int]
) -> list[tuple[int, int, int, float]]:
    """Return slot, mask, wanted and share of what a leaf demands, one for each feature."""
    found: dict[int, tuple[int, int, float]] = {}
    for step in leaf.path:
        slot, bit = used.index(tree[step.node].feature), 1 << nodes.index(step.node)
        mask, wanted, share = found.get(slot, (0, 0, 1.0))
        found[slot] = mask | bit, wanted | (bit if step.left else 0), share * step.share
    if len(found) > MOST_FEATURES or len(leaf.path) > MOST_SPLITS:
        raise UnknownTreeError(
            f"more than {MOST_FEATURES} features or {MOST_SPLITS} splits on a path"
        )
    return [(slot, *found[slot]) for slot in sorted(found)]


def _firsts(lists: Iterable[Iterable[Any]]) -> npt.NDArray[np.int64]:
    """Return the place where each list begins when they are laid end to end, and the end."""
    return np.array(list(accumulate((len(list(each)) for each in lists), initial=0)), np.int64)


def _size(parts: Parts) -> int:
    """Return how many answers the tabled parts have together."""
    widths, splits = np.diff(parts.first_column), np.diff(parts.first_split)
    asked = np.where(parts.folded, widths, splits)
    tabled = parts.table >= 0
    return int(np.sum(widths[tabled] << asked[tabled]))
