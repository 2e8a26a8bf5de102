"""Methods of lists, tuples and dicts."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from modelwright.checks.code.flow import hub_sets, reading
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def method(m: Machine, c: Call, base: Value, name: str) -> Value:
    kept = hub_sets.each(m, c, base, name)
    if kept is not None:
        return kept
    handler = METHODS.get(name)
    if handler is not None:
        found = handler(m, c, base)
        if found is not None:
            return found
    return Value("unknown", learned=base.learned, preds=base.preds, flags=base.flags & {"figure"})


def _append(m: Machine, c: Call, base: Value) -> Value | None:
    if not c.args:
        return None
    value = c.args[-1]
    if base.items is not None and len(base.items) < 24 and not m.loops:
        base.items = [*base.items, value]
    elif base.items is not None or base.element is not None:
        _append_in_loop(base, _of_loop(m, value))
        _note_copies(base, c, value)
    _take(m, c, base, value)
    return UNKNOWN


def _note_copies(base: Value, c: Call, value: Value) -> None:
    """One thing of a loop appended as it is and turned over: `X.append(img); X.append(fliplr(img))`."""
    base.sites |= {c.node}
    if "turned" in value.flags:
        base.flags |= {"turned"}
    if "turned" in base.flags and len(base.sites) > 1:
        base.flags |= {"copied"}


def grown(m: Machine, node: ast.AST, value: Value) -> Value:
    """Rows of a list that a loop filled with what nobody knows; UNKNOWN where it holds figures or nothing."""
    if value.kind != "list" or value.items or value.rows or value.preds or value.element is None or value.is_data:
        return UNKNOWN
    if value.flags & {"figure", "columns", "ranking"} or value.element.items or value.element.table:
        return UNKNOWN
    new = m.fresh("array", node, how="unknown", learned=value.learned)
    note_augmented(m, node, new, value)
    return new


def note_augmented(m: Machine, node: ast.AST, new: Value, value: Value) -> None:
    """Rows gathered from a list that holds turned copies of the same things."""
    if "copied" in value.flags and new.rows:
        new.learned |= {m.learn(node, "augment", "append", new.rows, detail="append")}


def _of_loop(m: Machine, value: Value) -> Value:
    """What a loop over rows makes by means nobody knows is still one thing for each row."""
    over = m.seen.get(getattr(m.loops[-1], "iter", None)) if m.loops else None  # type: ignore[arg-type]
    plain = value.kind in {"unknown", "scalar"} and value.const is UNSET and not (value.preds or value.flags)
    if over is None or not plain or (value.kind == "scalar" and value.learned) or over.preds:
        return value
    if not over.rows or value.rows or over.kind not in {"series", "array", "frame"}:
        return value
    return over.copy(const=UNSET, items=None, learned=over.learned | value.learned)


def as_rows(value: Value) -> Value:
    """A list that a loop filled with what it made of each row is those rows again."""
    inner = value.element
    if value.kind != "list" or value.items or value.rows or inner is None or not inner.rows or inner.preds:
        return value
    return inner.copy(kind="array", const=UNSET, learned=inner.learned | value.learned)


def _extend(m: Machine, c: Call, base: Value) -> Value | None:
    if not c.args:
        return None
    value = c.args[-1]
    if base.items is not None and len(base.items) < 24 and not m.loops:
        base.items = [*base.items, *(value.items if value.items is not None else [value])]
    elif base.items is not None:
        _append_in_loop(base, value)
    _take(m, c, base, value)
    return UNKNOWN


def _append_in_loop(base: Value, value: Value) -> None:
    """What a loop appends is known by one of its kind."""
    if "rowwise" in value.flags:
        value = value.copy(flags=value.flags - {"rowwise"})
    base.element = value if base.element is None else base.element
    if not base.items:
        base.items = None


def _take(m: Machine, c: Call, base: Value, value: Value) -> None:
    base.learned |= value.learned
    base.loops |= value.loops
    for item in (value, *(value.items or []), *((value.table or {}).values())):
        if item.flags & {"figure"}:
            reading.read(m, item, "kept", c.node)
            base.flags |= {"figure"}
        base.preds = tuple(dict.fromkeys((*base.preds, *item.preds)))[:8]


def _items(m: Machine, c: Call, base: Value) -> Value | None:
    if base.table is None:
        return None
    pairs = [Value("tuple", items=[Value("scalar", const=key), value]) for key, value in base.table.items()]
    return Value("list", items=pairs)


def _values(m: Machine, c: Call, base: Value) -> Value | None:
    if base.table is None:
        return None
    return Value("list", items=list(base.table.values()), preds=base.preds, flags=base.flags)


def _keys(m: Machine, c: Call, base: Value) -> Value | None:
    return None if base.table is None else Value("list", items=[Value("scalar", const=key) for key in base.table])


def _get(m: Machine, c: Call, base: Value) -> Value | None:
    if not c.args or base.table is None:
        return None
    key = c.args[0].const
    found = base.table.get(key) if isinstance(key, str | int) else None
    return found if found is not None else (c.args[1] if len(c.args) > 1 else UNKNOWN)


def _update(m: Machine, c: Call, base: Value) -> Value | None:
    if base.table is None:
        return None
    for value in c.args:
        base.table.update(value.table or {})
    return UNKNOWN


def _remove(m: Machine, c: Call, base: Value) -> Value | None:
    if not c.args or base.items is None:
        return None
    gone = c.args[0].const
    base.items = [item for item in base.items if item.const is UNSET or item.const != gone]
    return UNKNOWN


def _index(m: Machine, c: Call, base: Value) -> Value | None:
    if not base.flags & {"figure"}:
        return None
    reading.read(m, base, "chosen", c.node)
    return Value("scalar", preds=base.preds, flags=base.flags | {"choice"})


def _copy(m: Machine, c: Call, base: Value) -> Value | None:
    return base.copy(items=list(base.items) if base.items is not None else None)


METHODS: dict[str, Callable[[Machine, Call, Value], Value | None]] = {
    "append": _append,
    "add": _append,
    "insert": _append,
    "extend": _extend,
    "items": _items,
    "iteritems": _items,
    "values": _values,
    "keys": _keys,
    "get": _get,
    "pop": _get,
    "update": _update,
    "remove": _remove,
    "index": _index,
    "copy": _copy,
}
