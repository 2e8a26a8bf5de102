"""Tree tables compiled to LightGBM's predictor: batch scoring, a single-row call of a few microseconds, TreeSHAP.

Only text that this module writes from checked tables is ever given to the native loader, which aborts the process
on damaged text. Thresholds and leaves stay float64; `x <= threshold`, NaN by the node's own side.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cached_property
from struct import Struct
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.stats import trees_one_row
from modelwright.stats.lightgbm_library import CONTRIBUTIONS, LEAF, RAW, Booster, checked, library
from modelwright.stats.trees import TreeTables
from modelwright.stats.trees_bits import FEWEST, Bits, fits

_CELLS = 8_000_000
_COVER_TOTAL = 1e9  # covers become int32 counts that sum to this per tree


_BOOSTERS: WeakValueDictionary[bytes, Booster] = WeakValueDictionary()
_BITS: WeakValueDictionary[bytes, Bits] = WeakValueDictionary()


def _identity(t: TreeTables) -> bytes:
    """Equal for tables that give equal predictions, node by node."""
    hasher = blake3(f"{t.n_features} {t.n_outputs} {t.value.shape}".encode())
    for array in (t.starts, t.feature, t.threshold, t.left, t.right, t.missing_left, t.value):
        hasher.update(np.ascontiguousarray(array).tobytes())
    return hasher.digest()


class Engine:
    """A compiled TreeTables. `raw` equals `TreeTables.raw` to rounding of the sum."""

    def __init__(self, tables: TreeTables) -> None:
        self.tables = tables
        #: leaves that carry several outputs are looked up by leaf number; single ones are summed natively
        self.by_leaf = tables.value.shape[1] > 1

    @cached_property
    def booster(self) -> Booster:
        """Shared by engines of equal trees: a model is restored from its files several times on the way to a bundle."""
        key = _identity(self.tables)
        found = _BOOSTERS.get(key)
        if found is None:
            found = _BOOSTERS[key] = Booster(text(self.tables, 0, covers=False))
        return found

    @cached_property
    def _bits(self) -> Bits | None:
        """Quicker than the booster for many rows of small trees; None where it would not be."""
        return self._masks if fits(self.tables) else None

    @cached_property
    def _masks(self) -> Bits:
        """Kept, so that the workers that a server forks share those it has made."""
        key = _identity(self.tables)
        found = _BITS.get(key)
        if found is None:
            found = _BITS[key] = Bits(self.tables)
        return found

    @cached_property
    def _by_masks(self) -> bool:
        return trees_one_row.pays(self.tables)

    @cached_property
    def _covered(self) -> list[Booster]:
        """The same with each node's rows, which only TreeSHAP reads: one booster per column of the leaves."""
        return [Booster(text(self.tables, column)) for column in range(self.tables.value.shape[1])]

    @cached_property
    def _positions(self) -> NDArray[np.int64]:
        """Table positions of all leaves, tree by tree, in LightGBM's numbering."""
        return np.flatnonzero(self.tables.feature < 0)

    @cached_property
    def _first_leaf(self) -> NDArray[np.int64]:
        counts = np.add.reduceat(self.tables.feature < 0, self.tables.starts[:-1])
        return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)

    def raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, n_outputs)."""
        t = self.tables
        if X.shape[0] == 0:
            return np.zeros((0, t.n_outputs))
        if X.shape[0] >= FEWEST and self._bits is not None:
            return self._bits.raw(X)
        X = np.ascontiguousarray(t.prepared(X))
        if not self.by_leaf:
            total = self.booster.predict(X, RAW)
            return np.asarray(total * t.scale + np.asarray(t.base), dtype=np.float64)
        step = max(1, _CELLS // t.n_trees)
        return np.concatenate([self._by_leaf(X[i : i + step]) for i in range(0, X.shape[0], step)])

    def _by_leaf(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        leaf = self.booster.predict(X, LEAF)
        return self.tables.combine(self._positions[leaf.astype(np.int64) + self._first_leaf])

    def row(self) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """A closure from one row (k,) to raw outputs (n_outputs,). Reuses its buffers: one closure per thread."""
        if self._by_masks:
            by_masks = trees_one_row.row(self._masks, self.tables)
            return lambda x: by_masks(x.tolist())
        t, call = self.tables, _FastCall(self)
        scale, base = t.scale, np.asarray(t.base)
        if not self.by_leaf:
            return lambda x: call(x) * scale + base
        values, first = np.ascontiguousarray(t.value[self._positions]), self._first_leaf
        return lambda x: values[call(x).astype(np.int64) + first].sum(axis=0) * scale + base

    def packed_row(self) -> Callable[[bytes], Sequence[float]]:
        """`row` from the bytes of a row of float64, without an array in between."""
        t = self.tables
        if self._by_masks:
            by_masks, unpack = trees_one_row.row(self._masks, t), Struct(f"{t.n_features}d").unpack
            return lambda content: by_masks(unpack(content)).tolist()
        if t.single or self.by_leaf:
            row, read = self.row(), np.frombuffer
            return lambda content: row(read(content))  # type: ignore[return-value]
        call, scale, base = _FastCall(self).packed, t.scale, np.asarray(t.base, dtype=np.float64).tolist()
        if len(base) == 1:
            only = base[0]
            return lambda content: (call(content)[0] * scale + only,)
        return lambda content: [value * scale + shift for value, shift in zip(call(content), base, strict=True)]

    def contributions(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Exact path-dependent TreeSHAP (Lundberg et al. 2020), (n, n_outputs, k + 1), last column the base.

        Takes a column per output of multi-output leaves, so its cost grows with the number of outputs.
        """
        t = self.tables
        X = np.ascontiguousarray(t.prepared(X))
        if not self.by_leaf:
            parts = self._covered[0].predict(X, CONTRIBUTIONS)
            out = parts.reshape(X.shape[0], t.n_outputs, t.n_features + 1)
        else:
            out = np.stack([booster.predict(X, CONTRIBUTIONS) for booster in self._covered], axis=1)
        out = out * t.scale
        out[:, :, -1] += np.asarray(t.base)
        return out


