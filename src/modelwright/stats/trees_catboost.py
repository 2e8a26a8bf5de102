"""CatBoost's JSON model (oblivious trees, numeric features) read into tree tables, trusting nothing in it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from modelwright.stats.trees import Grower, Nodes, TreeTables, broken

_LINKS = {"RMSE": "identity", "Logloss": "sigmoid", "MultiClass": "softmax"}
_DEEPEST = 16
#: which side NaN takes under `x > border`: AsIs and AsFalse compare false
_NAN_GOES_LEFT = {"AsIs": True, "AsFalse": True, "AsTrue": False}


def parse(text: str, n_features: int) -> tuple[TreeTables, str]:
    """Tables and link; raises ModelError (`model.structure`) for anything but numeric oblivious trees."""
    try:
        return _parse(msgspec.json.decode(text), n_features)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise broken(f"the JSON is cut or lacks a field ({type(error).__name__}: {error})") from error
    except RecursionError as error:
        raise broken("the JSON is nested too deeply") from error


def _parse(document: Any, n_features: int) -> tuple[TreeTables, str]:
    features = document["features_info"]
    if features.get("categorical_features") or features.get("text_features"):
        raise broken("it has categorical or text features")
    loss = document["model_info"]["params"]["loss_function"]["type"]
    if loss not in _LINKS:
        raise broken(f"its loss '{str(loss)[:60]}' is not one of ours")
    scale, base = document["scale_and_bias"]
    outputs = len(base)
    known = features["float_features"]
    numbers = {int(f["feature_index"]): int(f["flat_feature_index"]) for f in known}
    sides = {int(f["feature_index"]): _NAN_GOES_LEFT[f["nan_value_treatment"]] for f in known}
    grower = Grower(n_features=n_features, width=outputs)
    for tree in document["oblivious_trees"]:
        grower.add(_tree(tree, outputs, numbers, sides))
    tables = grower.finish(
        n_outputs=outputs, scale=float(scale), base=tuple(float(b) for b in base), single=True
    )  # fmt: skip
    return tables, _LINKS[loss]


def _tree(tree: dict[str, Any], outputs: int, numbers: dict[int, int], sides: dict[int, bool]) -> Nodes:
    """One oblivious tree of depth d as a full binary tree; bit i of a leaf's number is the answer of split i."""
    splits = list(reversed(tree.get("splits") or []))  # the last split is the highest bit: make it the root
    depth = len(splits)
    if depth > _DEEPEST or any(s.get("split_type", "FloatFeature") != "FloatFeature" for s in splits):
        raise broken("a tree is too deep or has a split that is not numeric")
    values = np.asarray(tree["leaf_values"], dtype=np.float64)
    weights = np.asarray(tree["leaf_weights"], dtype=np.float64)
    if values.size != outputs << depth or weights.size != 1 << depth:
        raise broken("a tree's leaves do not fit its splits")
    inner = (1 << depth) - 1
    levels = [level for level in range(depth) for _ in range(1 << level)]
    indices = [int(splits[level]["float_feature_index"]) for level in levels]
    leaves = 1 << depth
    covers = [weights]
    for _ in range(depth):
        covers.insert(0, covers[0].reshape(-1, 2).sum(axis=1))
    # in heap order node i has children 2i + 1 and 2i + 2; `x > border` is right, so `x <= border` goes left
    return Nodes(
        feature=[numbers[i] for i in indices] + [-1] * leaves,
        threshold=[float(np.float32(splits[level]["border"])) for level in levels] + [0.0] * leaves,
        missing_left=[sides[i] for i in indices] + [False] * leaves,
        left=[2 * i + 1 for i in range(inner)] + [-1] * leaves,
        right=[2 * i + 2 for i in range(inner)] + [-1] * leaves,
        value=[[0.0] * outputs] * inner + values.reshape(leaves, outputs).tolist(),
        cover=np.concatenate(covers).tolist(),
    )
