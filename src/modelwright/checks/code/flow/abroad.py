"""Names that a file imports from modules beside it: what those modules define, followed by the same machine."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from modelwright.checks.code.flow.machine import ExhaustedError, Machine, Scope
from modelwright.checks.code.flow.values import Value

if TYPE_CHECKING:
    from modelwright.checks.code.names import Names
    from modelwright.checks.code.neighbours import Neighbour, Neighbours
    from modelwright.checks.code.nouns import Source

#: modules that one file's flow goes through at most
_MODULES = 8


@dataclass(eq=False, slots=True)
class Home:
    """A module that was followed."""

    source: Source
    names: Names
    scope: Scope = field(default_factory=Scope)
    #: the import in the file under review by which it came in
    imported_at: ast.AST | None = None


class Abroad:
    """The modules followed for one file, and which function stands in which."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._homes: dict[Source, Home] = {}
        self._own = (machine.names, machine.module)
        self.of_function: dict[ast.AST, Home] = {}
        #: the first call of each function that was followed
        self.sites: dict[ast.AST, ast.AST] = {}

    def world(self, function: ast.AST) -> tuple[Names, Scope]:
        """The names and module scope in which a function's body is to be read."""
        home = self.of_function.get(function)
        return self._own if home is None else (home.names, home.scope)

    def home(self, node: ast.AST) -> Home | None:
        """The other module a node stands in; None for the file under review."""
        if not self._homes or self._own[0].holds(node):
            return None
        return next((home for home in self._homes.values() if home.names.holds(node)), None)

    def site(self, node: ast.AST) -> ast.AST | None:
        """The call or import in the file under review that led to a node of another module."""
        for _ in range(16):
            home = self.home(node)
            if home is None:
                return node if self._own[0].holds(node) else None
            function = next((up for up in (node, *home.names.parents(node)) if up in self.sites), None)
            if function is None:
                return home.imported_at
            node = self.sites[function]
        return None

    def bind(self, names: Names, near: Neighbours, scope: Scope, origin: ast.AST | None = None) -> None:
        """Give a module's scope the names that it imports from its neighbours."""
        for node in names.nodes(ast.ImportFrom):
            self._from(node, near, scope, origin or node)
        for plain in names.nodes(ast.Import):
            for alias in plain.names:
                home = self._load(near.find(alias.name), origin or plain)
                if home is not None:
                    _place(scope, alias.asname or alias.name, home)

    def _from(self, node: ast.ImportFrom, near: Neighbours, scope: Scope, origin: ast.AST) -> None:
        dotted = "." * node.level + (node.module or "")
        found = near.find(dotted) if node.module else None
        home = self._load(found, origin)
        for alias in node.names:
            if alias.name == "*":
                scope.vars.update({} if home is None else home.scope.vars)
                continue
            value = None if home is None else home.scope.vars.get(alias.name)
            if value is None and (found is None or found.is_package) and (node.level or found is not None):
                inner = self._load(near.find(f"{dotted}{'' if dotted.endswith('.') else '.'}{alias.name}"), origin)
                value = None if inner is None else _as_value(inner)
            if value is not None:
                scope.vars[alias.asname or alias.name] = value

    def _load(self, found: Neighbour | None, origin: ast.AST) -> Home | None:
        if found is None:
            return None
        known = self._homes.get(found.source)
        if known is not None or len(self._homes) >= _MODULES or found.source.path == self._machine.source.path:
            return known
        home = self._homes[found.source] = Home(found.source, found.names, imported_at=origin)
        for function in (*found.names.functions, *found.names.nodes(ast.Lambda)):
            self.of_function[function] = home
        self.bind(found.names, found.near, home.scope, origin)
        self._run(home)
        return home

    def _run(self, home: Home) -> None:
        """What the module does when imported; what it judges itself is told in its own review."""
        m = self._machine
        events: list[list[Any]] = [m.learns, m.fits, m.predicts, m.judges, m.uses, m.odd]
        before = [len(each) for each in events]
        outer = m.names, m.module, m.scope
        m.names, m.module, m.scope = home.names, home.scope, home.scope
        for statement in home.source.tree.body:
            try:
                partial(m.run, [statement])()
            except ExhaustedError:
                break
            except Exception:  # noqa: BLE001, S112  odd code next door must not cost this file its review
                continue
            finally:
                m.reset()
                m.scope = home.scope
        m.names, m.module, m.scope = outer
        for each, count in zip(events, before, strict=True):
            del each[count:]


def _as_value(home: Home) -> Value:
    return Value("imported", attrs=home.scope.vars)


def _place(scope: Scope, dotted: str, home: Home) -> None:
    """`import a.b` binds `a`, which holds `b`."""
    top, *rest = dotted.split(".")
    value = _as_value(home)
    for part in reversed(rest):
        value = Value("imported", attrs={part: value})
    scope.vars[top] = value