class _FastCall:
    """LightGBM's single-row fast path through its C interface; raises ModelError when it refuses."""

    def __init__(self, engine: Engine) -> None:
        t = engine.tables
        self._lib, self._booster = library(), engine.booster  # the booster must outlive its handle
        self._config = ctypes.c_void_p()
        self._in = np.zeros(t.n_features)
        self._out = np.zeros(t.n_trees if engine.by_leaf else t.n_outputs)
        self._bytes, self._raw = 8 * t.n_features, (ctypes.c_double * len(self._out))()
        self._single = np.zeros(t.n_features, dtype=np.float32) if t.single else None
        self._length = ctypes.c_int64()
        self._arguments = (
            self._config,
            self._in.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(self._length),
            self._out.ctypes.data_as(ctypes.c_void_p),
        )
        self._initialise(LEAF if engine.by_leaf else RAW, t.n_features)
        self._predict = self._lib.LGBM_BoosterPredictForMatSingleRowFast

    def _initialise(self, kind: int, n_features: int) -> None:
        status = self._lib.LGBM_BoosterPredictForMatSingleRowFastInit(
            self._booster.handle,
            ctypes.c_int(kind),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(1),  # float64
            ctypes.c_int32(n_features),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(self._config),
        )
        checked(status)

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if x.shape != self._in.shape:  # assignment would broadcast a row of one value in silence
            raise ModelError(f"A row has {x.shape} values, not {self._in.shape}.", code="model.width")
        if self._single is None:
            self._in[:] = x
        else:
            with np.errstate(over="ignore"):
                self._single[:] = x
            self._in[:] = self._single
        config, data, length, out = self._arguments
        if self._predict(config, data, length, out) != 0:
            raise ModelError("The native predictor failed on a row.", code="model.native")
        return self._out

    def packed(self, content: bytes) -> Any:
        """Raw answers to a row given as bytes; the same memory each time."""
        if len(content) != self._bytes:
            raise ModelError(f"A row has {len(content)} bytes, not {self._bytes}.", code="model.width")
        config, _, length, _ = self._arguments
        if self._predict(config, content, length, self._raw) != 0:
            raise ModelError("The native predictor failed on a row.", code="model.native")
        return self._raw

    def __del__(self) -> None:
        if getattr(self, "_config", None):
            self._lib.LGBM_FastConfigFree(self._config)


