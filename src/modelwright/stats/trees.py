"""Decision trees as flat tables: checked like untrusted input, then evaluated with numpy.

Every tree family (scikit-learn's trees and forests, LightGBM, XGBoost, CatBoost) ends up here, so one structural
check and one meaning of "go left" hold for all of them. `stats.trees_native` compiles the same tables for speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError

#: deeper trees are refused: native engines walk them recursively
MAX_DEPTH = 4096
#: values this close to zero count as zero; LightGBM's predictor drops them, so every engine here does
ZERO = float(np.float32(1e-35))
LARGEST = float(np.finfo(np.float64).max)
_CHUNK_CELLS = 4_000_000


def broken(what: str) -> ModelError:
    """The one error of a tree model that cannot be trusted."""
    return ModelError(
        f"The tree model is damaged: {what}.",
        code="model.structure",
        hint="restore the bundle from its source, or train the model again",
        subject="trees",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeTables:
    """T trees, N nodes in all; children are positions in the whole table and always come after their parent.

    feature (N,) int32, -1 for a leaf; threshold (N,) float64: `x <= threshold` goes left; missing_left (N,) bool:
    where NaN goes; left, right (N,) int32, -1 for a leaf; value (N, m) float64, read at leaves; cover (N,)
    float64 > 0: how much training weight passed the node; starts (T + 1,) int64: each tree's first node, its root.
    With m == 1 tree t adds to output t % n_outputs, with m == n_outputs to all. Result: sum * scale + base.
    `single`: inputs are rounded to float32 first, as scikit-learn, XGBoost and CatBoost do.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]
    starts: NDArray[np.int64]
    n_features: int
    n_outputs: int = 1
    scale: float = 1.0
    base: tuple[float, ...] = (0.0,)
    single: bool = False

    @property
    def n_trees(self) -> int:
        return len(self.starts) - 1

    def prepared(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inputs as the comparisons see them; never X itself."""
        if self.single:
            with np.errstate(over="ignore"):
                X = X.astype(np.float32).astype(np.float64)
        return np.where(np.abs(X) <= ZERO, 0.0, X)

    def leaves(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Positions of the leaves reached, shape (n, T)."""
        X = self.prepared(X)
        node = np.repeat(self.starts[:-1][None, :], X.shape[0], axis=0)
        row, tree = np.nonzero(self.feature[node] >= 0)
        while row.size:
            at = node[row, tree]
            x = X[row, self.feature[at]]
            goes_left = np.where(np.isnan(x), self.missing_left[at], x <= self.threshold[at])
            at = np.where(goes_left, self.left[at], self.right[at])
            node[row, tree] = at
            going = self.feature[at] >= 0
            row, tree = row[going], tree[going]
        return node

    def combine(self, leaves: NDArray[np.int64]) -> NDArray[np.float64]:
        """Raw outputs (n, n_outputs) of the leaves reached (n, T)."""
        total = np.zeros((leaves.shape[0], self.n_outputs))
        spread = self.value.shape[1] == 1
        for t in range(self.n_trees):
            if spread:
                total[:, t % self.n_outputs] += self.value[leaves[:, t], 0]
            else:
                total += self.value[leaves[:, t]]
        return np.asarray(total * self.scale + np.asarray(self.base), dtype=np.float64)

    def raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Reference evaluation, (n, n_outputs), in chunks of bounded memory."""
        step = max(1, _CHUNK_CELLS // max(1, self.n_trees))
        parts = [self.combine(self.leaves(X[i : i + step])) for i in range(0, X.shape[0], step)]
        return np.concatenate(parts) if parts else np.zeros((0, self.n_outputs))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "feature": self.feature,
            "threshold": self.threshold,
            "missing_left": self.missing_left,
            "left": self.left,
            "right": self.right,
            "value": self.value,
            "cover": self.cover,
            "starts": self.starts,
        }

    def meta(self) -> dict[str, Any]:
        return {
            "n_features": self.n_features,
            "n_outputs": self.n_outputs,
            "scale": self.scale,
            "base": list(self.base),
            "single": self.single,
        }


_DTYPES: dict[str, type] = {
    "feature": np.int32,
    "threshold": np.float64,
    "missing_left": np.bool_,
    "left": np.int32,
    "right": np.int32,
    "value": np.float64,
    "cover": np.float64,
    "starts": np.int64,
}


def from_parts(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> TreeTables:
    """Rebuild tables from stored parts and check them; raises ModelError (`model.structure`)."""
    taken: dict[str, Any] = {}
    for name, dtype in _DTYPES.items():
        if name not in arrays:
            raise broken(f"the table '{name}' is missing")
        array = np.asarray(arrays[name])
        if array.dtype != np.dtype(dtype):
            raise broken(f"the table '{name}' holds {array.dtype}, not {np.dtype(dtype)}")
        taken[name] = np.ascontiguousarray(array)
    try:
        base = tuple(float(b) for b in meta["base"])
        n_features, n_outputs = int(meta["n_features"]), int(meta["n_outputs"])
        tables = TreeTables(
            **taken,
            n_features=n_features,
            n_outputs=n_outputs,
            scale=float(meta["scale"]),
            base=base,
            single=bool(meta["single"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise broken(f"its description is incomplete ({error})") from error
    check(tables)
    return tables


def check(tables: TreeTables) -> None:
    """Refuse anything that is not a forest of finite, reachable, acyclic trees; raises ModelError."""
    _check_shapes(tables)
    _check_numbers(tables)
    _check_links(tables)
    _check_depth(tables)


def _check_shapes(t: TreeTables) -> None:
    n = t.feature.shape[0] if t.feature.ndim == 1 else 0
    flat = (t.threshold, t.missing_left, t.left, t.right, t.cover)
    if n == 0 or any(a.shape != (n,) for a in flat) or t.value.ndim != 2 or t.value.shape[0] != n:
        raise broken("its tables differ in length or are empty")
    if t.starts.ndim != 1 or len(t.starts) < 2 or t.starts[0] != 0 or t.starts[-1] != n:
        raise broken("its list of trees does not cover its nodes")
    if np.any(np.diff(t.starts) <= 0):
        raise broken("a tree has no nodes")
    if t.n_features < 1 or t.n_outputs < 1 or t.value.shape[1] not in (1, t.n_outputs):
        raise broken("its numbers of inputs and outputs do not fit its tables")
    if t.value.shape[1] == 1 and t.n_trees % t.n_outputs:
        raise broken("its number of trees is no multiple of its outputs")
    if len(t.base) != t.n_outputs:
        raise broken("its base values do not fit its outputs")


def _check_numbers(t: TreeTables) -> None:
    for name, array in (("threshold", t.threshold), ("leaf value", t.value), ("base value", np.asarray(t.base))):
        if not np.all(np.isfinite(array)):
            raise broken(f"a {name} is not finite")
    if not np.isfinite(t.scale) or not np.all(np.isfinite(t.cover)) or np.any(t.cover < 0):
        raise broken("a weight is negative or not finite")
    inner = t.feature >= 0
    if np.any(t.feature[inner] >= t.n_features) or np.any(t.feature < -1):
        raise broken(f"a split reads a feature outside the {t.n_features} known ones")


def _check_links(t: TreeTables) -> None:
    inner = np.flatnonzero(t.feature >= 0)
    end = np.repeat(t.starts[1:], np.diff(t.starts))
    for child in (t.left[inner], t.right[inner]):
        if np.any(child <= inner) or np.any(child >= end[inner]):
            raise broken("a child index is out of range or forms a cycle")
    parents = np.bincount(np.concatenate([t.left[inner], t.right[inner]]), minlength=len(t.feature))
    expected = np.ones(len(t.feature), dtype=np.int64)
    expected[t.starts[:-1]] = 0
    if not np.array_equal(parents, expected):
        raise broken("a node is unreachable or has two parents")


def _check_depth(t: TreeTables) -> None:
    level = t.starts[:-1]
    for _ in range(MAX_DEPTH):
        level = level[t.feature[level] >= 0]
        if not level.size:
            return
        level = np.concatenate([t.left[level], t.right[level]]).astype(np.int64)
    raise broken(f"a tree is deeper than {MAX_DEPTH} levels")


# ---------------------------------------------------------------- building


@dataclass(slots=True)
class Grower:
    """Collects trees given as local node lists in any order, keeping only what the root reaches.

    Each `add` walks from node 0 breadth first and refuses a second visit, so a cycle in a foreign model file
    ends in ModelError and not in an endless loop.
    """

    n_features: int
    width: int = 1
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    value: list[Any] = field(default_factory=list)
    cover: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])

    def add(self, nodes: Nodes) -> None:
        """One tree; leaves have left == -1."""
        count, start, seen = len(nodes.left), len(self.feature), {0}
        queue = [0]
        for node in queue:
            if not 0 <= node < count:
                raise broken("a child index is out of range")
            inner = nodes.left[node] >= 0
            self._append(nodes, node, inner)
            if not inner:
                continue
            for child, links in ((nodes.left[node], self.left), (nodes.right[node], self.right)):
                if child in seen:
                    raise broken("a child index forms a cycle")
                seen.add(child)
                links[-1] = start + len(queue)
                queue.append(child)
        self.starts.append(len(self.feature))

    def _append(self, nodes: Nodes, node: int, inner: bool) -> None:
        feature = nodes.feature[node] if inner else -1
        if inner and not 0 <= feature < self.n_features:
            raise broken(f"a split reads feature {feature}, outside the {self.n_features} known ones")
        self.feature.append(feature)
        self.threshold.append(nodes.threshold[node] if inner else 0.0)
        self.missing_left.append(bool(nodes.missing_left[node]) if inner else False)
        self.left.append(-1)
        self.right.append(-1)
        self.value.append([0.0] * self.width if inner else nodes.value[node])
        self.cover.append(nodes.cover[node])

    def finish(self, **rest: Any) -> TreeTables:
        """The checked tables. `rest`: n_outputs, scale, base, single."""
        if len(self.starts) == 1:
            raise broken("it has no trees")
        tables = TreeTables(
            feature=np.asarray(self.feature, dtype=np.int32),
            threshold=np.asarray(self.threshold, dtype=np.float64),
            missing_left=np.asarray(self.missing_left, dtype=np.bool_),
            left=np.asarray(self.left, dtype=np.int32),
            right=np.asarray(self.right, dtype=np.int32),
            value=np.asarray(self.value, dtype=np.float64).reshape(len(self.feature), self.width),
            cover=np.asarray(self.cover, dtype=np.float64),
            starts=np.asarray(self.starts, dtype=np.int64),
            n_features=self.n_features,
            **rest,
        )
        check(tables)
        return tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """One tree as parallel lists; entries of `feature` and `threshold` at leaves are ignored."""

    feature: list[int]
    threshold: list[float]
    missing_left: list[bool]
    left: list[int]
    right: list[int]
    value: list[Any]
    cover: list[float]


def concatenated(parts: Iterable[dict[str, NDArray[Any]]], n_features: int, **rest: Any) -> TreeTables:
    """Tables from whole trees whose local children follow their parents already (scikit-learn); checked."""
    trees = list(parts)
    starts = np.concatenate([[0], np.cumsum([len(p["feature"]) for p in trees])]).astype(np.int64)
    for tree, start in zip(trees, starts[:-1], strict=True):
        for side in ("left", "right"):
            tree[side] = np.where(tree[side] >= 0, tree[side] + start, -1)
    joined: dict[str, Any] = {
        name: np.ascontiguousarray(np.concatenate([p[name] for p in trees]).astype(_DTYPES[name]))
        for name in _DTYPES
        if name != "starts"
    }
    tables = TreeTables(**joined, starts=starts, n_features=n_features, **rest)
    check(tables)
    return tables
