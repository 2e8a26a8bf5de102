"""Calls: to functions of the file, to libraries by the specification table, and to methods of what is known."""

from __future__ import annotations

import ast

from modelwright.checks.code.flow import (
    containers,
    data,
    functions,
    groups,
    hub_sets,
    learners,
    local,
    nets,
    polars_frames,
    reading,
    splits,
    trainers,
)
from modelwright.checks.code.flow.arguments import Call
from modelwright.checks.code.flow.attributes import method_of
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value
from modelwright.checks.code.library import function, role


def call(m: Machine, node: ast.Call) -> Value:
    frame = polars_frames.frame_of(m, node)
    if frame is None:
        return dispatch(m, _arguments(m, node))
    m.frames.append(frame)
    try:
        made = _arguments(m, node)
    finally:
        m.frames.pop()
    return method(m, made, frame, node.func.attr)  # type: ignore[attr-defined]


def _arguments(m: Machine, node: ast.Call) -> Call:
    args: list[Value] = []
    for part in node.args:
        value = m.evaluate(part)
        if isinstance(part, ast.Starred) and value.items is not None:
            args.extend(value.items)
        else:
            args.append(value)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = m.evaluate(keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
        elif value.table is not None:
            keywords.update({str(key): item for key, item in value.table.items()})
            keywords.setdefault("**", Value("scalar", learned=value.learned, loops=value.loops))
        else:
            keywords["**"] = value
    return Call(node, args, keywords)


def dispatch(m: Machine, c: Call) -> Value:
    func = c.node.func
    if isinstance(func, ast.Attribute):
        known = m.names.qualified(func)
        top = func.value
        while isinstance(top, ast.Attribute):
            top = top.value
        if known is not None and (not isinstance(top, ast.Name) or m.scope.find(top.id) is None):
            return by_name(m, c, known)
        base = m.evaluate(func.value)
        return method(m, c, base, func.attr)
    callee = m.evaluate(func)
    return invoke(m, c, callee)


def invoke(m: Machine, c: Call, callee: Value) -> Value:
    """Call a value."""
    c.callee = callee
    if callee.kind == "function":
        return local.invoke(m, callee, c.args, c.keywords, c.node)
    if callee.kind == "class":
        return local.construct(m, callee, c.args, c.keywords, c.node)
    if callee.kind == "name":
        return by_name(m, c, callee.cls)
    if callee.kind == "partial" and callee.receiver is not None:
        c.args = [*(callee.items or []), *c.args]
        c.keywords = {**(callee.table or {}), **c.keywords}  # type: ignore[dict-item]
        return invoke(m, c, callee.receiver)
    if callee.kind == "module" or (callee.kind == "estimator" and role(callee.cls) in {"net", "layer", "pretrained"}):
        return nets.ask(m, c, callee)
    if callee.kind == "estimator" and role(callee.cls) in {"text", "scaler"}:  # a Keras layer that was adapted
        return learners.use(m, c, callee, "transform")
    return unknown(m, c)


def by_name(m: Machine, c: Call, name: str) -> Value:
    """A call of a library's function or class."""
    c.name = name
    op = function(name)
    if op:
        return functions.apply(m, c, name, op)
    made = role(name)
    if made:
        return learners.construct(m, c, name, made)
    if name == "functools.partial" and c.args:
        return Value("partial", receiver=c.args[0], items=c.args[1:], table=dict(c.keywords), loops=c.args[0].loops)
    return functions.other(m, c, name)


def method(m: Machine, c: Call, base: Value, name: str) -> Value:
    """A call of a method."""
    if base.kind in {"object", "module", "estimator", "tensor"} and base.scope is not None:
        found = method_of(base, name)
        if found is not None:
            return local.invoke(m, found.copy(receiver=base), c.args, c.keywords, c.node)
        inherited = local.inherited(m, c, base, name)
        if inherited is not None:
            return inherited
    aim = _callable(c.get(0, "func", "fn", "objective")) if name in _TUNERS else None
    if aim is not None:
        return tuned(m, c, aim)
    if base.attrs and name in base.attrs:
        return invoke(m, c, base.attrs[name])
    return _of_kind(m, c, base, name)


def _callable(value: Value | None) -> Value | None:
    """A function, or an object of a local class that can be called."""
    if value is None or value.kind == "function":
        return value
    found = method_of(value, "__call__") if value.kind == "object" else None
    return None if found is None else found.copy(receiver=value)


def _of_kind(m: Machine, c: Call, base: Value, name: str) -> Value:
    if base.kind == "name":
        return by_name(m, c, f"{base.cls}.{name}")
    if base.kind == "splitter":
        return splits.folds(m, c, base, name)
    if base.kind in {"estimator", "module"}:
        c.args = [containers.as_rows(value) for value in c.args]
    if base.kind == "estimator":
        return _of_estimator(m, c, base, name)
    if base.kind == "module":
        return nets.method(m, c, base, name)
    if base.kind in {"list", "dict", "tuple"} or (base.items is not None and not base.rows) or base.table is not None:
        return containers.method(m, c, base, name)
    if base.kind == "grouped" or base.kind == "window":
        if name in groups.BY_ROW:
            return data.method(m, c, groups.plain(base), name)
        return groups.of_group(m, c, base, name)
    if base.is_data:
        return data.method(m, c, base, name)
    if base.kind == "bunch" and name == "load":
        return base
    return other_method(m, c, base, name)


def _of_estimator(m: Machine, c: Call, base: Value, name: str) -> Value:
    if name in _TRAINERS and role(base.cls) == "trainer":
        return _TRAINERS[name](m, c, base)
    if name in {"evaluate", "predict"} and role(base.cls) == "hf_trainer":
        return hub_sets.judged(m, c, base, name)
    return learners.method(m, c, base, name)


_TRAINERS = {"fit": trainers.trainer_fits, "test": trainers.trainer_judges, "validate": trainers.trainer_judges}


def other_method(m: Machine, c: Call, base: Value, name: str) -> Value:
    """A method of something not known."""
    for value in c.all:
        if value.flags & {"figure"} and (base.cls or base.kind == "unknown"):
            plotted = name in {"plot", "scatter", "bar", "semilogx", "barh", "lineplot", "barplot", "errorbar"}
            reading.read(m, value, "plotted" if plotted else "shown", c.node)
    if name == "backward":
        nets.backward(m, c, base)
        return UNKNOWN
    if "generator" in base.flags:
        return by_name(m, c, f"numpy.random.{name}")
    if name in {"fit", "fit_transform", "train"} and base.kind in {"unknown"} and c.args:
        m.odd.append(c.node)
    if base.kind == "scalar" and isinstance(base.const, str):
        given = c.args[0] if name == "join" and c.args else None
        return given.copy(const=UNSET, items=None) if given is not None and given.is_data else Value("scalar")
    if base.preds or base.learned:
        flags = base.flags
        if name in {"max", "min", "argmax", "argmin", "idxmax", "idxmin"} and base.flags & {"figure"}:
            reading.read(m, base, "chosen", c.node)
            flags = flags | {"choice"}
        elif name in {"sort_values", "sort"} and base.flags & {"figure"}:
            flags = flags | {"ranked"}
        elif name in {"head", "tail", "nlargest", "nsmallest"} and flags >= {"figure", "ranked"} and _few(c):
            reading.read(m, base, "chosen", c.node)
        elif name in reading.AVERAGES and base.flags & {"figure"}:
            reading.read(m, base, "averaged", c.node)
        return Value(base.kind, learned=base.learned, preds=base.preds, flags=flags, loops=base.loops)
    return unknown(m, c)


def _few(c: Call) -> bool:
    """Is the one best asked for?"""
    given = c.get(0, "n")
    return given is not None and given.const == 1


def unknown(m: Machine, c: Call) -> Value:
    """A call of something not known: what its arguments learned goes on, rows do not."""
    values = c.all
    if c.name.rpartition(".")[2] in _TUNERS and values and values[0].kind == "function":
        return tuned(m, c, values[0])
    if any(value.is_data and value.kind != "unknown" for value in values):
        m.odd.append(c.node)
    new = Value("unknown")
    for value in values:
        new.learned |= value.learned
        new.loops |= value.loops
        if value.flags & {"figure"}:
            reading.read(m, value, "shown", c.node)
        for item in value.contents:
            if item.kind == "function":
                _visit(m, item, c)
        if value.kind == "function":
            _visit(m, value, c)
    return new


_TUNERS = frozenset(["optimize", "fmin", "gp_minimize", "forest_minimize", "maximize", "minimize"])


def tuned(m: Machine, c: Call, fn: Value) -> Value:
    """`study.optimize(objective)`: a loop over settings that keeps the best figure."""
    outer = m.loops
    m.loops = (*outer, c.node)
    trial = m.fresh("unknown", c.node, how="unknown", name="trial", loops=frozenset([c.node]))
    try:
        result = local.invoke(m, fn, [trial], {}, c.node)
    finally:
        m.loops = outer
    for value in (result, *result.contents):
        if "figure" in value.flags:
            reading.read(m, value, "chosen", c.node)
    return UNKNOWN


def _visit(m: Machine, fn: Value, c: Call) -> None:
    """A function handed to something not known is called there, with what is not known."""
    if fn.func not in m.called:
        local.invoke(m, fn, [], {}, c.node)