# ---------------------------------------------------------------- text


def text(t: TreeTables, column: int, *, covers: bool = True) -> str:
    """LightGBM's model text (version v4) of checked tables, with one column of the leaves' values.

    Without covers it is half as long and written in a fraction of the time: predictions do not read them.
    """
    per_iteration = t.n_outputs if t.value.shape[1] == 1 else 1
    trees = [_tree_text(t, i, column, covers=covers) for i in range(t.n_trees)]
    names = [f"f{i}" for i in range(t.n_features)]
    head = [
        "tree",
        "version=v4",
        f"num_class={per_iteration}",
        f"num_tree_per_iteration={per_iteration}",
        "label_index=0",
        f"max_feature_idx={t.n_features - 1}",
        "objective=custom",
        f"feature_names={' '.join(names)}",
        f"feature_infos={' '.join(['[-1e308:1e308]'] * t.n_features)}",
        f"tree_sizes={' '.join(str(len(tree)) for tree in trees)}",
        "",
        "",
    ]
    return "\n".join(head) + "".join(trees) + "end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n"


def _tree_text(t: TreeTables, i: int, column: int, *, covers: bool) -> str:
    start, end = int(t.starts[i]), int(t.starts[i + 1])
    leaf = t.feature[start:end] < 0
    values = t.value[start:end, column]
    lines = [f"Tree={i}", f"num_leaves={int(leaf.sum())}", "num_cat=0"]
    inner = np.flatnonzero(~leaf)
    if inner.size:
        # LightGBM numbers splits from 0 and names leaf j as -(j + 1)
        number = np.where(leaf, -np.cumsum(leaf, dtype=np.int64), np.cumsum(~leaf) - 1)
        decision = np.where(t.missing_left[start:end][inner], 10, 8)  # 8: NaN is missing; 2: it goes left
        lines += [
            f"split_feature={_join(t.feature[start:end][inner])}",
            f"threshold={_join(t.threshold[start:end][inner])}",
            f"decision_type={_join(decision)}",
            f"left_child={_join(number[t.left[start:end][inner] - start])}",
            f"right_child={_join(number[t.right[start:end][inner] - start])}",
        ]
    lines.append(f"leaf_value={_join(values[leaf])}")
    if covers:
        lines += _cover_lines(_counts(t, start, end), leaf, inner)
    return "\n".join([*lines, "is_linear=0", "shrinkage=1", "", "", ""])


def _cover_lines(counts: NDArray[np.int64], leaf: NDArray[np.bool_], inner: NDArray[np.int64]) -> list[str]:
    if not inner.size:
        return [f"leaf_count={_join(counts)}"]
    nothing = _join(np.zeros(inner.size, dtype=np.int64))
    return [
        f"split_gain={nothing}",
        f"leaf_weight={_join(counts[leaf])}",
        f"leaf_count={_join(counts[leaf])}",
        f"internal_value={nothing}",
        f"internal_weight={_join(counts[inner])}",
        f"internal_count={_join(counts[inner])}",
    ]


def _counts(t: TreeTables, start: int, end: int) -> NDArray[np.int64]:
    """Integer covers with every inner node the exact sum of its children, at least one per leaf."""
    cover = t.cover[start:end]
    whole = np.all(cover == np.round(cover)) and cover.max() < 2**30
    scale = 1.0 if whole else _COVER_TOTAL / max(float(cover[0]), 1e-300)
    leaf = t.feature[start:end] < 0
    counts = np.where(leaf, np.maximum(1, np.round(cover * scale)), 0).astype(np.int64)
    for node in range(end - start - 1, -1, -1):
        if not leaf[node]:
            counts[node] = counts[t.left[start + node] - start] + counts[t.right[start + node] - start]
    return counts


def _join(values: NDArray[Any]) -> str:
    items: Sequence[Any] = values.tolist()
    return " ".join(map(repr, items))
