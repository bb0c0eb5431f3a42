"""Exact contributions of features to the log-odds of trees, leaf by leaf.

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

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_FEATURES = 32
"""On one path."""

_MOST_NODES = MOST_FEATURES // 2


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


def quadrature() -> tuple[Floats, Floats]:
    """Return nodes and weights on [0, 1], row n for n nodes."""
    nodes, weights = np.zeros((2, _MOST_NODES + 1, _MOST_NODES))
    for count in range(1, _MOST_NODES + 1):
        places, heights = np.polynomial.legendre.leggauss(count)
        nodes[count, :count], weights[count, :count] = (places + 1) / 2, heights / 2
    return nodes, weights


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
def answers_of(leaves: Leaves, start: Ints, nodes: Floats, weights: Floats, out: Floats) -> None:
    """Write the Shapley values of every leaf with few features, for each way to meet them."""
    met, found = np.empty(MOST_FEATURES), np.empty(MOST_FEATURES)
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
def contribute(
    X: Floats,
    leaves: Leaves,
    start: Ints,
    answers: Floats,
    nodes: Floats,
    weights: Floats,
    out: Floats,
) -> None:
    """Add what every leaf gives to each feature of each row; answers are looked up from `start`."""
    met, found = np.empty(MOST_FEATURES), np.empty(MOST_FEATURES)
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
