"""Groups, windows and shifts of rows."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from modelwright.checks.code.flow.machine import Machine, names_in
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def groupby(m: Machine, c: Call, base: Value, name: str) -> Value:
    keys = names_in(c.get(0, "by")) or []
    return base.copy(
        kind="grouped",
        origin=frozenset(keys),
        flags=base.flags | {"group"},
        const=UNSET,
        column="",
        params={"by": c.get(0, "by") or UNKNOWN},
        lack=base.lack,
    )


BY_ROW = frozenset(
    ["rolling", "expanding", "ewm", "shift", "cumsum", "cumcount", "cummax", "diff", "pct_change", "rank"]
)


def plain(base: Value) -> Value:
    """The rows of a grouping, for what goes row by row within each group."""
    if base.kind == "window":
        return base.copy(kind="series" if base.column else "frame")
    return base.copy(kind="series" if base.column else "frame", flags=base.flags - {"group"})


def of_group(m: Machine, c: Call, base: Value, name: str) -> Value:
    """A figure of groups of rows, or of windows of rows."""
    if base.kind == "window":
        new = base.copy(kind="series" if base.column else "frame")
        if name == "shift":
            return shift(m, c, new, name)
        return new
    if name in {"get_group", "head", "tail", "sample", "filter"}:
        return base.copy(kind="frame", flags=base.flags - {"group"}, const=UNSET)
    if name in {"ngroups", "groups", "size", "ngroup", "plot", "count", "nunique", "cumcount"}:
        return Value("scalar", loops=base.loops)
    columns = frozenset([base.column]) if base.column else (base.only or frozenset())
    given = c.get(0, "func")
    if given is not None and given.table is not None:
        columns |= frozenset(str(key) for key in given.table if isinstance(key, str))
    if name in {"apply", "transform"} and given is not None and given.kind == "function" and _past_only(given.func):
        out = m.invoke(type(c)(c.node, [plain(base)], {}), given)
        ahead = out.flags & {"future", "centred", "backfilled"} if out.rows else frozenset()
        kind = "series" if base.column else "frame"
        return base.copy(kind=kind, flags=(base.flags - {"group"}) | ahead, const=UNSET)
    learned = m.learn(
        c.node, "group", name, base.rows, columns=columns, detail=",".join(sorted(base.origin)), of_target=base.target
    )
    same = name in {"transform", "apply"}
    new = base.copy(kind="series" if base.column else "frame", learned=base.learned | {learned}, const=UNSET)
    new.flags = base.flags | {"group"}
    if not same:  # one row for each group: it comes back to rows by map or merge
        return Value("scalar", learned=new.learned, flags=new.flags, node=c.node)
    return new


def _past_only(node: ast.AST) -> bool:
    """Does a function look only at rows before? (`lambda s: s.shift(1).rolling(7).mean()`)"""
    found = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return bool(
        found & {"shift", "rolling", "expanding", "ffill", "cumsum", "interpolate", "diff", "ewm", "sort_values"}
    )


def window(m: Machine, c: Call, base: Value, name: str) -> Value:
    flags = base.flags | {"window"}
    if c.const("center") is True:
        flags |= {"centred"}
    if name == "resample":
        return base.copy(kind="window", const=UNSET, flags=base.flags)
    return base.copy(kind="window", flags=flags, const=UNSET)


def shift(m: Machine, c: Call, base: Value, name: str) -> Value:
    given = c.get(0, "periods")
    number = given.const if given is not None and isinstance(given.const, int | float) else 1 if given is None else None
    flags = base.flags
    if number is not None:
        flags = flags | ({"future"} if number < 0 else {"lag"})
    elif c.node.args:  # `shift(lag)`, `shift(-step)`: a name has no sign of its own
        ahead = isinstance(c.node.args[0], ast.UnaryOp) and isinstance(c.node.args[0].op, ast.USub)
        flags = flags | ({"future"} if ahead else {"lag"})
    return base.copy(const=UNSET, flags=flags, node=c.node)
