"""Python's own functions: zip, enumerate, map, max, next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwright.checks.code.flow import data, reading
from modelwright.checks.code.flow.arguments import Call
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import UNKNOWN, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def call(m: Machine, c: Call, name: str) -> Value:
    parts = [value.items if value.items is not None else None for value in c.args]
    if name.endswith("zip") and parts and any(part is not None for part in parts):
        count = min(len(part) for part in parts if part is not None)
        rows = [
            Value(
                "tuple",
                items=[
                    (
                        value.items[i]
                        if value.items is not None
                        else value.element
                        if value.element is not None
                        else value
                    )
                    for value in c.args
                ],
            )
            for i in range(min(count, 6))
        ]
        return Value("list", items=rows)
    if name.endswith("enumerate") and c.args:
        first = c.args[0]
        if first.items is not None:
            return Value("list", items=[Value("tuple", items=[Value("scalar"), item]) for item in first.items[:6]])
        item = (
            first.element
            if first.element is not None
            else first.copy(kind="tensor")
            if first.kind == "loader"
            else first
        )
        return Value("list", element=Value("tuple", items=[Value("scalar"), item]), cls=first.cls)
    if name.endswith("map") and len(c.args) > 1:
        shadow = type(c)(c.node, [c.args[0]], {})
        if c.args[1].is_data:
            return data._apply(m, shadow, c.args[1], "map")
        items = c.args[1].items or [c.args[1].element or UNKNOWN]
        outs = [m.invoke(Call(c.node, [item], {}), c.args[0]) for item in items[:4]]
        return Value("list", items=outs)
    if name.endswith("filter") and len(c.args) > 1:
        return c.args[1]
    if name.endswith(("max", "min")) and c.args:
        _by_key(m, c)
        reading.chosen(m, c)
        first = c.args[0]
        flags = first.flags | ({"choice"} if first.flags & {"figure"} else frozenset())
        return Value("scalar", preds=first.preds, flags=flags, loops=first.loops)
    if name.endswith("next") and c.args:
        first = c.args[0]
        return (
            first.element
            if first.element is not None
            else first.copy(kind="tensor")
            if first.kind == "loader"
            else first
        )
    if c.args and name.endswith("zip"):
        parts2 = [value.element if value.element is not None else value for value in c.args]
        return Value("list", element=Value("tuple", items=parts2))
    return UNKNOWN


def _by_key(m: Machine, c: Call) -> None:
    """`max(settings, key=lambda s: score_of(s))`: a loop over settings that keeps the best figure."""
    fn = c.keywords.get("key")
    items = c.args[0].items
    if fn is None or fn.kind != "function" or not items:
        return
    outer = m.loops
    m.loops = (*outer, c.node)
    try:
        for item in items[:2]:
            found = m.invoke(Call(c.node, [item.copy(loops=item.loops | {c.node})], {}), fn)
            if "figure" in found.flags:
                reading.read(m, found, "chosen", c.node)
    finally:
        m.loops = outer
