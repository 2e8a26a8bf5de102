"""Statements: what each does to the names in scope."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from modelwright.checks.code.flow import expressions, subscripts
from modelwright.checks.code.flow.machine import Machine, Scope, hint_of, is_target_name
from modelwright.checks.code.flow.rows import Root, whole
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value, join

PASSES = 4  # a loop over known things meets at most so many of them


def run_block(m: Machine, body: Sequence[ast.stmt]) -> None:
    for node in body:
        handler = HANDLERS.get(type(node))
        if handler is not None:
            handler(m, node)
        if m.scope.returned:
            return


def assign(m: Machine, target: ast.AST, value: Value, source: ast.AST | None = None) -> None:
    """Bind a target to a value; parts of a tuple get theirs."""
    if isinstance(target, ast.Name):
        _bind(m, target, value)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(m, target, value, source)
    elif isinstance(target, ast.Starred):
        assign(m, target.value, value, source)
    elif isinstance(target, ast.Subscript):
        subscripts.store(m, target, value)
    elif isinstance(target, ast.Attribute):
        subscripts.store_attribute(m, target, value)


def _bind(m: Machine, target: ast.Name, value: Value) -> None:
    scope = m.module if target.id in m.scope.free else m.scope
    if not value.rows and value.kind == "unknown" and value.const is UNSET and value.items is None:
        # a thing of an unknown call: if its name says data, it has rows of its own
        value = value.copy()
        if value.func is None and not value.cls:
            value.rows = whole(Root("unknown", target.id, target, hint_of(target.id)))
    if is_target_name(target.id) and value.is_data and not value.target:
        value = value.copy(target=True)
    scope.vars[target.id] = value
    m.seen[target] = value


def _unpack(m: Machine, target: ast.Tuple | ast.List, value: Value, source: ast.AST | None) -> None:
    parts = value.items
    count = len(target.elts)
    starred = next((i for i, part in enumerate(target.elts) if isinstance(part, ast.Starred)), None)
    if parts is not None and starred is not None and len(parts) >= count - 1:
        tail = count - starred - 1
        middle = Value("list", items=parts[starred : len(parts) - tail])
        parts = [*parts[:starred], middle, *parts[len(parts) - tail :]]
    if parts is not None and len(parts) == count:
        for part, item in zip(target.elts, parts, strict=True):
            assign(m, part, item, source)
        return
    for part in target.elts:
        given = value.element if value.element is not None else _part_of(m, value, part)
        assign(m, part, given, source)


def _part_of(m: Machine, value: Value, part: ast.AST) -> Value:
    """One part of something that is not known as a tuple: `x, y = batch` keeps the batch's rows."""
    if value.kind in {"loader", "tensor", "frame", "array", "prediction"} and value.rows:
        return value.copy(const=UNSET, items=None)
    name = part.id if isinstance(part, ast.Name) else ""
    if value.kind == "unknown" and any(piece.root.hint for piece in value.rows) and not hint_of(name):
        return value.copy(const=UNSET, items=None, target=is_target_name(name))  # `for x, y in test_loader`
    return Value(
        "unknown", learned=value.learned, loops=value.loops, rows=whole(Root("unknown", name, part, hint_of(name)))
    )


def _assign(m: Machine, node: ast.Assign) -> None:
    value = expressions.evaluate(m, node.value)
    for target in node.targets:
        assign(m, target, value, node.value)


