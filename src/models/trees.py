"""LightGBM's trees as plain arrays: the same log-odds, and exact contributions at speed.

A tree's prediction is a sum over its leaves. The Shapley value of feature i in one leaf of value v
(cover-weighted, "path-dependent", as in TreeSHAP: Lundberg et al., 2020,
https://doi.org/10.1038/s42256-019-0138-9) is an integral over the chance t that a feature is
known:

    v * integral from 0 to 1 of (o_i - w_i) * product over j != i of (t * o_j + (1 - t) * w_j) dt

where o_j says whether the row fulfils the leaf's conditions on feature j, and w_j is the share of
the training rows that did. The integrand is a polynomial in t of a degree below the number d of
features on the path, so that Gauss-Legendre quadrature with half as many nodes gives it exactly.
It depends on the row only by which of the d conditions it fulfils. Compact trees have few features
on a path, so that the answers for all 2^d ways are computed once and looked up ever after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_CODES = 64
_MOST_NODES = 16
_MOST_TABLED = 8
_BLOCK = 64


class Leaves(NamedTuple):
    """All leaves of all trees, with what leads to them.

    Parameters
    ----------
    value : log-odds of each leaf.
    first : for each leaf, and one beyond, the place of its first condition.
    feature : of each condition, the column it looks at; each column once a leaf.
    lower, upper : a number must lie above the one and not above the other.
    codes : a category's code must be among these bits; used where `category`.
    category : whether the column holds category codes.
    missing : whether a missing value fulfils the condition.
    share : of the training rows that fulfil it, those before it on the path being given.
    """

    value: Floats
    first: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    lower: Floats
    upper: Floats
    codes: npt.NDArray[np.uint64]
    category: npt.NDArray[np.bool_]
    missing: npt.NDArray[np.bool_]
    share: Floats


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
        rows = [leaf for tree in _trees(text) for leaf in _leaves(tree)]
        self.leaves = _as_arrays(rows)
        shares = self.leaves.share
        whole = [
            value * float(np.prod(shares[self.leaves.first[n] : self.leaves.first[n + 1]]))
            for n, value in enumerate(self.leaves.value)
        ]
        self.base = float(np.sum(whole))
        self._quadrature = _quadrature()
        self._start, self._answers = self._tabled()

    def log_odds(self, X: Floats) -> Floats:
        """Return the log-odds of encoded rows, as LightGBM sums them, tree by tree."""
        return _log_odds(np.ascontiguousarray(X), self.leaves)

    def contributions(self, X: Floats) -> Floats:
        """Return each feature's share of the log-odds, the base last; rows sum to `log_odds`."""
        out = np.zeros((len(X), self.columns + 1))
        out[:, -1] = self.base
        for first in range(0, len(X), _BLOCK):
            rows = slice(first, first + _BLOCK)
            block = np.ascontiguousarray(X[rows])
            _contribute(
                block, self.leaves, self._start, self._answers, *self._quadrature, out[rows]
            )
        return out

    def _tabled(self) -> tuple[Ints, Floats]:
        """Compute the answers of leaves with few features beforehand."""
        counts = np.diff(self.leaves.first)
        sizes = np.where(counts <= _MOST_TABLED, counts << counts, 0)
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        answers = np.zeros(int(start[-1]))
        _answers(self.leaves, start, *self._quadrature, answers)
        return start, answers


def _quadrature() -> tuple[Floats, Floats]:
    """Return nodes and weights on [0, 1], row n for n nodes."""
    nodes, weights = np.zeros((2, _MOST_NODES + 1, _MOST_NODES))
    for count in range(1, _MOST_NODES + 1):
        places, heights = np.polynomial.legendre.leggauss(count)
        nodes[count, :count], weights[count, :count] = (places + 1) / 2, heights / 2
    return nodes, weights


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
    missing_type, missing_left = decision >> 2 & 3, bool(decision & 2)
    if missing_type == 1:
        raise UnknownTreeError("zeros read as missing values")
    if missing_type == 0:  # LightGBM then reads a missing value as 0
        missing_left = threshold >= 0.0
    known.missing = known.missing and missing_left == left
    if left:
        known.upper = min(known.upper, threshold)
    else:
        known.lower = max(known.lower, threshold)


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
    if max(counts, default=0) > 2 * _MOST_NODES:
        raise UnknownTreeError(f"more than {2 * _MOST_NODES} features on a path")

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


