"""Divisions of rows: random splits, folds, and the parts they give."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from typing import TYPE_CHECKING

from modelwright.checks.code.flow import containers
from modelwright.checks.code.flow.machine import Machine, hint_of
from modelwright.checks.code.flow.rows import cut
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Split, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def split(m: Machine, c: Call, name: str) -> Value:
    values = [containers.as_rows(value) for value in c.args]
    for number, value in enumerate(values):
        found = containers.grown(m, value.node or c.node.args[number], value) if number < len(c.node.args) else UNKNOWN
        values[number] = found if found.rows else value
    if not values:
        return UNKNOWN
    return Value("tuple", items=split_parts(m, c, values, "train_test_split"))


def split_parts(m: Machine, c: Call, values: list[Value], how: str) -> list[Value]:
    """Both parts of each argument of a random split."""
    seed = c.keywords.get("random_state") or c.keywords.get("seed") or c.keywords.get("generator")
    size = c.keywords.get("test_size") or c.keywords.get("train_size")
    shuffle = c.const("shuffle") is not False
    paths = frozenset(part.path for part in values[0].rows)
    known = (seed is not None and seed.const is not UNSET and seed.const is not None) or not shuffle
    key: Hashable = (
        ("split", None if seed is None else seed.const, _text(c, "test_size", size), paths)
        if known
        else ("split", c.node, m.stack)
    )
    key = hash(key) if known else key
    other = _other_side(m, c.node)
    parts: list[Value] = []
    for value in values:
        for side in ("train", other):
            new = value.copy(rows=cut(value.rows, key, side, "split"), const=UNSET, items=None, node=c.node)
            if value.kind in {"range", "index"} and not value.rows:
                new = value.copy(kind="index", index=(key, side, "split", value.rows), node=c.node)
            elif new.kind == "unknown" and not new.rows:
                new = value
            parts.append(new)
    split = Split(c.node, how, key, tuple(values), m.tick(), seeded=seed is not None, shuffle=shuffle, loops=m.loops)
    split.stratified = "stratify" in c.keywords and c.const("stratify") is not None
    split.parts = tuple(parts)
    split.knobs = seed.loops if seed is not None else frozenset()
    split.params = {"cls": c.name}
    m.splits.append(split)
    return parts


def _other_side(m: Machine, node: ast.AST) -> str:
    """Held out for the end, or, where its name says so, for choosing."""
    up = m.names.parent(node)
    target = up.targets[0] if isinstance(up, ast.Assign) else None
    if isinstance(target, ast.Tuple | ast.List):
        words = [part.id if isinstance(part, ast.Name) else getattr(part, "attr", "") for part in target.elts]
        if any(hint_of(word) == "valid" for word in words[1::2]):
            return "valid"
    return "test"


def _text(c: Call, name: str, value: Value | None) -> Hashable:
    if value is None:
        return ""
    return (
        str(value.const)
        if value.const is not UNSET
        else next((ast.unparse(part.value) for part in c.node.keywords if part.arg == name), "")
    )


def random_split(m: Machine, c: Call, name: str) -> Value:
    base = c.get(0, "dataset")
    if base is None:
        return UNKNOWN
    sizes = c.get(1, "lengths")
    count = len(sizes.items) if sizes is not None and sizes.items else 2
    names = {2: ("train", "test"), 3: ("train", "valid", "test")}.get(count, tuple(str(i) for i in range(count)))
    key = ("random_split", c.node, m.stack)
    if not base.rows:
        base = m.fresh("tensor", c.node, how="unknown", name="dataset")
    parts = [base.copy(rows=cut(base.rows, key, side, "split"), kind="tensor") for side in names]
    m.splits.append(
        Split(
            c.node,
            "random_split",
            key,
            (base,),
            m.tick(),
            seeded="generator" in c.keywords,
            parts=tuple(parts),
            loops=m.loops,
        )
    )
    return Value("tuple", items=parts)


def folds(m: Machine, c: Call, splitter: Value, name: str) -> Value:
    """`kf.split(X, y)`: pairs of index arrays."""
    if name != "split":
        return Value("scalar")
    base = c.get(0, "X")
    rows = base.rows if base is not None else frozenset()
    key = ("fold", c.node, m.stack)
    split = Split(c.node, "fold", key, tuple(c.args), m.tick(), cls=splitter.cls, loops=m.loops)
    params = splitter.params or {}
    split.shuffle = "Shuffle" in splitter.cls or ("shuffle" in params and params["shuffle"].const is True)
    split.seeded = "random_state" in params
    split.params = dict(params)
    m.splits.append(split)
    sides = [Value("index", index=(key, side, "fold", rows), node=c.node) for side in ("train", "test")]
    return Value("list", element=Value("tuple", items=sides), cls=splitter.cls)
