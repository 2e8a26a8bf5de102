"""What each name of a file means: imports, aliases, scopes, parents, and nodes by type, found in one walk."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import Any, cast

from modelwright.checks.code.homes import canonical
from modelwright.checks.code.stars import exports
from modelwright.checks.code.trees import Regions
from modelwright.checks.code.writing import code_of

_MANY = object()  # a name that means different things in one scope


_NAMES = (ast.Name, ast.Attribute)


class Names(Regions):
    """The names of one file. Build it once by `Names.of(tree)`; every rule asks it instead of walking the tree."""

    def __init__(self, tree: ast.Module) -> None:
        super().__init__(tree)
        self.star_modules: list[str] = []
        self.memo: dict[str, object] = {}  # what several rules want worked out once per file
        self._bound: dict[ast.AST, dict[str, object]] = defaultdict(dict)  # scope -> name -> dotted, None or _MANY
        self._values: dict[tuple[ast.AST, str], list[ast.AST | None]] = defaultdict(list)
        self._known: dict[ast.AST, str | None] = {}
        self._stars: dict[str, str] = {}
        self._read_imports()
        self._read_bindings()

    @classmethod
    def of(cls, tree: ast.Module) -> Names:
        return cls(tree)

    def standing(self, node: ast.AST) -> tuple[str, str]:
        """The normalised statement of a node and the dotted function it stands in (`` at the top)."""
        statement = self.statement(node)
        named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        path = [up.name for up in self.parents(node) if isinstance(up, named)]
        return ("" if statement is None else header(statement)), ".".join(reversed(path))

    # -- meanings ---------------------------------------------------------------------------------------------------

    def qualified(self, node: ast.AST | None) -> str | None:
        """The canonical dotted name that a Name or an attribute chain stands for; None where it is not known."""
        known = self._known
        if node in known:
            return known[node]
        if not isinstance(node, _NAMES):
            return None
        known[node] = None  # an alias of itself stays unknown
        found = known[node] = self._find(node)
        return found

    def called(self, node: ast.AST | None) -> str | None:
        """The canonical name of what a call calls; None for anything else."""
        if not isinstance(node, ast.Call):
            return None
        func = node.func
        known = self._known
        return known[func] if func in known else self.qualified(func)

    def values(self, name: str, scope: ast.AST) -> list[ast.AST | None]:
        """What is assigned to a name in a scope, in order; None stands for a write whose value has no node of its own
        (a loop target, a parameter, an unpacked part)."""
        return self._values.get((scope, name), [])

    def home(self, node: ast.Name) -> ast.AST:
        """The scope whose binding a name uses: its own or an enclosing one; the module where nothing binds it."""
        scope: ast.AST = self.scope(node)
        first = True
        while True:
            if (first or not isinstance(scope, ast.ClassDef)) and node.id in self._bound.get(scope, {}):
                return scope
            if isinstance(scope, ast.Module):
                return scope
            first = False
            scope = self.scope(scope)

    def is_bound(self, name: str) -> bool:
        """Does any scope of this file bind the name?"""
        return any(name in bound for bound in self._bound.values())

    def _find(self, node: ast.Name | ast.Attribute) -> str | None:
        if isinstance(node, ast.Attribute):
            inner = self.qualified(node.value)
            return None if inner is None else canonical(f"{inner}.{node.attr}")
        scope = self.home(node)
        bound = self._bound.get(scope, {})
        if node.id not in bound:
            return self._stars.get(node.id)
        meaning = bound[node.id]
        if isinstance(meaning, str):
            return meaning
        return self.qualified(meaning) if isinstance(meaning, ast.Name | ast.Attribute) else None

    # -- reading ----------------------------------------------------------------------------------------------------

    def _read_imports(self) -> None:
        self.modules: set[str] = set()
        for plain in self.nodes(ast.Import):
            scope = self.scope(plain)
            for alias in plain.names:
                dotted = canonical(alias.name)
                self._note_module(alias.name, dotted)
                if alias.asname:
                    self._bind(scope, alias.asname, dotted)
                else:
                    top = alias.name.partition(".")[0]
                    self._bind(scope, top, canonical(top))
        for star in self.nodes(ast.ImportFrom):
            self._read_from(star)

    def _read_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        scope = self.scope(node)
        if not node.level:
            self._note_module(module, canonical(module))
        for alias in node.names:
            if alias.name == "*":
                self.star_modules.append(module)
                self._stars |= {name: canonical(f"{module}.{name}") for name in exports(canonical(module))}
            else:
                dot = "" if module.endswith(".") else "."
                dotted = canonical(f"{module}{dot}{alias.name}")
                self._bind(scope, alias.asname or alias.name, dotted)
                self.modules.add(dotted.partition(".")[0])

    def _note_module(self, written: str, dotted: str) -> None:
        self.modules.add(written.partition(".")[0])
        self.modules.add(dotted.partition(".")[0])

    def _bind(self, scope: ast.AST, name: str, meaning: object) -> None:
        """A second import of another home of the same name (try/except) does not hide the first."""
        self._bound[scope].setdefault(name, meaning)

    def _read_bindings(self) -> None:
        imported = {scope: set(bound) for scope, bound in self._bound.items()}
        outer = self._read_outer()
        for function in (*self.functions, *self.nodes(ast.Lambda)):
            for argument in _arguments(function.args):
                self._bound[function][argument] = None
                self._values[function, argument].append(None)
        for definition in (*self.functions, *self.nodes(ast.ClassDef)):
            self._define(self.scope(definition), definition, imported)
        for name in self.nodes(ast.Name):
            if isinstance(name.ctx, ast.Load):
                continue
            scope = self.scope(name)
            if name.id in outer.get(scope, ()):
                scope = self.tree
            self._write(scope, name, name.id in imported.get(scope, ()))
        for handler in self.nodes(ast.ExceptHandler):
            if handler.name:
                self._bound[self.scope(handler)].setdefault(handler.name, None)
        patterns: list[ast.MatchAs | ast.MatchStar] = [*self.nodes(ast.MatchAs), *self.nodes(ast.MatchStar)]
        for pattern in patterns:
            if pattern.name:
                self._bound[self.scope(pattern)].setdefault(pattern.name, None)

    def _read_outer(self) -> dict[ast.AST, set[str]]:
        outer: dict[ast.AST, set[str]] = defaultdict(set)
        statements: list[ast.Global | ast.Nonlocal] = [*self.nodes(ast.Global), *self.nodes(ast.Nonlocal)]
        for node in statements:
            outer[self.scope(node)].update(node.names)
        return outer

    def _define(
        self,
        scope: ast.AST,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        imported: dict[ast.AST, set[str]],
    ) -> None:
        guarded = isinstance(self._parents.get(node), ast.Try | ast.ExceptHandler | ast.If)
        if not (guarded and node.name in imported.get(scope, ())):
            self._bound[scope][node.name] = None
        self._values[scope, node.name].append(node)

    def _write(self, scope: ast.AST, name: ast.Name, imported: bool) -> None:
        value = self._value_of(name)
        self._values[scope, name.id].append(value)
        if imported:
            return  # `try: import x` / `except: x = None`; a library's name is rarely reused for something else
        bound = self._bound[scope]
        if name.id not in bound and isinstance(value, ast.Name | ast.Attribute):
            bound[name.id] = value
        elif name.id in bound and bound[name.id] is not value and bound[name.id] is not None:
            bound[name.id] = _MANY
        else:
            bound.setdefault(name.id, None)

    def _value_of(self, name: ast.Name) -> ast.AST | None:
        up = self._parents.get(name)
        if isinstance(up, ast.Assign) and name in up.targets:
            return up.value
        if isinstance(up, ast.AnnAssign | ast.NamedExpr):
            return up.value
        if isinstance(up, ast.withitem):
            return up.context_expr
        if isinstance(up, ast.AugAssign):
            return up
        if isinstance(up, ast.Tuple | ast.List):
            return self._unpacked(name, up)
        return None

    def _unpacked(self, name: ast.Name, targets: ast.Tuple | ast.List) -> ast.AST | None:
        """`a, b = x, y` gives each its own."""
        whole = self._parents.get(targets)
        if isinstance(whole, ast.Assign) and isinstance(whole.value, ast.Tuple | ast.List):
            parts = whole.value.elts
            starred = any(isinstance(part, ast.Starred) for part in (*parts, *targets.elts))
            if len(parts) == len(targets.elts) and not starred:
                return parts[targets.elts.index(name)]
        return None


def header(statement: ast.stmt) -> str:
    """A statement in one normal form; of a compound one only its head, so that its body may change."""
    try:
        if not hasattr(statement, "body"):
            return _simple(statement)
        kept: dict[str, Any] = {name: getattr(statement, name, None) for name in statement._fields}
        kept.update({name: [] for name in ("orelse", "finalbody", "handlers", "decorator_list") if name in kept})
        kept.update({name: [ast.Pass()] for name in ("body",)})
        if isinstance(statement, ast.Try | ast.TryStar):
            return "try:"
        return ast.unparse(ast.copy_location(cast(Any, type(statement))(**kept), statement)).split("\n    pass")[0]
    except (RecursionError, ValueError, AttributeError):
        return type(statement).__name__


def _simple(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return code_of(statement.value)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and statement.type_comment is None:
        target = statement.targets[0]
        if isinstance(target, ast.Name | ast.Attribute | ast.Subscript) and isinstance(statement.value, ast.Call):
            return f"{code_of(target)} = {code_of(statement.value)}"
    return ast.unparse(statement)


def _arguments(arguments: ast.arguments) -> list[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return [argument.arg for argument in every]
