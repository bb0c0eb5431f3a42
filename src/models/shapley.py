"""Exact contributions of features to the log-odds of trees, a few splits at a time.

A tree's prediction is a sum over its leaves. The Shapley value of feature i in one leaf of value v
(cover-weighted, "path-dependent", as in TreeSHAP: Lundberg et al., 2020,
https://doi.org/10.1038/s42256-019-0138-9) is an integral over the chance t that a feature is
known:

    v * integral from 0 to 1 of (o_i - w_i) * product over j != i of (t * o_j + (1 - t) * w_j) dt

where o_j says whether the row fulfils the leaf's conditions on feature j, and w_j is the share of
the training rows that did. The integrand is a polynomial in t of a degree below the number d of
features on the path, so that Gauss-Legendre quadrature with half as many nodes gives it exactly.

It depends on the row only by which way it goes at the splits on the path. So the leaves of a tree
are taken in parts that look at few splits together: what a part gives to each feature is computed
once for all ways to go at its splits, and looked up ever after. Compact trees are one part or two.
A leaf too deep for that is a part of its own, looked up by which of its conditions are met.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from models.walk import MOST_CODES, NUMBER

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]
MOST_FEATURES = 32
"""On one path."""
MOST_SPLITS = 64
"""On one path."""

_MOST_NODES = MOST_FEATURES // 2


class Parts(NamedTuple):
    """The leaves of all trees, in parts; what begins at ``first_x`` ends where the next begins.

    Parameters
    ----------
    first_split, first_column, first_leaf : for each part, and one beyond.
    feature, kind, threshold, codes, missing_left : of each split, as in `models.walk.Split`.
    columns : the columns that a part's splits look at; each once a part.
    value : log-odds of each leaf.
    first_condition : for each leaf, and one beyond.
    slot : of each condition, which of the part's columns it is about; each once a leaf.
    mask, wanted : the condition is met where the part's splits under the mask went as wanted: a bit
        for each split, 1 for left.
    share : of the training rows that meet it, those before it on the path being given.
    folded : whether a part is one deep leaf, whose answers are by conditions met and not by ways.
    table : for each part the place of its answers, or -1 where they are computed when asked for.
    """

    first_split: Ints
    first_column: Ints
    first_leaf: Ints
    feature: Ints
    kind: Ints
    threshold: Floats
    codes: Bits
    missing_left: npt.NDArray[np.bool_]
    columns: Ints
    value: Floats
    first_condition: Ints
    slot: Ints
    mask: Bits
    wanted: Bits
    share: Floats
    folded: npt.NDArray[np.bool_]
    table: Ints


def quadrature() -> tuple[Floats, Floats]:
    """Return nodes and weights on [0, 1], row n for n nodes."""
    nodes, weights = np.zeros((2, _MOST_NODES + 1, _MOST_NODES))
    for count in range(1, _MOST_NODES + 1):
        places, heights = np.polynomial.legendre.leggauss(count)
        nodes[count, :count], weights[count, :count] = (places + 1) / 2, heights / 2
    return nodes, weights


@numba.njit(nogil=True, cache=True)
def _go(columns: Floats, parts: Parts, part: int, ways: Bits) -> None:
    """Write which way each row goes at each split of a part, as bits."""
    ways[:], nothing = 0, np.uint64(0)
    first = parts.first_split[part]
    for split in range(first, parts.first_split[part + 1]):
        values, left = columns[parts.feature[split]], np.uint64(1) << np.uint64(split - first)
        missing = left if parts.missing_left[split] else nothing
        if parts.kind[split] == NUMBER:
            threshold = parts.threshold[split]
            for row in range(len(values)):
                x = values[row]
                ways[row] |= missing if np.isnan(x) else (left if x <= threshold else nothing)
            continue
        codes = parts.codes[split]
        for row in range(len(values)):
            x = values[row]
            if np.isnan(x) or x < 0.0 or x >= MOST_CODES:
                ways[row] |= missing
            elif codes >> np.uint64(x) & np.uint64(1):
                ways[row] |= left


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
def _met(way: np.uint64, leaf: int, parts: Parts) -> np.uint64:
    """Return which conditions of a leaf are met, as bits, for a way to go."""
    bits, first = np.uint64(0), parts.first_condition[leaf]
    for k in range(first, parts.first_condition[leaf + 1]):
        if way & parts.mask[k] == parts.wanted[k]:
            bits |= np.uint64(1) << np.uint64(k - first)
    return bits


@numba.njit(nogil=True, cache=True)
def _of_leaf(
    bits: np.uint64, leaf: int, parts: Parts, nodes: Floats, weights: Floats, found: Floats
) -> None:
    """Write what a leaf gives to the feature of each of its conditions, given which are met."""
    first, end = parts.first_condition[leaf], parts.first_condition[leaf + 1]
    met = np.empty(MOST_FEATURES)
    for i in range(end - first):
        met[i] = float(bits >> np.uint64(i) & np.uint64(1))
    _shapley(met, parts.share[first:end], parts.value[leaf], nodes, weights, found)


@numba.njit(nogil=True, cache=True)
def tabulate(parts: Parts, nodes: Floats, weights: Floats, answers: Floats) -> None:
    """Write what each tabled part gives to each of its columns, for all that it may be asked."""
    found = np.empty(MOST_FEATURES)
    for part in range(len(parts.table)):
        if parts.table[part] < 0:
            continue
        width = parts.first_column[part + 1] - parts.first_column[part]
        asked = parts.first_split[part + 1] - parts.first_split[part]
        if parts.folded[part]:
            asked = width
        for number in range(1 << asked):
            place = parts.table[part] + number * width
            for leaf in range(parts.first_leaf[part], parts.first_leaf[part + 1]):
                bits = np.uint64(number)
                if not parts.folded[part]:
                    bits = _met(bits, leaf, parts)
                _of_leaf(bits, leaf, parts, nodes, weights, found)
                first = parts.first_condition[leaf]
                for k in range(first, parts.first_condition[leaf + 1]):
                    answers[place + parts.slot[k]] += found[k - first]


@numba.njit(nogil=True, cache=True)
def contribute(
    columns: Floats, parts: Parts, answers: Floats, nodes: Floats, weights: Floats, out: Floats
) -> None:
    """Add what every part gives to each feature of each row.

    Parameters
    ----------
    columns : encoded rows, shape (features, rows).
    parts, answers : as `tabulate` left them.
    nodes, weights : of the quadrature.
    out : shape (features, rows).
    """
    ways, found = np.empty(columns.shape[1], dtype=np.uint64), np.empty(MOST_FEATURES)
    for part in range(len(parts.table)):
        _go(columns, parts, part, ways)
        start, first, leaf = parts.table[part], parts.first_column[part], parts.first_leaf[part]
        width = parts.first_column[part + 1] - first
        if parts.folded[part]:
            for row in range(len(ways)):
                ways[row] = _met(ways[row], leaf, parts)
        if start >= 0:
            for slot in range(width):
                given = out[parts.columns[first + slot]]
                for row in range(len(ways)):
                    given[row] += answers[start + np.int64(ways[row]) * width + slot]
            continue
        for row in range(len(ways)):
            _of_leaf(ways[row], leaf, parts, nodes, weights, found)
            for slot in range(width):
                out[parts.columns[first + slot], row] += found[slot]
