"""Expressions: the abstract value of each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from typing import Any

from modelwright.checks.code.flow import attributes, calls, reading, subscripts
from modelwright.checks.code.flow.machine import NESTING, ExhaustedError, Machine
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value, join, merge


def evaluate(m: Machine, node: ast.expr) -> Value:
    """The value of an expression; remembered for `flow.value`."""
    m.budget -= 1
    if m.budget < 0 or m.nesting > NESTING:
        if m.budget < 0:
            raise ExhaustedError
        return UNKNOWN
    kind = type(node)
    handler = HANDLERS.get(kind)
    if handler is None:
        return UNKNOWN
    if kind is ast.Name or kind is ast.Constant:  # nothing is nested in them
        value = m.seen[node] = handler(m, node)
        return value
    m.nesting += 1
    try:
        value = handler(m, node)
    finally:
        m.nesting -= 1
    m.seen[node] = value
    return value


def _constant(m: Machine, node: ast.Constant) -> Value:
    return Value("scalar", const=node.value)


def _name(m: Machine, node: ast.Name) -> Value:
    found = m.scope.find(node.id)
    if found is not None:
        return found
    known = m.names.qualified(node)
    if known is not None:
        return Value("name", cls=known, node=node)
    if node.id in BUILTINS:
        return Value("name", cls=f"builtins.{node.id}", node=node)
    return m.free_name(node.id, node)


def _attribute(m: Machine, node: ast.Attribute) -> Value:
    known = m.names.qualified(node)
    if known is not None and (not isinstance(node.value, ast.Name) or m.scope.find(node.value.id) is None):
        return Value("name", cls=known, node=node)
    return attributes.load(m, node, evaluate(m, node.value))


def _sequence(m: Machine, node: ast.Tuple | ast.List | ast.Set) -> Value:
    items: list[Value] = []
    for part in node.elts[:64]:
        if isinstance(part, ast.Starred):
            inner = evaluate(m, part.value)
            items.extend(inner.items or ([inner] if inner.element is None else [inner.element]))
        else:
            items.append(evaluate(m, part))
    return holding("tuple" if isinstance(node, ast.Tuple) else "list", items)


def holding(kind: str, items: list[Value]) -> Value:
    """A container: what its parts learned is what it learned."""
    new = Value(kind, items=items)
    for item in items:
        if item.learned:
            new.learned |= item.learned
        if item.loops:
            new.loops |= item.loops
    return new


def _dict(m: Machine, node: ast.Dict) -> Value:
    table: dict[Hashable, Value] = {}
    for number, (key, part) in enumerate(zip(node.keys, node.values, strict=True)):
        value = evaluate(m, part)
        if key is None:
            table.update(value.table or {})
            continue
        const = evaluate(m, key).const
        table[const if const is not UNSET else ("any", number)] = value
    new = Value("dict", table=table)
    for value in table.values():
        new.learned |= value.learned
        new.loops |= value.loops
    return new


def _binary(m: Machine, node: ast.BinOp) -> Value:
    return arithmetic(m, node, node.op, evaluate(m, node.left), evaluate(m, node.right))


def arithmetic(m: Machine, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
    if left.kind == "list" and right.kind == "list" and left.items is not None and right.items is not None:
        return holding("list", [*left.items, *right.items][:64])
    if left.const is not UNSET and right.const is not UNSET:
        return Value("scalar", const=_folded(op, left.const, right.const), loops=left.loops | right.loops)
    if left.kind == "list" and isinstance(op, ast.Mult):
        rows = left.items is not None and len(left.items) == 1 and bool(left.items[0].rows)
        return left.copy(items=[*(left.items or []), *(left.items or [])]) if rows else left
    new = merge([left, right])
    if new.kind in {"unknown", "scalar", "name"} and not new.rows:
        return Value("scalar", learned=new.learned, loops=new.loops, preds=new.preds, flags=new.flags)
    new.column = new.column if not (left.column and right.column) else ""
    if left.is_data and right.is_data:
        new.target = left.target and right.target
    if isinstance(op, ast.BitOr | ast.BitAnd):
        new.index = None
    if isinstance(op, ast.Sub) and bool(left.preds) != bool(right.preds) and left.is_data and right.is_data:
        new.flags |= {"compared"}
    _scaled_by_hand(new, left, right)
    return new


def _scaled_by_hand(new: Value, left: Value, right: Value) -> None:
    """`(X - mu) / sd` is a step that rows went through or did not."""
    learned = [learn for learn in right.learned if not right.rows and left.rows and learn.kind == "statistic"]
    if learned:
        new.exact = False
    if left.is_data and not right.is_data and left.steps and right.const is UNSET:
        new.exact = False


def _folded(op: ast.operator, left: Any, right: Any) -> Any:
    try:
        if isinstance(op, ast.Add) and isinstance(left, str) and len(left) + len(right) < 200:
            return left + right
        if isinstance(left, int | float) and isinstance(right, int | float) and type(op) in _FOLDS:
            return _FOLDS[type(op)](left, right)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return UNSET
    return UNSET


_FOLDS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Div: lambda a, b: a / b,
}


def _unary(m: Machine, node: ast.UnaryOp) -> Value:
    inner = evaluate(m, node.operand)
    if isinstance(node.op, ast.USub) and isinstance(inner.const, int | float):
        return Value("scalar", const=-inner.const)
    if isinstance(node.op, ast.Invert | ast.Not) and inner.index is not None:
        key, side, how, rows = inner.index
        other = {True: False, False: True}.get(side, ("not", side))  # type: ignore[call-overload]
        return inner.copy(index=(key, other, how, rows), const=UNSET)
    if inner.const is not UNSET and isinstance(node.op, ast.Not):
        return Value("scalar")
    if inner.is_data or inner.preds:
        return inner.copy(const=UNSET)
    return Value("scalar", learned=inner.learned, loops=inner.loops)


def _compare(m: Machine, node: ast.Compare) -> Value:
    left = evaluate(m, node.left)
    right = evaluate(m, node.comparators[0])
    for more in node.comparators[1:]:
        evaluate(m, more)
    if m.abroad is not None and _is_main(node) and m.abroad.home(node) is not None:
        return Value("scalar", const=False)  # an imported module does not do what it does when started
    if len(node.ops) == 1 and left.is_data and (left.kind != "unknown" or left.rows):
        new = merge([left, right])
        new.index = subscripts.mask_of(m, node, left, right)
        new.target, new.column = left.target, ""
        new.origin = left.origin | right.origin
        if left.preds and not right.preds and not right.is_data:
            new.flags = (new.flags - {"proba"}) | {"hard", "thresholded"}
        if bool(left.preds) != bool(right.preds) and right.const is UNSET and left.const is UNSET:
            new.flags |= {"compared"}
        return new
    new = Value("scalar", learned=left.learned | right.learned, preds=left.preds + right.preds)
    new.loops = left.loops | right.loops
    new.flags = left.flags | right.flags
    return new


def _is_main(node: ast.Compare) -> bool:
    return isinstance(node.left, ast.Name) and node.left.id == "__name__"


def _bool(m: Machine, node: ast.BoolOp) -> Value:
    values = [evaluate(m, part) for part in node.values]
    return merge(values, const=UNSET, index=None)


def _conditional(m: Machine, node: ast.IfExp) -> Value:
    evaluate(m, node.test)
    return join(evaluate(m, node.body), evaluate(m, node.orelse))


def _lambda(m: Machine, node: ast.Lambda) -> Value:
    return Value("function", func=node, scope=m.scope, node=node)


def _call(m: Machine, node: ast.Call) -> Value:
    return calls.call(m, node)


def _subscript(m: Machine, node: ast.Subscript) -> Value:
    return subscripts.load(m, node)


_BY_COLUMN = frozenset(["select_dtypes", "drop", "filter", "keys"])


def elements(m: Machine, over: Value, node: ast.AST) -> list[Value]:
    """What a loop over a value meets."""
    if over.items is not None:
        return over.items or [UNKNOWN]
    if over.kind == "dict" and over.table:
        return [Value("scalar", const=key) for key in over.table]
    if over.element is not None:
        return [over.element]
    if over.kind == "loader":
        return [over.copy(kind="tensor")]
    chosen = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _BY_COLUMN
    if over.kind in {"frame"} and (chosen or isinstance(node, ast.Name | ast.Subscript)):
        return [Value("scalar", flags=frozenset(["columnname"]))]
    if over.is_data and over.kind != "unknown":
        cell = over.kind == "series"  # a figure of one cell's contents is no figure of rows
        return [over.copy(const=UNSET, flags=over.flags | {"rowwise"}) if cell else over.copy(const=UNSET)]
    return [Value("unknown", learned=over.learned, loops=over.loops, rows=over.rows, flags=over.flags)]


def in_loop(item: Value, node: ast.AST) -> Value:
    if item.kind in {"index", "loader"}:
        return item
    if item.items is not None:
        return item.copy(items=[in_loop(part, node) for part in item.items])
    if item.is_data and item.kind != "unknown":
        return item
    if item.kind in {"estimator", "module", "unknown"} and item.alts == () and item.kind != "unknown":
        item.loops |= {node}
        return item
    return item.copy(loops=item.loops | {node})


def _starred(m: Machine, node: ast.Starred) -> Value:
    return evaluate(m, node.value)


def _named(m: Machine, node: ast.NamedExpr) -> Value:
    value = evaluate(m, node.value)
    m.scope.vars[node.target.id] = value
    return value


def _await(m: Machine, node: ast.Await | ast.Yield | ast.YieldFrom) -> Value:
    if node.value is None:
        return UNKNOWN
    value = evaluate(m, node.value)
    if not isinstance(node, ast.Await):
        m.scope.result.append(Value("list", element=value, learned=value.learned))
    return value


def _text(m: Machine, node: ast.JoinedStr) -> Value:
    learned = Value("scalar")
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = evaluate(m, part.value)
            learned.preds += value.preds[:1]
            learned.loops |= value.loops
            reading.shown(m, value)
    return learned


def _slice(m: Machine, node: ast.Slice) -> Value:
    for part in (node.lower, node.upper, node.step):
        if part is not None:
            evaluate(m, part)
    return UNKNOWN


def chosen(m: Machine, node: ast.If | ast.While, test: Value) -> None:
    """`if score > best:` reads a judgement to choose."""
    if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.Name | ast.Call):
        return
    if not any((value := m.seen.get(part)) is not None and value.preds for part in m.names.below(node.test)):
        return
    figures = [value for part in ast.walk(node.test) if (value := m.seen.get(part)) is not None and value.preds]
    for value in figures:
        if "figure" in value.flags:
            reading.read(m, value, "chosen", node)


def left_loop(m: Machine, node: ast.AST) -> None:
    """`break`: nothing more is known here."""


BUILTINS = frozenset(
    [
        "len",
        "print",
        "range",
        "list",
        "tuple",
        "dict",
        "set",
        "sorted",
        "zip",
        "map",
        "filter",
        "enumerate",
        "sum",
        "max",
        "min",
        "abs",
        "round",
        "float",
        "int",
        "str",
        "type",
        "isinstance",
        "open",
        "reversed",
        "iter",
        "next",
        "hasattr",
        "getattr",
        "setattr",
        "id",
        "repr",
        "format",
        "input",
        "bool",
        "any",
        "all",
        "super",
        "vars",
    ]
)

HANDLERS: dict[type[ast.AST], Callable[[Machine, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _bool,
    ast.IfExp: _conditional,
    ast.Lambda: _lambda,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Starred: _starred,
    ast.NamedExpr: _named,
    ast.Await: _await,
    ast.Yield: _await,
    ast.YieldFrom: _await,
    ast.JoinedStr: _text,
    ast.Slice: _slice,
}