def _ann_assign(m: Machine, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(m, node.target, expressions.evaluate(m, node.value), node.value)


def _aug_assign(m: Machine, node: ast.AugAssign) -> None:
    load = _as_load(node.target)
    old = expressions.evaluate(m, load)
    right = expressions.evaluate(m, node.value)
    if old.items is not None and right.items is not None:
        assign(m, node.target, Value("list", items=[*old.items, *right.items][:64]))
        return
    new = expressions.arithmetic(m, node, node.op, old, right)
    if isinstance(node.target, ast.Name) and old.is_data and old.kind != "unknown":
        old.become(new)  # in place: every name of it sees the change
        m.seen[node.target] = old
    else:
        assign(m, node.target, new)


def _as_load(target: ast.AST) -> ast.expr:
    copy: Any = type(target)(**{name: getattr(target, name) for name in target._fields})
    copy.ctx = ast.Load()
    result: ast.expr = ast.copy_location(copy, target)
    return result


def _expr(m: Machine, node: ast.Expr) -> None:
    expressions.evaluate(m, node.value)


def _return(m: Machine, node: ast.Return) -> None:
    m.scope.result.append(expressions.evaluate(m, node.value) if node.value is not None else UNKNOWN)
    m.scope.returned = True


def _define(m: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            expressions.evaluate(m, default)
    value = Value("function", func=node, scope=m.scope, node=node)
    m.scope.vars[node.name] = value


def _class(m: Machine, node: ast.ClassDef) -> None:
    inner = Scope(m.scope)
    outer, m.scope = m.scope, inner
    try:
        run_block(m, node.body)
    finally:
        m.scope = outer
    bases = tuple(filter(None, (m.names.qualified(part) for part in node.bases)))
    parents = tuple(found for part in node.bases if (found := m.scope.find(_last(part))) is not None)
    m.scope.vars[node.name] = Value(
        "class", func=node, attrs=inner.vars, scope=m.scope, node=node, const=bases, members=parents
    )


def _last(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


# -- branches and loops ---------------------------------------------------------------------------------------------


def _if(m: Machine, node: ast.If) -> None:
    test = expressions.evaluate(m, node.test)
    if test.const is not UNSET and test.const in (True, False):  # a constant decides
        run_block(m, node.body if test.const else node.orelse)
        return
    expressions.chosen(m, node, test)
    before = dict(m.scope.vars)
    run_block(m, node.body)
    ended, m.scope.returned = m.scope.returned, False
    after = m.scope.vars
    m.scope.vars = before
    if node.orelse:
        run_block(m, node.orelse)
        other, m.scope.returned = m.scope.returned, False
    else:
        other = False
    if ended and other:
        m.scope.returned = True
    elif other:
        m.scope.vars = after
    elif not ended:
        _join(m.scope.vars, after)


def _join(into: dict[str, Value], other: dict[str, Value]) -> None:
    for name, value in other.items():
        mine = into.get(name)
        if mine is not value:
            into[name] = value if mine is None else join(mine, value)


def _for(m: Machine, node: ast.For | ast.AsyncFor) -> None:
    over = expressions.evaluate(m, node.iter)
    items = expressions.elements(m, over, node.iter)
    deep = len(m.loops)
    wanted = items[:PASSES] if deep < 2 else items[:2]
    if len(wanted) == 1:
        wanted = wanted * (2 if deep < 3 else 1)
    _passes(m, node, wanted)
    run_block(m, node.orelse)


def _passes(m: Machine, node: ast.For | ast.AsyncFor, items: list[Value]) -> None:
    outer = m.loops
    m.loops = (*outer, node)
    before = dict(m.scope.vars)
    try:
        for item in items:
            # what a loop's variable decides is remembered: choices made by it are choices made in the loop
            assign(m, node.target, expressions.in_loop(item, node))
            run_block(m, node.body)
            if m.scope.returned:
                m.scope.returned = False
    finally:
        m.loops = outer
    _join_back(m.scope.vars, before)


def _join_back(now: dict[str, Value], before: dict[str, Value]) -> None:
    """A loop may run no pass at all; learned things are kept either way, so only names of data are joined."""
    for name, value in before.items():
        mine = now.get(name)
        if mine is not value and mine is not None and value.items is None and value.kind not in {"function", "class"}:
            if not mine.is_data and not value.is_data:
                continue
            if mine.exact and mine.rows == value.rows and mine.learned >= value.learned:
                continue
            now[name] = join(value, mine) if mine.rows != value.rows and value.rows and value.learned else mine


def _while(m: Machine, node: ast.While) -> None:
    outer = m.loops
    m.loops = (*outer, node)
    try:
        for _ in range(2 if len(outer) < 2 else 1):
            expressions.chosen(m, node, expressions.evaluate(m, node.test))
            run_block(m, node.body)
            m.scope.returned = False
    finally:
        m.loops = outer
    run_block(m, node.orelse)


def _try(m: Machine, node: ast.Try) -> None:
    run_block(m, node.body)
    ended, m.scope.returned = m.scope.returned, False
    kept = dict(m.scope.vars)
    for handler in node.handlers:
        m.scope.vars = dict(kept)
        run_block(m, handler.body)
        failed, m.scope.returned = m.scope.returned, False
        if not failed:
            merged = dict(kept)
            for name, value in m.scope.vars.items():
                merged.setdefault(name, value)
            kept = merged
    m.scope.vars = kept
    m.scope.returned = ended
    if not ended:
        run_block(m, node.orelse)
    ended, m.scope.returned = m.scope.returned, False
    run_block(m, node.finalbody)
    m.scope.returned = m.scope.returned or ended


def _with(m: Machine, node: ast.With | ast.AsyncWith) -> None:
    for item in node.items:
        value = expressions.evaluate(m, item.context_expr)
        if item.optional_vars is not None:
            assign(m, item.optional_vars, value)
    run_block(m, node.body)


def _match(m: Machine, node: ast.Match) -> None:
    expressions.evaluate(m, node.subject)
    for case in node.cases:
        before = dict(m.scope.vars)
        run_block(m, case.body)
        m.scope.returned = False
        _join(m.scope.vars, before)


def _delete(m: Machine, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Subscript):
            subscripts.delete(m, target)


def _global(m: Machine, node: ast.Global | ast.Nonlocal) -> None:
    m.scope.free.update(node.names)


def _test(m: Machine, node: ast.Assert) -> None:
    expressions.evaluate(m, node.test)


def _jump(m: Machine, node: ast.AST) -> None:
    expressions.left_loop(m, node)


HANDLERS: dict[type[ast.AST], Callable[[Machine, Any], None]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _ann_assign,
    ast.AugAssign: _aug_assign,
    ast.Expr: _expr,
    ast.Return: _return,
    ast.FunctionDef: _define,
    ast.AsyncFunctionDef: _define,
    ast.ClassDef: _class,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Match: _match,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Assert: _test,
    ast.Break: _jump,
}
