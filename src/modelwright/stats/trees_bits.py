"""Many rows through small trees by bit masks: a look-up per feature in place of a walk per tree.

A comparison that fails rules out the leaves to its left. For each feature the masks of all trees are joined beforehand
for every place between two thresholds; the masks of a row's features are joined, and the lowest bit that is left is
the leaf. Source: QuickScorer (Lucchese et al., SIGIR 2015). Leaves are added in the order of the trees, so that no bit
of the answer changes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.trees import TreeTables

_MOST_LEAVES = 64
_MOST_BYTES = 4 << 20  # of all masks of a model; an ensemble has dozens of them
#: bytes of masks that a tree joins for a row: from about 320 on a walk of 32 to 64 leaves takes less (measured)
_MOST_JOINED = 240
_AT_ONCE = 256  # rows whose masks stay in a cache
#: fewer rows are walked in less time; numpy also adds a single row in another order
FEWEST = 24


def fits(tables: TreeTables) -> bool:
    """Whether masks pay for these trees and many rows: one value a leaf, few leaves, few features, few thresholds."""
    found = needs(tables)
    return found is not None and found.features * found.width <= _MOST_JOINED and found.size_bytes <= _MOST_BYTES


class Needed(NamedTuple):
    """What the masks of a model need: bytes of one mask, features that are looked at, bytes of all masks."""

    width: int
    features: int
    size_bytes: int


def needs(tables: TreeTables) -> Needed | None:
    """None for trees that have no masks: several values a leaf, too many leaves, or no split at all."""
    inner = tables.feature >= 0
    if tables.value.shape[1] != 1 or not tables.n_trees or not inner.any():
        return None
    most = int(np.add.reduceat(~inner, tables.starts[:-1]).max())
    if most > _MOST_LEAVES:
        return None
    width = 4 if most <= 32 else 8
    used = len(_distinct(tables.feature[inner])[0])
    feature, threshold = tables.feature[inner], tables.threshold[inner]
    order = np.lexsort((threshold, feature))
    changes = (np.diff(feature[order]) != 0) | (np.diff(threshold[order]) != 0)
    places = 1 + int(np.count_nonzero(changes)) + 2 * used
    return Needed(width, used, places * tables.n_trees * width)


class Bits:
    """Of one model that `fits`. Immutable; for any thread."""

    def __init__(self, tables: TreeTables) -> None:
        self._tables = t = tables
        first, last, counts = _leaf_ranges(t)
        width = int(counts.max())
        self._kind: Any = np.uint32 if width <= 32 else np.uint64
        tree = np.repeat(np.arange(t.n_trees), np.diff(t.starts))
        inner = np.flatnonzero(t.feature >= 0)
        bits = np.uint64(64)
        ones = ~np.uint64(0)
        spans = (last - first)[t.left[inner]].astype(np.uint64)
        low = first[t.left[inner]].astype(np.uint64)
        masks = (~((ones >> (bits - spans)) << low)).astype(self._kind)
        self._features = [
            (feature, *_joined(t, inner[mine], masks[mine], tree[inner[mine]], self._kind))
            for feature in range(t.n_features)
            if (mine := t.feature[inner] == feature).any()
        ]
        leaf = np.flatnonzero(t.feature < 0)
        self._values = np.zeros((t.n_trees, width))
        self._values[tree[leaf], first[leaf]] = t.value[leaf, 0]
        self._places = np.arange(t.n_trees, dtype=np.int64) * width - 1023
        #: leaves that a tree does not have are never reached
        self._all = (ones >> (bits - counts.astype(np.uint64))).astype(self._kind)

    def parts(self) -> tuple[list[tuple[int, NDArray[np.float64], NDArray[Any]]], NDArray[Any], NDArray[np.float64]]:
        """Feature, thresholds and masks; the masks before anything is looked at; the leaves (T, leaves a tree)."""
        return self._features, self._all, self._values

    def raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, n_outputs), equal to `TreeTables.raw` bit for bit; n at least FEWEST."""
        t = self._tables
        X = t.prepared(X)
        cuts = [*range(0, max(1, X.shape[0] - FEWEST), _AT_ONCE), X.shape[0]]
        total = np.concatenate([self._sums(X[start:end]) for start, end in pairwise(cuts)])
        return np.asarray(total * t.scale + np.asarray(t.base), dtype=np.float64)

    def _sums(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        t, n = self._tables, X.shape[0]
        left = np.repeat(self._all[None, :], n, axis=0)
        taken = np.empty_like(left)
        columns = np.ascontiguousarray(X.T)
        blank: NDArray[np.bool_] = np.isnan(columns)
        some: list[bool] = np.asarray(blank.any(axis=1)).tolist()
        for feature, thresholds, masks in self._features:
            place = thresholds.searchsorted(columns[feature])
            if some[feature]:
                place[blank[feature]] = len(thresholds) + 1
            np.take(masks, place, axis=0, out=taken, mode="clip")
            np.bitwise_and(left, taken, out=left)
        lowest = (left & (~left + self._kind(1))).astype(np.float64)
        leaves = (lowest.view(np.int64) >> 52) + self._places
        values = np.ascontiguousarray(self._values.reshape(-1).take(leaves).T)
        total: NDArray[np.float64] = np.add.reduce(values.reshape(-1, t.n_outputs, n), axis=0, initial=0.0)
        return total.T


def _joined(
    t: TreeTables, nodes: NDArray[np.int64], masks: NDArray[Any], tree: NDArray[np.int64], kind: Any
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Thresholds of one feature, ascending, and the trees' masks by how many of them a value exceeds; the last row is
    for missing values."""
    thresholds, place = _distinct(t.threshold[nodes])
    table = np.full((len(thresholds) + 2, t.n_trees), ~kind(0), dtype=kind)
    np.bitwise_and.at(table, (place + 1, tree), masks)
    np.bitwise_and.accumulate(table[:-1], axis=0, out=table[:-1])
    right = ~t.missing_left[nodes]
    np.bitwise_and.at(table[-1], tree[right], masks[right])
    return thresholds, table


def _distinct(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """As `np.unique` with `return_inverse`, which imports masked arrays: a twentieth of the start of a server."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.ones(len(values), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.cumsum(first) - 1
    return ordered[first], place


def _leaf_ranges(t: TreeTables) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Leaves of each tree from left to right: the first and one past the last below each node, and how many a tree
    has. Children come after their parent."""
    left, right = t.left.tolist(), t.right.tolist()
    count = [1] * len(left)
    for node in range(len(left) - 1, -1, -1):
        if left[node] >= 0:
            count[node] = count[left[node]] + count[right[node]]
    first = [0] * len(left)
    for node, child in enumerate(left):
        if child >= 0:
            first[child] = first[node]
            first[right[node]] = first[node] + count[child]
    starts = np.array(first, dtype=np.int64)
    counts = np.array(count, dtype=np.int64)
    return starts, starts + counts, counts[t.starts[:-1]]
