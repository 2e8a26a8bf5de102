"""A fitted model made of tree tables: predictions, single rows, contributions and an ONNX graph from one source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.tables import State
from modelwright.stats import linear_links, trees_compact
from modelwright.stats.trees import ZERO, TreeTables, from_parts
from modelwright.stats.trees_native import Engine

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder

_GRAPH_NODES = 4_000_000
_FLOAT, _DOUBLE = 1, 11  # ONNX TensorProto element types


class TreeModel:
    """Fitted, RowScored, Graphed and Contributing over TreeTables.

    `native` is the booster's own state (its text); without it the tables themselves are the state.
    """

    def __init__(self, tables: TreeTables, link: str, *, native: State | None = None, about: Any = None) -> None:
        self.tables = tables
        self.link = linear_links.known_link(link)
        self._native = native
        self.about: dict[str, Any] = dict(about or {})

    @cached_property
    def _engine(self) -> Engine:
        return Engine(self.tables)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.tables.n_features)
        return linear_links.apply(self.link, self._engine.raw(rows))

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        """The closure owns its buffers: make one per thread."""
        raw, link = self._engine.row(), linear_links.row_link(self.link)
        return lambda x: link(raw(x))

    def packed_scorer(self) -> Callable[[bytes], Sequence[float]]:
        """`row_scorer` from the bytes of a row of float64; make one per thread."""
        raw, link = self._engine.packed_row(), linear_links.row_link(self.link)
        return lambda content: link(raw(content))

    def contributions(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Exact TreeSHAP of the raw output: log-odds for boosters, probability for forests, value for regression."""
        out = self._engine.contributions(linear_links.as_rows(X, self.tables.n_features))
        return out[:, 0, :] if self.tables.n_outputs == 1 else out

    def state(self) -> State:
        if self._native is not None:
            return self._native
        return State(arrays=self.tables.arrays(), meta={**self.tables.meta(), "link": self.link, "about": self.about})

    def compact_state(self) -> State:
        """The trees in few bytes; `restore` and every tree family read it back."""
        arrays, meta = trees_compact.pack(self.tables)
        return State(arrays=arrays, meta={**meta, "kind": trees_compact.KIND, "link": self.link, "about": self.about})

    def graph(self, builder: GraphBuilder, x: str) -> str:
        raw = graph(self.tables, builder, x)
        return linear_links.graph_link(builder, self.link, raw)


def is_compact(state: State) -> bool:
    return state.meta.get("kind") == trees_compact.KIND


def restore(state: State) -> TreeModel:
    """Rebuild from `state()` (without a native text) or `compact_state()`; raises ModelError (`model.structure`)."""
    tables = (trees_compact.unpack if is_compact(state) else from_parts)(state.arrays, state.meta)
    link = linear_links.known_link(state.meta.get("link"))
    if link in ("sigmoid", "share", "identity", "halving") and tables.n_outputs != 1:
        raise ModelError(f"A '{link}' model has {tables.n_outputs} outputs, not 1.", code="model.structure")
    if link in ("softmax", "shares") and tables.n_outputs < 2:
        raise ModelError(f"A '{link}' model has 1 output only.", code="model.structure")
    about = state.meta.get("about")
    return TreeModel(tables, link, about=about if isinstance(about, Mapping) else None)


# ---------------------------------------------------------------- ONNX


def graph(tables: TreeTables, builder: GraphBuilder, x: str) -> str:
    """Raw outputs (n, n_outputs) by `TreeEnsemble` of ai.onnx.ml opset 5, in float64 and so bit exact.

    Opset 3's TreeEnsembleRegressor answers in float32 only. `nodes_splits`, `leaf_weights` (float64) and
    `nodes_modes` (uint8) are passed as numpy arrays, which the builder must turn into TensorProto attributes;
    the other attributes are lists of int. Raises ModelError (`graph.unsupported`) for forests too large.
    """
    copies = tables.value.shape[1]
    if len(tables.feature) * copies > _GRAPH_NODES:
        raise ModelError(
            f"The forest has {len(tables.feature)} nodes for each of {copies} outputs, too many for an ONNX graph.",
            code="graph.unsupported",
            hint="use fewer or shallower trees",
        )
    inner = np.flatnonzero(tables.feature >= 0)
    if inner.size == 0:
        return _graph_constant(tables, builder, x)
    raw = builder.op("TreeEnsemble", _graph_prepared(tables, builder, x), domain="ai.onnx.ml", **_attributes(tables))
    scaled = builder.op("Mul", raw, builder.constant(np.array([tables.scale])))
    return builder.op("Add", scaled, builder.constant(np.asarray(tables.base).reshape(1, -1)))


