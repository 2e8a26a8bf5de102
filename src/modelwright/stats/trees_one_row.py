"""One row through hundreds of small trees by bit masks: `trees_bits` for a single row.

A walk waits for memory at every node of every tree. Joining the masks of the row's features reads one line of memory
for each feature, which the processor sees coming. Leaves are added in the order of the trees, so that no bit of the
answer changes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.stats.trees import ZERO, TreeTables
from modelwright.stats.trees_bits import Bits, needs

#: microseconds of the native walk for each halving of a tree's leaves; and of masks for the call, a feature and 4 bytes
#: of a tree's mask (measured: LightGBM 4.7 and XGBoost 3.2, 400 to 1,000 trees of 31 to 64 leaves)
_HALVING_US, _CALL_US, _FEATURE_US, _TREE_US = 0.015, 12.0, 1.0, 0.009
#: a gain below this factor is not worth the memory
_WORTH = 1.2
#: masks of a model, and of all models of an ensemble together: what a server of 80 MB can hold
_MOST_BYTES = 16 << 20


def pays(t: TreeTables) -> bool:
    """Whether a single row of these trees is answered sooner by masks than by the native walk."""
    if t.n_trees == 0 or _walk_us(t) <= _WORTH * _CALL_US:
        return False
    found = needs(t)
    if found is None or found.size_bytes > _MOST_BYTES:
        return False
    masks_us = _CALL_US + _FEATURE_US * found.features + _TREE_US * t.n_trees * found.width / 4
    return _walk_us(t) > _WORTH * masks_us


def _walk_us(t: TreeTables) -> float:
    leaves = (len(t.feature) + t.n_trees) / (2 * t.n_trees)
    return _HALVING_US * math.log2(leaves) * t.n_trees


def affordable(models: Mapping[int, TreeTables]) -> set[int]:
    """Keys of those models of an ensemble whose masks may all be in memory: the smallest for their trees first."""
    paying = {key: t for key, t in models.items() if pays(t)}
    sizes = {key: found.size_bytes for key, t in paying.items() if (found := needs(t)) is not None}
    chosen, total = set(), 0
    for key in sorted(sizes, key=lambda key: (sizes[key] / paying[key].n_trees, key)):
        total += sizes[key]
        if total > _MOST_BYTES:
            break
        chosen.add(key)
    return chosen


def row(bits: Bits, t: TreeTables) -> Callable[[Sequence[float]], NDArray[np.float64]]:
    """A closure from the values of one row, floats, to raw outputs (n_outputs,). Reuses its buffers: one per thread."""
    joined, everything, values = bits.parts()
    # a mask of one bit, as a float, has 1023 more than the bit's number as its exponent
    places = np.arange(t.n_trees, dtype=np.int64) * values.shape[1] - 1023
    features = [(feature, thresholds.tolist(), list(masks)) for feature, thresholds, masks in joined]
    width, n_trees, n_outputs = t.n_features, t.n_trees, t.n_outputs
    left, lowest = np.empty_like(everything), np.empty_like(everything)
    numbers = np.empty(n_trees)
    exponents = numbers.view(np.int64)
    leaves, total = np.empty(n_trees), np.empty(n_trees)
    order = np.arange(n_trees, dtype=np.int64) % n_outputs
    flat, scale, base = values.reshape(-1), t.scale, np.asarray(t.base, dtype=np.float64)
    join, negative, shift, add = np.bitwise_and, np.negative, np.right_shift, np.add
    take, accumulate, bincount, single = flat.take, np.add.accumulate, np.bincount, t.single
    rounded = np.empty(width, dtype=np.float32)

    def score(x: Sequence[float]) -> NDArray[np.float64]:
        if len(x) != width:
            raise ModelError(f"A row has {len(x)} values, not {width}.", code="model.width")
        if single:
            with np.errstate(over="ignore"):
                rounded[:] = x
            x = rounded.tolist()
        seen = everything
        for feature, thresholds, masks in features:
            value = x[feature]
            if -ZERO <= value <= ZERO:
                value = 0.0
            place = bisect_left(thresholds, value) if value == value else -1
            join(seen, masks[place], left)
            seen = left
        negative(left, lowest)
        join(left, lowest, lowest)
        numbers[:] = lowest
        shift(exponents, 52, exponents)
        add(exponents, places, exponents)
        take(exponents, None, leaves, "clip")
        if n_outputs == 1:
            accumulate(leaves, 0, None, total)
            return total[-1:] * scale + base
        return bincount(order, leaves, n_outputs) * scale + base

    return score
