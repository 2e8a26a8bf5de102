"""XGBoost's JSON model read into tree tables by a reader that trusts nothing in it."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from modelwright.stats.trees import Grower, Nodes, TreeTables, broken

_LINKS = {"reg:squarederror": "identity", "binary:logistic": "sigmoid", "multi:softprob": "softmax"}
_LEAF = -1


def parse(text: str) -> tuple[TreeTables, str]:
    """Tables and link. Only gbtree with numeric splits; raises ModelError (`model.structure`)."""
    try:
        return _parse(msgspec.json.decode(text))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise broken(f"the JSON is cut or lacks a field ({type(error).__name__}: {error})") from error
    except RecursionError as error:
        raise broken("the JSON is nested too deeply") from error


def _parse(document: Any) -> tuple[TreeTables, str]:
    learner = document["learner"]
    objective = learner["objective"]["name"]
    if objective not in _LINKS or learner["gradient_booster"]["name"] != "gbtree":
        raise broken(f"its objective '{str(objective)[:60]}' or booster is not one of ours")
    link = _LINKS[objective]
    model = learner["gradient_booster"]["model"]
    outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    if (outputs > 1) != (link == "softmax"):
        raise broken("its number of classes does not fit its objective")
    n_features = int(learner["learner_model_param"]["num_feature"])
    if int(model["gbtree_model_param"]["num_trees"]) != len(model["trees"]):
        raise broken("its number of trees does not fit its text")
    if list(model["tree_info"]) != [i % outputs for i in range(len(model["trees"]))]:
        raise broken("its trees are not in the order of its classes")
    grower = Grower(n_features=n_features)
    for tree in model["trees"]:
        grower.add(_tree(tree))
    base = _base(learner["learner_model_param"]["base_score"], outputs, link)
    return grower.finish(n_outputs=outputs, base=base, single=True), link


def _base(written: str, outputs: int, link: str) -> tuple[float, ...]:
    """`base_score` is one number or a bracketed list; a probability for the logistic objective."""
    scores = [float(part) for part in written.strip().strip("[]").split(",")]
    if len(scores) == 1:
        scores *= outputs
    if len(scores) != outputs or not all(math.isfinite(score) for score in scores):
        raise broken("its base score does not fit its outputs")
    if link == "sigmoid":
        if not 0.0 < scores[0] < 1.0:
            raise broken("its base score is no probability")
        scores = [math.log(scores[0] / (1.0 - scores[0]))]
    return tuple(scores)


def _tree(tree: dict[str, Any]) -> Nodes:
    count = int(tree["tree_param"]["num_nodes"])
    if tree.get("categories_nodes") or any(tree.get("split_type", ())):
        raise broken("it has categorical splits")
    columns = {name: list(tree[name]) for name in _COLUMNS}
    if count < 1 or any(len(column) != count for column in columns.values()):
        raise broken("a tree's columns differ in length")
    left, right = columns["left_children"], columns["right_children"]
    if any((lc == _LEAF) != (rc == _LEAF) or lc < _LEAF or rc < _LEAF for lc, rc in zip(left, right, strict=True)):
        raise broken("a child index is out of range")
    conditions = np.asarray(columns["split_conditions"], dtype=np.float32)
    # `x < t` in float32 is `x <= the float32 just below t`
    below = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    thresholds = np.clip(below, -float(np.finfo(np.float32).max), None)
    return Nodes(
        feature=[int(i) for i in columns["split_indices"]],
        threshold=thresholds.tolist(),
        missing_left=[bool(flag) for flag in columns["default_left"]],
        left=[int(i) for i in left],
        right=[int(i) for i in right],
        value=[[v] for v in conditions.astype(np.float64).tolist()],
        cover=[float(v) for v in columns["sum_hessian"]],
    )


_COLUMNS = (
    "left_children", "right_children", "split_indices", "split_conditions", "default_left", "sum_hessian",
)  # fmt: skip