def _graph_prepared(tables: TreeTables, builder: GraphBuilder, x: str) -> str:
    if tables.single:
        x = builder.op("Cast", builder.op("Cast", x, to=_FLOAT), to=_DOUBLE)
    tiny = builder.op("LessOrEqual", builder.op("Abs", x), builder.constant(np.array([ZERO])))
    return builder.op("Where", tiny, builder.constant(np.array([0.0])), x)


def _graph_constant(tables: TreeTables, builder: GraphBuilder, x: str) -> str:
    """All trees are single leaves: the answer does not depend on x, only its shape does."""
    value = tables.raw(np.zeros((1, tables.n_features)))
    first = builder.op("ReduceMax", x, builder.constant(np.array([1], dtype=np.int64)), keepdims=1)
    zero = builder.op("Where", builder.op("IsNaN", first), *[builder.constant(np.array([0.0]))] * 2)
    return builder.op("Add", zero, builder.constant(value))


def _attributes(t: TreeTables) -> dict[str, Any]:
    """TreeEnsemble's attributes: inner nodes and leaves numbered apart; a lone leaf becomes a split to itself."""
    leaf = t.feature < 0
    lone = t.starts[:-1][leaf[t.starts[:-1]]]
    keep = ~leaf
    keep[lone] = True
    node_number, leaf_number = np.cumsum(keep) - 1, np.cumsum(leaf) - 1
    nodes = np.flatnonzero(keep)
    left = np.where(leaf[nodes], nodes, t.left[nodes])
    right = np.where(leaf[nodes], nodes, t.right[nodes])
    to = np.where(leaf, leaf_number, node_number)
    n_leaves, copies = int(leaf.sum()), t.value.shape[1]
    tree_of_leaf = np.repeat(np.arange(t.n_trees), np.diff(t.starts))[leaf]
    weights, targets = t.value[leaf], np.tile(np.arange(copies), n_leaves).reshape(n_leaves, copies)
    if copies == 1:
        targets = (tree_of_leaf % t.n_outputs)[:, None]

    def child(index: NDArray[Any]) -> list[int]:
        steps = [to[index] + c * np.where(leaf[index], n_leaves, len(nodes)) for c in range(copies)]
        return [int(i) for i in np.concatenate(steps)]

    roots = node_number[t.starts[:-1]]
    return {
        "nodes_featureids": np.tile(np.maximum(t.feature[nodes], 0), copies).tolist(),
        "nodes_modes": np.zeros(len(nodes) * copies, dtype=np.uint8),  # BRANCH_LEQ
        "nodes_splits": np.tile(t.threshold[nodes], copies),
        "nodes_truenodeids": child(left),
        "nodes_falsenodeids": child(right),
        "nodes_trueleafs": np.tile(leaf[left].astype(np.int64), copies).tolist(),
        "nodes_falseleafs": np.tile(leaf[right].astype(np.int64), copies).tolist(),
        "nodes_missing_value_tracks_true": np.tile(t.missing_left[nodes].astype(np.int64), copies).tolist(),
        "leaf_targetids": targets.T.ravel().tolist(),
        "leaf_weights": np.ascontiguousarray(weights.T.ravel()),
        "n_targets": t.n_outputs,
        "tree_roots": np.concatenate([roots + c * len(nodes) for c in range(copies)]).tolist(),
        "aggregate_function": 1,  # SUM
        "post_transform": 0,
    }
