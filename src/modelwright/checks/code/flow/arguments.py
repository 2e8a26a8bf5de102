"""One call with its arguments evaluated."""

from __future__ import annotations

import ast

from modelwright.checks.code.flow.values import UNKNOWN, Value


class Call:
    """One call with its arguments evaluated."""

    __slots__ = ("args", "callee", "keywords", "name", "node")

    def __init__(self, node: ast.Call, args: list[Value], keywords: dict[str, Value]) -> None:
        self.node = node
        self.args = args
        self.keywords = keywords
        self.name = ""
        self.callee: Value = UNKNOWN

    def get(self, position: int | None, *names: str) -> Value | None:
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        if position is not None and position < len(self.args):
            return self.args[position]
        return None

    def const(self, name: str, default: object = None) -> object:
        found = self.keywords.get(name)
        return default if found is None else found.const

    @property
    def all(self) -> list[Value]:
        return [*self.args, *self.keywords.values()]
