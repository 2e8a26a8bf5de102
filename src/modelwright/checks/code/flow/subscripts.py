"""Subscripts: columns, slices, masks and index arrays; and what a store into one changes."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from typing import Any

from modelwright.checks.code.flow import reading, stretches
from modelwright.checks.code.flow.machine import Machine, hint_of, names_in
from modelwright.checks.code.flow.rows import Root, Rows, covers, cut, whole
from modelwright.checks.code.flow.values import NO_LEARN, UNKNOWN, UNSET, Value, merge

_PASS = frozenset(["selector", "search", "group"])
#: what a column remembers of how it was made
_MARKS = frozenset(["future", "lag", "group", "from_target", "window", "centred", "backfilled", "interpolated"])
_POSITIONS = frozenset(["index", "range"])


def load(m: Machine, node: ast.Subscript) -> Value:
    base = m.evaluate(node.value)
    rows_first = isinstance(node.value, ast.Attribute) and node.value.attr in {"iloc", "loc", "ix"}
    return pick(m, node, base, node.slice, rows_first)


def pick(m: Machine, node: ast.AST, base: Value, key: ast.expr, rows_first: bool) -> Value:
    """`base[key]`."""
    if base.kind == "dict" or base.table is not None:
        return _from_table(m, base, m.evaluate(key))
    if base.items is not None and base.kind in {"tuple", "list", "unknown"} and not base.rows:
        return _from_items(m, base, key)
    if base.kind in _POSITIONS and isinstance(key, ast.Slice):
        return stretches.positions(m, base, key)
    if not base.is_data:
        index = m.evaluate(key) if not isinstance(key, ast.Slice) else UNKNOWN
        if base.element is not None:
            return base.element
        return _of_statistic(m, node, base, index)
    if isinstance(key, ast.Tuple) and key.elts:
        parts = list(key.elts)
        out = _rows(m, node, base, parts[0])
        for part in parts[1:]:
            out = _columns_by_position(m, out, part)
        return out
    if isinstance(key, ast.Slice):
        return _rows(m, node, base, key)
    index = m.evaluate(key)
    if index.const is not UNSET and isinstance(index.const, str) and not rows_first:
        return column(base, index.const)
    listed = names_in(index)
    if listed is not None and not rows_first:
        return columns(base, listed)
    return _by_value(m, node, base, index, rows_first)


def _of_statistic(m: Machine, node: ast.AST, base: Value, index: Value) -> Value:
    """A part of a figure: `df.corr()['y']` ranks columns by the target."""
    new = Value(
        base.kind if base.kind != "list" else "unknown", learned=base.learned, loops=base.loops, preds=base.preds
    )
    new.flags = base.flags | (index.flags & {"choice"})
    if "corr" in base.flags and isinstance(index.const, str):
        learned = NO_LEARN
        for learn in base.learned:
            if learn.cls.endswith("corr"):
                learned |= {
                    m.learn(
                        learn.node,
                        "selector",
                        learn.cls,
                        learn.rows,
                        supervised=True,
                        columns=frozenset([index.const]),
                        detail="corr",
                    )
                }
        new.learned = learned
        new.flags = frozenset(["ranking"])
    elif index.learned:
        new.learned |= index.learned
    return new


def _from_table(m: Machine, base: Value, index: Value) -> Value:
    table = base.table or {}
    if index.const is not UNSET:
        found = table.get(index.const) if isinstance(index.const, Hashable) else None
        if found is not None:
            return found
    known = list(table.values())
    if base.element is not None:
        return base.element
    if known and index.const is UNSET:
        return (
            known[0]
            if len(known) == 1
            else known[-1].copy(alts=tuple(known[:4]))
            if known[-1].kind == "estimator"
            else known[-1]
        )
    return Value("unknown", learned=base.learned)


def _from_items(m: Machine, base: Value, key: ast.expr) -> Value:
    items = base.items or []
    if isinstance(key, ast.Slice):
        m.evaluate(key)
        return base
    index = m.evaluate(key)
    if isinstance(index.const, int) and not isinstance(index.const, bool) and -len(items) <= index.const < len(items):
        return items[index.const]
    return items[-1] if items else UNKNOWN


def column(base: Value, name: str) -> Value:
    """One column of a frame."""
    kept = base.kind in {"unknown", "grouped", "window"}
    new = base.copy(kind=base.kind if kept else "series", column=name, const=UNSET, items=None)
    if base.kind != "grouped":
        new.origin = frozenset([name])
    new.only = frozenset([name])
    new.target = False
    new.index = None
    extra = (base.cols or {}).get(name, NO_LEARN)
    new.learned = base.learned | extra
    new.flags = base.flags | (base.colflags or {}).get(name, frozenset())
    new.cols = new.colflags = None
    return new


def columns(base: Value, wanted: list[str]) -> Value:
    """Some columns of a frame, by name."""
    chosen = frozenset(wanted)
    new = base.copy(const=UNSET, items=None, column=wanted[0] if len(wanted) == 1 else "")
    new.only = chosen if base.only is None else base.only & chosen or chosen
    new.origin = chosen if len(wanted) < 4 else base.origin
    new.cols = {name: learned for name, learned in (base.cols or {}).items() if name in chosen} or None
    new.colflags = {name: flags for name, flags in (base.colflags or {}).items() if name in chosen} or None
    new.index = None
    return new


def _by_value(m: Machine, node: ast.AST, base: Value, index: Value, rows_first: bool) -> Value:
    if index.index is not None:
        key, side, how, _ = index.index
        return _side(m, node, base, key, side, how)
    if index.picks:
        for key, side in index.picks:
            base = _side(m, node, base, key, side, "sample")
        return base
    if "permuted" in index.flags:
        return base.copy(const=UNSET)
    if "labels" in index.flags and index.rows and all(covers(base.rows, frozenset([part])) for part in index.rows):
        return base.copy(const=UNSET, items=None, rows=index.rows)
    if "sliced" in index.flags and index.const is UNSET and index.cls:
        return base.copy(const=UNSET, rows=cut(base.rows, index.cls, index.column, "slice"))
    new = base.copy(const=UNSET, items=None)
    picked = frozenset(learn for learn in index.learned if learn.kind in _PASS)
    if index.is_data and not index.flags & {"columns", "ranking"} and index.kind in {"series", "array", "frame"}:
        # rows by a mask or by positions whose meaning is not known
        new.rows = cut(base.rows, ("rows", ast.dump(node) if len(base.rows) else ""), "in", "filter")
        return new
    new.learned |= picked
    if base.kind in {"array", "tensor"} and index.kind in {"list", "index"} and not index.flags & {"columns"}:
        new.rows = cut(base.rows, ("rows", ast.dump(node)), "in", "filter")  # some rows, nobody knows which
        return new
    if index.flags & {"columnname"}:
        new.kind = "series"
        new.only = None
    new.partial = True
    new.index = None
    return new


def _side(m: Machine, node: ast.AST, base: Value, key: Hashable, side: Hashable, how: str) -> Value:
    new = base.copy(const=UNSET, items=None, rows=cut(base.rows, key, side, how), node=node)
    new.index = None
    stretches.note_split(m, node, how, key, base, new)
    return new


def _rows(m: Machine, node: ast.AST, base: Value, key: ast.expr) -> Value:
    """`X[a:b]`, `X[mask]`, `X[i]` on rows."""
    if not isinstance(key, ast.Slice):
        index = m.evaluate(key)
        if index.index is not None or index.is_data:
            return _by_value(m, node, base, index, True)
        return base.copy(const=UNSET, items=None)
    low = None if key.lower is None else m.evaluate(key.lower)
    high = None if key.upper is None else m.evaluate(key.upper)
    if key.step is not None or (low is None and high is None):
        return base.copy(const=UNSET)
    new = base.copy(const=UNSET, items=None, node=node)
    if any(bound is not None and bound.loops & set(m.loops) for bound in (low, high)):
        new.flags |= {"windows"} if low is not None and high is not None else frozenset()
        return new  # a window that a loop moves along
    new.rows = stretches.sliced(m, node, base, (key.lower, low), (key.upper, high))
    return new


def _columns_by_position(m: Machine, base: Value, key: ast.expr) -> Value:
    """The second place of `iloc[rows, columns]`."""
    if isinstance(key, ast.Slice):
        m.evaluate(key)
        if key.lower is None and key.upper is None:
            return base
        return base.copy(partial=True, index=None)
    index = m.evaluate(key)
    if isinstance(index.const, str):
        return column(base, index.const)
    if isinstance(index.const, int) or isinstance(key, ast.UnaryOp):
        return base.copy(kind="series", partial=True, column="", only=frozenset(), const=UNSET)
    listed = names_in(index)
    if listed is not None:
        return columns(base, listed)
    picked = frozenset(learn for learn in index.learned if learn.kind in _PASS)
    return base.copy(partial=True, learned=base.learned | picked)


def mask_of(m: Machine, node: ast.Compare, left: Value, right: Value) -> tuple[Hashable, Hashable, str, Rows] | None:
    """A comparison as a division of rows: which one, and which side of it."""
    op = type(node.ops[0])
    text = ("mask", m.stack, ast.unparse(node.left)[:80])
    edge = ast.unparse(node.comparators[0])[:80] if right.const is UNSET else str(right.const)
    if op in {ast.Eq, ast.NotEq} and right.const is not UNSET:
        return (text, edge if op is ast.Eq else ("not", edge), _how(left, right), left.rows)
    sides = {ast.Lt: ("<", True), ast.GtE: ("<", False), ast.LtE: ("<=", True), ast.Gt: ("<=", False)}
    if op in sides:
        name, side = sides[op]
        return ((*text, name, edge), side, _how(left, right), left.rows)
    return None


def _how(left: Value, right: Value) -> str:
    if "random" in left.flags:
        return "mask"
    return "datemask" if isinstance(right.const, str) and right.const[:4].isdigit() else "cond"


# -- stores ---------------------------------------------------------------------------------------------------------


def store(m: Machine, target: ast.Subscript, value: Value) -> None:
    """`base[key] = value` changes the base in place."""
    node = target.value
    attr = ""
    if isinstance(node, ast.Attribute) and node.attr in {"loc", "iloc", "at", "iat", "values"}:
        attr, node = node.attr, node.value
    base = m.evaluate(node)
    key: ast.expr = target.slice
    if base.kind in {"dict", "list", "tuple"} or base.table is not None or base.items is not None:
        _store_item(m, base, key, value)
        return
    if not base.is_data:
        if value.flags & {"figure"} and base is not UNKNOWN:
            base.flags |= {"figure"}
            base.preds = tuple(dict.fromkeys((*base.preds, *value.preds)))[:8]
            reading.read(m, value, "kept", target)
        if base.kind in {"unknown", "scalar"} and base is not UNKNOWN:
            m.evaluate(key)
            base.element = value
        return
    row_key: ast.expr | None = None
    if attr and isinstance(key, ast.Tuple) and len(key.elts) == 2:
        row_key, key = key.elts
        m.evaluate(row_key) if not isinstance(row_key, ast.Slice) else None
    index = m.evaluate(key) if not isinstance(key, ast.Slice) else UNKNOWN
    listed = names_in(index)
    _write(m, base, listed, value, whole_column=row_key is None or isinstance(row_key, ast.Slice))


def _store_item(m: Machine, base: Value, key: ast.expr, value: Value) -> None:
    index = m.evaluate(key)
    if base.items is not None:
        if isinstance(index.const, int) and -len(base.items) <= index.const < len(base.items):
            base.items[index.const] = value
        base.learned |= value.learned
        return
    if base.table is None:
        base.table = {}
    base.table[index.const if index.const is not UNSET and isinstance(index.const, Hashable) else "any"] = value
    base.learned |= value.learned
    base.preds += value.preds[:2]
    if value.flags & {"figure"}:
        base.flags |= value.flags
        reading.read(m, value, "kept", key)


def _write(m: Machine, base: Value, listed: list[str] | None, value: Value, *, whole_column: bool) -> None:
    """Columns of a frame written by name, or cells by a mask."""
    learned = value.all_learned
    if value.index is not None and not value.column:
        learned = NO_LEARN
    if listed is not None and base.kind in {"frame", "unknown", "array"}:
        base.cols = dict(base.cols or {})
        base.colflags = dict(base.colflags or {})
        for name in listed:
            old = NO_LEARN if whole_column else base.cols.get(name, NO_LEARN)
            base.cols[name] = learned | old
            base.colflags[name] = value.flags & _MARKS
            if value.origin:
                m._cache["origin", frozenset(part.root for part in base.rows), name] = value.origin
        base.lack -= frozenset(listed)
        if base.only is not None:
            base.only |= frozenset(listed)
        if base.kind == "unknown":
            base.kind = "frame"
    else:
        base.learned |= learned
        base.flags |= value.flags & {"lag", "window"}
    if value.steps and (listed is None or len(listed) > 1 or base.steps != value.steps):
        base.exact = base.exact and False
    base.loops |= value.loops


def store_attribute(m: Machine, target: ast.Attribute, value: Value) -> None:
    base = m.evaluate(target.value)
    if base.kind in {"frame", "series"} and base.rows:
        if target.attr in {"columns", "index", "name"}:
            if target.attr == "columns":
                base.only, base.lack = None, frozenset()
                base.partial = True
            return
        _write(m, base, [target.attr], value, whole_column=True)
        return
    if base is UNKNOWN or base.kind in {"name", "scalar"}:
        return
    if base.attrs is None:
        base.attrs = {}
    if value.kind == "unknown" and not value.rows and value.const is UNSET and value.items is None:
        value = value.copy(rows=whole(Root("unknown", target.attr, target, hint_of(target.attr))))
    base.attrs[target.attr] = value


def delete(m: Machine, target: ast.Subscript) -> None:
    base = m.evaluate(target.value)
    index = m.evaluate(target.slice)
    listed = names_in(index)
    if base.is_data and listed:
        drop_columns(base, listed)


def drop_columns(base: Value, listed: list[str]) -> None:
    base.lack |= frozenset(listed)
    if base.only is not None:
        base.only -= frozenset(listed)
    if base.cols:
        base.cols = {name: learned for name, learned in base.cols.items() if name not in listed}
    if base.colflags:
        base.colflags = {name: flags for name, flags in base.colflags.items() if name not in listed}


def merged(values: list[Value], **more: Any) -> Value:
    return merge(values, **more)
