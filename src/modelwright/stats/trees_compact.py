"""Tree tables as few bytes: what a bundle stores in place of a booster's own text, and restores bit for bit.

Nodes are numbered level by level, so that one bit a node (is it a leaf?) says the whole shape of a tree. A split is an
index into the distinct splits, which histogram boosters repeat; numbers take the narrowest type that says them
exactly. Only how much weight passed an inner node is not kept: it is the sum over its leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.trees import TreeTables, broken, from_parts

#: what `TreeModel.compact_state` calls itself in its meta
KIND = "compact trees"
#: a packed node may be one bit; unpacked it is 50 bytes
MAX_NODES = 64_000_000
_DICTIONARY = 0.5  # distinct values are listed when there are at most so many of them per value
_Arrays = dict[str, NDArray[Any]]


def pack(t: TreeTables) -> tuple[_Arrays, dict[str, Any]]:
    """Arrays of numbers, and JSON values. Packing what `unpack` returned gives the same bytes again."""
    order = _level_order(t)
    feature = t.feature[order]
    leaf = feature < 0
    inner = order[~leaf]
    arrays: _Arrays = {
        "nodes": np.diff(t.starts).astype(np.uint32),
        "leaf": np.packbits(leaf),
        "missing_left": np.packbits(t.missing_left[inner]),
    }
    arrays |= _packed_splits(feature[~leaf], _exact_thresholds(t, inner))
    arrays |= _packed_numbers("value", t.value[order[leaf]].ravel())
    arrays["cover"] = _narrow_cover(t.cover[order[leaf]])
    meta = {**t.meta(), "width": int(t.value.shape[1])}
    return {name: array for name, array in arrays.items() if array.size}, meta


def unpack(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> TreeTables:
    """Tables of `pack`'s parts, checked as untrusted input; raises ModelError (`model.structure`)."""
    counts = _part(arrays, "nodes", "u").astype(np.int64)
    total = int(counts.sum())
    if not 0 < total <= MAX_NODES or np.any(counts <= 0):
        raise broken("its trees have no nodes or too many")
    leaf = _bits(arrays, "leaf", total)
    inner = np.flatnonzero(~leaf)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    width = meta.get("width")
    if not isinstance(width, int) or isinstance(width, bool) or not 1 <= width <= 100_000:
        raise broken("its number of leaf values is out of range")
    feature, threshold = np.full(total, -1, dtype=np.int32), np.zeros(total)
    if inner.size:
        feature[inner], threshold[inner] = _splits(arrays, inner.size)
    values = _numbers(arrays, "value", (total - inner.size) * width)
    value = np.zeros((total, width))
    value[leaf] = values.reshape(-1, width)
    cover = np.zeros(total)
    cover[leaf] = _part(arrays, "cover", "uf", total - inner.size)
    missing_left = np.zeros(total, dtype=np.bool_)
    missing_left[inner] = _bits(arrays, "missing_left", inner.size)
    left, right = _children(leaf, inner, starts)
    _add_up(cover, inner, left, right)
    tables: dict[str, NDArray[Any]] = {
        "feature": feature, "threshold": threshold, "missing_left": missing_left, "left": left, "right": right,
        "value": value, "cover": cover, "starts": starts,
    }  # fmt: skip
    return from_parts(tables, meta)


# ---------------------------------------------------------------- shape


def _level_order(t: TreeTables) -> NDArray[np.int64]:
    """Positions of all nodes, tree by tree, each tree level by level from left to right."""
    level, tree = t.starts[:-1].astype(np.int64), np.arange(t.n_trees)
    levels, trees = [level], [tree]
    while level.size:
        inner = t.feature[level] >= 0
        parents = level[inner]
        level = np.stack([t.left[parents], t.right[parents]], axis=1).ravel().astype(np.int64)
        tree = np.repeat(tree[inner], 2)
        levels.append(level)
        trees.append(tree)
    return np.asarray(np.concatenate(levels)[np.argsort(np.concatenate(trees), kind="stable")], dtype=np.int64)


