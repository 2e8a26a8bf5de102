"""One row through the trees of many models at once.

Walking one tree after the other waits for memory at every node: the trees of an ensemble do not fit in a cache. All
trees walked a level at a time wait together. Each model's leaves are added in its own order, so that no bit changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.stats.trees import ZERO, TreeTables

#: deeper trees are walked alone: every level costs a pass, however few trees are left
MOST_LEVELS = 40

_FEATURE, _THRESHOLD, _LEFT, _VALUE, _WIDTH = 0, 1, 2, 3, 4


def fits(tables: TreeTables) -> bool:
    """Whether these trees can be walked together with others: one value a leaf, and not too deep."""
    return tables.value.shape[1] == 1 and tables.n_trees > 0 and int(depths(tables).max()) <= MOST_LEVELS


def depths(tables: TreeTables) -> NDArray[np.int64]:
    """Splits on the longest way of each tree, (T,)."""
    found = np.zeros(tables.n_trees, dtype=np.int64)
    node, tree, level = tables.starts[:-1].astype(np.int64), np.arange(tables.n_trees), 0
    while node.size:
        inner = tables.feature[node] >= 0
        node, tree = node[inner], tree[inner]
        level += 1
        found[tree] = level
        node = np.concatenate([tables.left[node], tables.right[node]]).astype(np.int64)
        tree = np.concatenate([tree, tree])
    return found


class Together:
    """Trees of several models over one long row: models[i] reads `width` values from offsets[i] on."""

    def __init__(self, models: Sequence[TreeTables], offsets: Sequence[int], width: int) -> None:
        self._models, self._width = tuple(models), width
        self._single = any(model.single for model in models)
        deep = np.concatenate([depths(model) for model in models])
        #: deepest first, so that those still walking are the first ones
        order = np.argsort(-deep, kind="stable")
        self._back = np.argsort(order, kind="stable")
        self._levels = [int((deep > level).sum()) for level in range(int(deep.max()))]
        blocks, roots, sums, start, total = [], [], [], 0, 0
        for model, offset in zip(models, offsets, strict=True):
            blocks.append(_nodes(model, start, offset + (width if model.single else 0), 2 * width))
            roots.append(start + np.arange(model.n_trees))
            sums.append(total + np.arange(model.n_trees) % model.n_outputs)
            start, total = start + len(model.feature), total + model.n_outputs
        self._nodes = np.concatenate(blocks)
        self._roots = np.concatenate(roots)[order]
        self._sums, self._total = np.concatenate(sums), total
        ends = np.cumsum([model.n_outputs for model in models]).tolist()
        self._parts = [slice(end - model.n_outputs, end) for end, model in zip(ends, models, strict=True)]

    def row(self) -> Callable[[NDArray[np.float64]], list[NDArray[np.float64]]]:
        """A closure from the long row (width,) to each model's raw outputs. Reuses its buffers: one per thread."""
        nodes, roots, levels, back = self._nodes, self._roots, self._levels, self._back
        flat = nodes.reshape(-1).view(np.float64)
        taken = np.empty((roots.size, _WIDTH), dtype=np.int64)
        limits = taken.view(np.float64)
        width, total, sums, single = self._width, self._total, self._sums, self._single
        ways = [
            (part, model.scale, np.asarray(model.base)) for part, model in zip(self._parts, self._models, strict=True)
        ]
        # as it is and in single precision; missing below every threshold, then missing above every threshold
        x = np.zeros(4 * width)
        low, high = x[: 2 * width], x[2 * width :]
        rounded = np.zeros(width, dtype=np.float32)

        def score(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
            if values.shape != (width,):
                raise ModelError(f"A row has {values.shape} values, not {width}.", code="model.width")
            low[:width] = values
            if single:
                with np.errstate(over="ignore"):
                    rounded[:] = values
                low[width:] = rounded
            low[np.abs(low) <= ZERO] = 0.0
            blank = np.isnan(low)
            high[:] = low
            low[blank], high[blank] = -np.inf, np.inf
            node = roots.copy()
            for count in levels:
                at = node[:count]
                now = taken[:count]
                nodes.take(at, axis=0, out=now, mode="clip")
                np.add(now[:, _LEFT], x.take(now[:, _FEATURE]) > limits[:count, _THRESHOLD], out=at)
            leaves = flat.take(node * _WIDTH + _VALUE)
            raw = np.bincount(sums, weights=leaves.take(back), minlength=total)
            return [raw[part] * scale + base for part, scale, base in ways]

        return score


def _renumbered(t: TreeTables) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """New number of each node, roots first and right children next to left ones; and the inner nodes."""
    inner = np.flatnonzero(t.feature >= 0)
    number = np.empty(len(t.feature), dtype=np.int64)
    number[t.starts[:-1]] = np.arange(t.n_trees)
    number[t.left[inner]] = t.n_trees + 2 * np.arange(inner.size)
    number[t.right[inner]] = t.n_trees + 2 * np.arange(inner.size) + 1
    return number, inner


def _nodes(t: TreeTables, start: int, offset: int, above: int) -> NDArray[np.int64]:
    """(N, 4) of 32 bytes a node: feature, threshold, left child, value. A leaf leads to itself, whatever is seen.

    above: how much further on the row stands with what is missing above every threshold, for nodes that send it right.
    """
    number, inner = _renumbered(t)
    made = np.zeros((len(number), _WIDTH), dtype=np.int64)
    real = made.view(np.float64)
    real[:, _THRESHOLD] = np.inf
    made[:, _LEFT] = start + np.arange(len(number))
    at = number[inner]
    made[at, _FEATURE] = t.feature[inner] + offset + np.where(t.missing_left[inner], 0, above)
    real[at, _THRESHOLD] = t.threshold[inner]
    made[at, _LEFT] = start + number[t.left[inner]]
    real[number, _VALUE] = t.value[:, 0]
    return made
