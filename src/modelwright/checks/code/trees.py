"""A file's syntax tree walked once: parents, nodes by type, and what stands in which region."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
T = TypeVar("T", bound=ast.AST)

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = frozenset([*_FUNCTIONS, ast.ClassDef, ast.Module])
#: fields that never hold a node worth a visit: contexts, operators, and plain texts and numbers
_PLAIN = frozenset(
    [
        "ctx",
        "op",
        "ops",
        "id",
        "attr",
        "arg",
        "asname",
        "module",
        "level",
        "kind",
        "type_comment",
        "conversion",
        "simple",
    ]
)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}


class Tree:
    """Parents and nodes by type, found in one walk."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self._parents: dict[ast.AST, ast.AST] = {}
        self._by_type: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._order: list[ast.AST] = []
        self._around: dict[ast.AST, ast.FunctionDef | ast.AsyncFunctionDef | None] = {}
        self._walk()

    def holds(self, node: ast.AST) -> bool:
        """Does the node stand in this tree?"""
        return node in self._parents or node is self.tree

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self._parents.get(node)

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """From the nearest outwards to the module."""
        up = self._parents.get(node)
        while up is not None:
            yield up
            up = self._parents.get(up)

    def nodes(self, kind: type[T]) -> list[T]:
        """All nodes of one exact type, in the order of the text."""
        return self._by_type.get(kind, [])  # type: ignore[return-value]

    @property
    def calls(self) -> list[ast.Call]:
        return self.nodes(ast.Call)

    @property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [*self.nodes(ast.FunctionDef), *self.nodes(ast.AsyncFunctionDef)]

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The nearest statement that holds the node, or the node itself."""
        up: ast.AST | None = node
        while up is not None and not isinstance(up, ast.stmt):
            up = self._parents.get(up)
        return up

    def scope(self, node: ast.AST) -> Scope:
        """The nearest function, class or module around a node (never the node itself)."""
        parents = self._parents
        up = parents.get(node)
        while up is not None:
            if type(up) in _SCOPES:
                return up  # type: ignore[return-value]
            up = parents.get(up)
        return self.tree

    def function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The nearest `def` around a node."""
        if node in self._around:
            return self._around[node]
        up = self._parents.get(node)
        is_end = up is None or isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef)
        self._around[node] = up if is_end else self.function(up)  # type: ignore[assignment, arg-type]
        return self._around[node]

    def loop(self, node: ast.AST) -> ast.For | ast.AsyncFor | ast.While | None:
        """The nearest loop around a node inside the same function; a loop's own `iter` is not inside it."""
        below = node
        for up in self.parents(node):
            if type(up) in _SCOPES:
                return None
            if isinstance(up, ast.For | ast.AsyncFor | ast.While) and below is not getattr(up, "iter", None):
                return up
            below = up
        return None

    def _walk(self) -> None:
        parents, by_type = self._parents, self._by_type
        stack: list[ast.AST] = [self.tree]
        pop, push, note = stack.pop, stack.append, self._order.append
        while stack:
            node = pop()
            kind = type(node)
            note(node)
            by_type[kind].append(node)
            fields = _FIELDS.get(kind)
            for name in _fields(kind) if fields is None else fields:
                value = getattr(node, name, None)
                if type(value) is list:
                    for item in reversed(value):
                        if isinstance(item, ast.AST):
                            parents[item] = node
                            push(item)
                elif isinstance(value, ast.AST):
                    parents[value] = node
                    push(value)


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """Fields of a type that may hold nodes, last first."""
    found = _FIELDS[kind] = tuple(name for name in reversed(kind._fields) if name not in _PLAIN)
    return found


class Regions(Tree):
    """What stands inside a node, by its place in the text: no walking."""

    def __init__(self, tree: ast.Module) -> None:
        super().__init__(tree)
        self._places: dict[ast.AST, int] = {}
        self._ends: dict[ast.AST, int] = {}
        self._positions: dict[type[ast.AST], list[int]] = {}
        self._calls_in: dict[ast.AST | None, list[ast.Call]] = defaultdict(list)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """First and one past the last place of a node and all below it, in the order of the text."""
        if not self._places:
            self._read_places()
        return self._places.get(node, 0), self._ends.get(node, 0)

    def _read_places(self) -> None:
        order, parents, ends = self._order, self._parents, self._ends
        self._places = {node: place for place, node in enumerate(order)}
        for place in range(len(order) - 1, 0, -1):
            node = order[place]
            end = ends.setdefault(node, place + 1)
            ends.setdefault(parents[node], end)  # its last child comes first
        ends.setdefault(self.tree, 1)

    def below(self, region: ast.AST) -> list[ast.AST]:
        """The node and all below it, in the order of the text."""
        first, end = self.span(region)
        return self._order[first:end]

    def is_inside(self, node: ast.AST, region: ast.AST) -> bool:
        """Is the node the region, or below it?"""
        first, end = self.span(region)
        return first <= self._places.get(node, 0) < end

    def inside(self, region: ast.AST, kind: type[T]) -> list[T]:
        """Nodes of one exact type in a region, in the order of the text."""
        first, end = self.span(region)
        places = self._positions.get(kind)
        if places is None:
            places = self._positions[kind] = [self._places[node] for node in self._by_type.get(kind, [])]
        return self.nodes(kind)[bisect_left(places, first) : bisect_left(places, end)]

    def own(self, region: ast.AST, kind: type[T]) -> list[T]:
        """The same without what stands in functions defined inside the region."""
        is_function = isinstance(region, ast.FunctionDef | ast.AsyncFunctionDef)
        home = region if is_function else self.function(region)
        return [node for node in self.inside(region, kind) if node is not region and self.function(node) is home]

    def calls_in(self, function: ast.AST | None) -> list[ast.Call]:
        """The calls whose nearest `def` is this one; None for those outside of every function."""
        if not self._calls_in:
            for call in self.calls:
                self._calls_in[self.function(call)].append(call)
        return self._calls_in.get(function, [])