def _children(
    leaf: NDArray[np.bool_], inner: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The k-th inner node of a tree has the nodes 2 k + 1 and 2 k + 2 of that tree as children."""
    left = np.full(leaf.size, -1, dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(~leaf)])[starts[:-1]]
    tree = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[inner]
    left[inner] = starts[:-1][tree] + 2 * (np.arange(inner.size) - before[tree]) + 1
    right = np.where(left >= 0, left + 1, -1)
    return left.astype(np.int32), right.astype(np.int32)


def _add_up(
    cover: NDArray[np.float64], inner: NDArray[np.int64], left: NDArray[np.int32], right: NDArray[np.int32]
) -> None:
    """Fill in the inner nodes' weights, the deepest first."""
    if np.any(left[inner] <= inner) or np.any(right[inner] >= cover.size):
        raise broken("a child index is out of range or forms a cycle")
    depth = np.zeros(cover.size, dtype=np.int32)
    waiting = inner
    for level in range(1, cover.size + 1):
        children = np.concatenate([left[waiting], right[waiting]])
        depth[children] = level
        waiting = children[left[children] >= 0].astype(np.int64)
        if not waiting.size:
            break
    order = inner[np.argsort(depth[inner], kind="stable")]
    for nodes in np.split(order, np.flatnonzero(np.diff(depth[order])) + 1)[::-1]:
        cover[nodes] = cover[left[nodes]] + cover[right[nodes]]


# ---------------------------------------------------------------- splits


def _exact_thresholds(t: TreeTables, inner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Thresholds of the inner nodes. Inputs of single precision do not see what lies between two of their values."""
    threshold = t.threshold[inner]
    if not t.single:
        return threshold
    with np.errstate(over="ignore"):
        down = threshold.astype(np.float32)
    down = np.where(down > threshold, np.nextafter(down, np.float32(-np.inf)), down)
    return np.where(np.isfinite(down), down.astype(np.float64), threshold)


def _packed_splits(feature: NDArray[np.int32], threshold: NDArray[np.float64]) -> _Arrays:
    order = np.lexsort((threshold, feature))
    f, x = feature[order], threshold[order]
    new = np.ones(order.size, dtype=bool)
    new[1:] = (f[1:] != f[:-1]) | (x[1:] != x[:-1])
    if new.sum() > _DICTIONARY * order.size:
        return {"feature": _narrow(feature), "threshold": _narrow_float(threshold)}
    index = np.empty(order.size, dtype=np.int64)
    index[order] = np.cumsum(new) - 1
    return {"split": _narrow(index), "feature": _narrow(f[new]), "threshold": _narrow_float(x[new])}


def _splits(arrays: Mapping[str, NDArray[Any]], count: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    listed = "split" in arrays
    feature = _part(arrays, "feature", "u", None if listed else count).astype(np.int64)
    threshold = _part(arrays, "threshold", "f", feature.size).astype(np.float64)
    if np.any((feature < 0) | (feature >= 2**31)):
        raise broken("a split reads a feature that does not exist")
    if listed:
        index = _index(arrays, "split", count, feature.size)
        feature, threshold = feature[index], threshold[index]
    return feature.astype(np.int32), threshold


# ---------------------------------------------------------------- numbers


def _packed_numbers(name: str, values: NDArray[np.float64]) -> _Arrays:
    """The numbers as they are, or as indices into the distinct ones; compared by their bits, so -0.0 stays."""
    distinct, index = np.unique(np.ascontiguousarray(values).view(np.int64), return_inverse=True)
    if distinct.size > _DICTIONARY * values.size:
        return {name: _narrow_float(values)}
    return {name: _narrow_float(distinct.view(np.float64)), f"{name}_index": _narrow(index)}


def _numbers(arrays: Mapping[str, NDArray[Any]], name: str, count: int) -> NDArray[np.float64]:
    index = f"{name}_index"
    known = _part(arrays, name, "f", None if index in arrays else count).astype(np.float64)
    return np.asarray(known[_index(arrays, index, count, known.size)] if index in arrays else known)


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers from 0 in the narrowest unsigned type."""
    largest = int(values.max(initial=0))
    return values.astype(np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.uint32)


def _narrow_float(values: NDArray[np.float64]) -> NDArray[Any]:
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    return single if np.array_equal(single.astype(np.float64), values) else np.ascontiguousarray(values)


def _narrow_cover(cover: NDArray[np.float64]) -> NDArray[Any]:
    if np.all(cover == np.round(cover)) and cover.max(initial=0.0) < 2**32:
        return _narrow(cover.astype(np.int64))
    with np.errstate(over="ignore", under="ignore"):
        single = cover.astype(np.float32)
    return single if np.all(np.isfinite(single)) else cover


# ---------------------------------------------------------------- reading


def _part(arrays: Mapping[str, NDArray[Any]], name: str, kinds: str, count: int | None = None) -> NDArray[Any]:
    if name not in arrays:
        raise broken(f"the table '{name}' is missing")
    array = arrays[name]
    if array.ndim != 1 or array.dtype.kind not in kinds or (count is not None and array.size != count):
        raise broken(f"the table '{name}' has the wrong kind or length")
    return array


def _bits(arrays: Mapping[str, NDArray[Any]], name: str, count: int) -> NDArray[np.bool_]:
    if count == 0:
        return np.zeros(0, dtype=np.bool_)
    bits = _part(arrays, name, "u", (count + 7) // 8)
    if bits.dtype != np.uint8:
        raise broken(f"the table '{name}' has the wrong kind or length")
    return np.unpackbits(bits, count=count).astype(np.bool_)


def _index(arrays: Mapping[str, NDArray[Any]], name: str, count: int, size: int) -> NDArray[np.int64]:
    index = _part(arrays, name, "u", count).astype(np.int64)
    if np.any((index < 0) | (index >= size)):
        raise broken(f"the table '{name}' points past its end")
    return index
