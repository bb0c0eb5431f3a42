"""Log-odds of rows: a walk from the root of each tree to a leaf, as LightGBM's own prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_CODES = 64
NUMBER, CATEGORY = 0, 1


class Split(NamedTuple):
    """One inner node of a tree.

    Parameters
    ----------
    feature : the column it looks at.
    kind : `NUMBER` or `CATEGORY`.
    threshold : numbers up to it go left.
    codes : bits of the codes that go left.
    missing_left : where a missing value goes.
    left, right : the nodes of the tree that follow, or ``~leaf``.
    """

    feature: int
    kind: int
    threshold: float
    codes: int
    missing_left: bool
    left: int
    right: int


class Walk(NamedTuple):
    """The nodes of all trees, one after the other; a child below 0 is ``~leaf``.

    Parameters
    ----------
    roots : of each tree, a node or ``~leaf``.
    feature, kind, threshold, codes, missing_left, left, right : as in `Split`.
    value : log-odds of each leaf.
    """

    roots: Ints
    feature: Ints
    kind: Ints
    threshold: Floats
    codes: npt.NDArray[np.uint64]
    missing_left: npt.NDArray[np.bool_]
    left: Ints
    right: Ints
    value: Floats


def as_walk(trees: Sequence[tuple[Sequence[Split], Sequence[float]]]) -> Walk:
    """Lay trees out, given the inner nodes, the first being the root, and the leaves of each."""
    roots, splits, values = [], list[Split](), list[float]()
    for nodes, leaves in trees:
        first, leaf = len(splits), len(values)
        roots.append(first if nodes else ~leaf)

        def placed(child: int, first: int = first, leaf: int = leaf) -> int:
            return child + first if child >= 0 else child - leaf

        splits += [
            each._replace(left=placed(each.left), right=placed(each.right)) for each in nodes
        ]
        values += leaves
    columns: Mapping[str, list[object]] = {
        name: [getattr(each, name) for each in splits] for name in Split._fields
    }
    return Walk(
        roots=np.array(roots, dtype=np.int64),
        feature=np.array(columns["feature"], dtype=np.int64),
        kind=np.array(columns["kind"], dtype=np.int64),
        threshold=np.array(columns["threshold"], dtype=np.float64),
        codes=np.array(columns["codes"], dtype=np.uint64),
        missing_left=np.array(columns["missing_left"], dtype=np.bool_),
        left=np.array(columns["left"], dtype=np.int64),
        right=np.array(columns["right"], dtype=np.int64),
        value=np.array(values, dtype=np.float64),
    )


@numba.njit(nogil=True, cache=True)
def log_odds(X: Floats, walk: Walk) -> Floats:
    """Return the log-odds of encoded rows: the values of the leaves reached, tree by tree."""
    out = np.zeros(len(X))
    for row in range(len(X)):
        total = 0.0
        for root in walk.roots:
            node = root
            while node >= 0:
                x = X[row, walk.feature[node]]
                if np.isnan(x):
                    to_left = walk.missing_left[node]
                elif walk.kind[node] == NUMBER:
                    to_left = x <= walk.threshold[node]
                elif x < 0.0 or x >= MOST_CODES:
                    to_left = walk.missing_left[node]
                else:
                    to_left = (walk.codes[node] >> np.uint64(x)) & np.uint64(1) == np.uint64(1)
                node = walk.left[node] if to_left else walk.right[node]
            total += walk.value[~node]
        out[row] = total
    return out