@numba.njit(nogil=True, cache=True, inline="always")
def _fulfilled(x: float, leaves: Leaves, k: int) -> bool:
    """Say whether a value meets a condition; codes that are no code count as missing."""
    if np.isnan(x):
        return leaves.missing[k]
    if not leaves.category[k]:
        return leaves.lower[k] < x <= leaves.upper[k]
    if x < 0.0 or x >= 64.0:
        return leaves.missing[k]
    return (leaves.codes[k] >> np.uint64(x)) & np.uint64(1) == np.uint64(1)


@numba.njit(nogil=True, cache=True)
def _log_odds(X: Floats, leaves: Leaves) -> Floats:
    out = np.zeros(len(X))
    for row in range(len(X)):
        total = 0.0
        for leaf in range(len(leaves.value)):
            reached = True
            for k in range(leaves.first[leaf], leaves.first[leaf + 1]):
                if not _fulfilled(X[row, leaves.feature[k]], leaves, k):
                    reached = False
                    break
            if reached:
                total += leaves.value[leaf]
        out[row] = total
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _shapley(
    met: Floats, shares: Floats, value: float, nodes: Floats, weights: Floats, found: Floats
) -> None:
    """Write the Shapley value of each feature of a leaf; `met` is 1 where its condition is."""
    count = len(shares)
    half = (count + 1) // 2
    found[:count] = 0.0
    for node in range(half):
        t = nodes[half, node]
        product = value * weights[half, node]
        for i in range(count):
            product *= t * met[i] + (1.0 - t) * shares[i]
        for i in range(count):
            found[i] += product / (t * met[i] + (1.0 - t) * shares[i])
    for i in range(count):
        found[i] *= met[i] - shares[i]


@numba.njit(nogil=True, cache=True)
def _answers(leaves: Leaves, start: Ints, nodes: Floats, weights: Floats, out: Floats) -> None:
    """Write the Shapley values of every leaf with few features, for each way to meet them."""
    met, found = np.empty(2 * _MOST_NODES), np.empty(2 * _MOST_NODES)
    for leaf in range(len(leaves.value)):
        first, end = leaves.first[leaf], leaves.first[leaf + 1]
        count = end - first
        if count == 0 or start[leaf + 1] == start[leaf]:
            continue
        for way in range(1 << count):
            for i in range(count):
                met[i] = float(way >> i & 1)
            _shapley(met, leaves.share[first:end], leaves.value[leaf], nodes, weights, found)
            place = start[leaf] + way * count
            out[place : place + count] = found[:count]


@numba.njit(nogil=True, cache=True)
def _contribute(
    X: Floats,
    leaves: Leaves,
    start: Ints,
    answers: Floats,
    nodes: Floats,
    weights: Floats,
    out: Floats,
) -> None:
    met, found = np.empty(2 * _MOST_NODES), np.empty(2 * _MOST_NODES)
    for leaf in range(len(leaves.value)):
        first, end = leaves.first[leaf], leaves.first[leaf + 1]
        count, tabled = end - first, start[leaf + 1] > start[leaf]
        for row in range(len(X)):
            way = 0
            for i in range(count):
                if _fulfilled(X[row, leaves.feature[first + i]], leaves, first + i):
                    way |= 1 << i
            if tabled:
                place = start[leaf] + way * count
                for i in range(count):
                    out[row, leaves.feature[first + i]] += answers[place + i]
                continue
            for i in range(count):
                met[i] = float(way >> i & 1)
            _shapley(met, leaves.share[first:end], leaves.value[leaf], nodes, weights, found)
            for i in range(count):
                out[row, leaves.feature[first + i]] += found[i]
