"""LightGBM's model text read into tree tables by a parser that trusts nothing in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from modelwright.core.errors import ModelError
from modelwright.stats.trees import LARGEST, Grower, Nodes, TreeTables, broken

_ENDS = ("\nend of trees\n", "\nend of parameters\n")
_OBJECTIVES = {"regression": "identity", "binary sigmoid:1": "sigmoid", "cross_entropy": "sigmoid"}


def parse(text: str) -> tuple[TreeTables, str]:
    """Tables and link. The header's counts and byte sizes must match the trees; linear trees, categories and
    unknown objectives are refused. Raises ModelError (`model.structure`)."""
    head, body = _head(text)
    try:
        n_features = int(head["max_feature_idx"]) + 1
        outputs = int(head["num_tree_per_iteration"])
        sizes = [int(size) for size in head["tree_sizes"].split()]
    except (KeyError, ValueError) as error:
        raise broken(f"the header lacks a number ({error})") from error
    link = _link(head.get("objective", ""), outputs)
    grower = Grower(n_features=n_features)
    for number, block in enumerate(_blocks(body, sizes)):
        grower.add(_tree(_fields(block, number)))
    return grower.finish(n_outputs=outputs, base=(0.0,) * outputs), link


def _head(text: str) -> tuple[dict[str, str], str]:
    start = text.find("Tree=0")
    if not text.startswith("tree\n") or start < 0 or any(mark not in text for mark in _ENDS):
        raise broken("the text is cut or is no LightGBM model")
    lines = [line.partition("=") for line in text[:start].splitlines()]
    return {key: value for key, mark, value in lines if mark}, text[start:]


def _link(objective: str, outputs: int) -> str:
    if re.fullmatch(r"multiclass num_class:\d+", objective) and outputs == int(objective.split(":")[1]) > 1:
        return "softmax"
    if objective not in _OBJECTIVES or outputs != 1:
        raise broken(f"its objective '{objective[:60]}' is not one of ours")
    return _OBJECTIVES[objective]


def _blocks(body: str, sizes: list[int]) -> list[str]:
    """The trees' texts, cut by the sizes the header declares (bytes of ASCII)."""
    blocks, at = [], 0
    for size in sizes:
        if size <= 0 or at + size > len(body):
            raise broken("its tree sizes do not fit its text")
        blocks.append(body[at : at + size])
        at += size
    if not blocks or not body[at:].lstrip("\n").startswith("end of trees"):
        raise broken("its number of trees does not fit its text")
    return blocks


def _fields(block: str, number: int) -> dict[str, str]:
    fields = {key: value for key, mark, value in (line.partition("=") for line in block.splitlines()) if mark}
    if fields.get("Tree") != str(number):
        raise broken(f"tree {number} is missing or out of order")
    return fields


def _tree(fields: dict[str, str]) -> Nodes:
    try:
        leaves = int(fields["num_leaves"])
        if int(fields["num_cat"]) != 0 or int(fields.get("is_linear", "0")) != 0:
            raise broken("it has categorical splits or linear leaves")
        values = _list(fields, "leaf_value", leaves, float)
        if leaves == 1:
            return Nodes(feature=[-1], threshold=[0.0], missing_left=[False], left=[-1], right=[-1],
                         value=[[values[0]]], cover=[1.0])  # fmt: skip
        return _split_tree(fields, leaves, values)
    except (KeyError, ValueError, OverflowError) as error:
        if isinstance(error, ModelError):
            raise
        raise broken(f"a tree's field cannot be read ({error})") from error


def _split_tree(fields: dict[str, str], leaves: int, values: list[float]) -> Nodes:
    inner = leaves - 1
    # an infinite threshold parts numbers from NaN; the largest finite one says the same
    thresholds = [max(-LARGEST, min(LARGEST, t)) for t in _list(fields, "threshold", inner, _number)]
    decisions = _list(fields, "decision_type", inner, int)
    if any(d & 1 or d not in (0, 2, 8, 10) for d in decisions):
        raise broken("a split is not numeric")

    def link(child: int) -> int:
        position = child if child >= 0 else inner - child - 1  # leaves follow the splits
        if not (0 < child < inner or (child < 0 and position < inner + leaves)):
            raise broken("a child index is out of range")
        return position

    # without a missing type LightGBM reads NaN as 0
    missing = [bool(d & 2) if d & 8 else t >= 0.0 for d, t in zip(decisions, thresholds, strict=True)]
    pad = [-1] * leaves
    return Nodes(
        feature=_list(fields, "split_feature", inner, int) + pad,
        threshold=thresholds + [0.0] * leaves,
        missing_left=missing + [False] * leaves,
        left=[link(c) for c in _list(fields, "left_child", inner, int)] + pad,
        right=[link(c) for c in _list(fields, "right_child", inner, int)] + pad,
        value=[[0.0]] * inner + [[v] for v in values],
        cover=_list(fields, "internal_count", inner, float) + _list(fields, "leaf_count", leaves, float),
    )


def _number(item: str) -> float:
    value = float(item)
    if value != value:
        raise broken("a threshold is not a number")
    return value


def _list(fields: dict[str, str], name: str, count: int, kind: Callable[[str], Any]) -> list[Any]:
    items = [kind(item) for item in fields[name].split()]
    if len(items) != count:
        raise broken(f"'{name}' has {len(items)} entries, not {count}")
    return items
