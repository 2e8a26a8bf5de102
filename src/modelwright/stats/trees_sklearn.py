"""scikit-learn's fitted trees, forests and histogram boosters read into tree tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.trees import LARGEST, TreeTables, concatenated


def from_trees(
    trees: Sequence[Any],
    n_features: int,
    values: Callable[[Any], NDArray[np.float64]],
    *,
    scale: float | None = None,
) -> TreeTables:
    """Tables of scikit-learn `Tree` objects; `values(tree)` gives (nodes, m) leaf values, `scale` the mean's share.

    scikit-learn compares float32(x) <= float64 threshold and sends NaN by `missing_go_to_left`.
    """
    parts = [_tree(tree, values(tree)) for tree in trees]
    outputs = parts[0]["value"].shape[1]
    factor = 1.0 / len(parts) if scale is None else scale
    return concatenated(parts, n_features, n_outputs=outputs, scale=factor, base=(0.0,) * outputs, single=True)


def _tree(tree: Any, values: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    leaf = tree.children_left < 0
    return {
        "feature": np.where(leaf, -1, tree.feature),
        "threshold": np.where(leaf, 0.0, np.clip(tree.threshold, -LARGEST, LARGEST)),
        "missing_left": np.where(leaf, False, tree.missing_go_to_left.astype(bool)),
        "left": tree.children_left.copy(),
        "right": tree.children_right.copy(),
        "value": np.where(leaf[:, None], values, 0.0),
        "cover": tree.weighted_n_node_samples.astype(np.float64),
    }


def shares(tree: Any) -> NDArray[np.float64]:
    """Class shares at each node: (nodes, classes), or the second class's alone (nodes, 1) for two."""
    counts = tree.value[:, 0, :]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
    return np.asarray(share[:, 1:] if share.shape[1] == 2 else share, dtype=np.float64)


def means(tree: Any) -> NDArray[np.float64]:
    """Mean target at each node, (nodes, 1)."""
    return np.asarray(tree.value[:, 0, :1], dtype=np.float64)


def from_histogram(predictors: Sequence[Sequence[Any]], baseline: NDArray[np.float64], n_features: int) -> TreeTables:
    """Tables of HistGradientBoosting: `predictors[round][class].nodes`, float64 thresholds, no categories.

    A threshold of infinity means "every number goes left, NaN goes right"; it becomes the largest finite one.
    """
    base = tuple(float(b) for b in np.ravel(baseline))
    parts = [_histogram_tree(predictor.nodes) for stage in predictors for predictor in stage]
    return concatenated(parts, n_features, n_outputs=len(base), base=base)


def _histogram_tree(nodes: NDArray[Any]) -> dict[str, NDArray[Any]]:
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "feature": np.where(leaf, -1, nodes["feature_idx"]),
        "threshold": np.where(leaf, 0.0, np.clip(nodes["num_threshold"], -LARGEST, LARGEST)),
        "missing_left": np.where(leaf, False, nodes["missing_go_to_left"].astype(bool)),
        "left": np.where(leaf, -1, nodes["left"].astype(np.int64)),
        "right": np.where(leaf, -1, nodes["right"].astype(np.int64)),
        "value": np.where(leaf, nodes["value"], 0.0)[:, None],
        "cover": nodes["count"].astype(np.float64),
    }
