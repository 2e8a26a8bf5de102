"""The abstract interpreter's state: scopes, budget, and the events that it has met."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from modelwright.checks.code.flow.rows import NOTHING, Root, Rows, whole
from modelwright.checks.code.flow.values import UNKNOWN, Fit, Judge, Learn, Predict, Split, Use, Value
from modelwright.checks.code.library import role

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call
    from modelwright.checks.code.names import Names
    from modelwright.checks.code.nouns import Source

#: nodes evaluated in one file at most: the work stays bounded whatever the program does
BUDGET = 60_000
DEPTH = 7  # calls inside calls that are followed
NESTING = 120  # expressions inside expressions
VISITS = 16  # times that one function's body is followed


class Scope:
    """Names of one function call, or of the module."""

    __slots__ = ("free", "outer", "result", "returned", "vars")

    def __init__(self, outer: Scope | None = None) -> None:
        self.vars: dict[str, Value] = {}
        self.outer = outer
        self.result: list[Value] = []
        self.returned = False
        self.free: set[str] = set()  # declared global or nonlocal

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.vars.get(name)
            if found is not None:
                return found
            scope = scope.outer
        return None


class ExhaustedError(Exception):
    """The budget is spent; what was found so far stands."""


class Beside(Protocol):
    """Modules beside the file that it imports, as the machine asks for them."""

    #: the first call of each function that was followed
    sites: dict[ast.AST, ast.AST]

    def world(self, function: ast.AST) -> tuple[Names, Scope]:
        """The names and module scope in which a function's body is to be read."""
        ...

    def home(self, node: ast.AST) -> object | None:
        """The other module a node stands in; None for the file under review."""
        ...


class Machine:
    """Runs one file over abstract values."""

    #: ways back up to expressions, statements and calls; set by the flow that owns this machine
    evaluate: Callable[[ast.expr], Value]
    run: Callable[[Sequence[ast.stmt]], None]
    bind: Callable[[ast.AST, Value], None]
    invoke: Callable[[Call, Value], Value]
    follow: Callable[[Value, list[Value], dict[str, Value], ast.AST], Value]
    unknown: Callable[[Call], Value]

    def __init__(self, source: Source, names: Names) -> None:
        self.source = source
        self.names = names
        self.abroad: Beside | None = None  # modules beside this file that it imports
        self.module = Scope()
        self.scope = self.module
        self.seen: dict[ast.AST, Value] = {}
        self.learns: list[Learn] = []
        self.fits: list[Fit] = []
        self.predicts: list[Predict] = []
        self.judges: list[Judge] = []
        self.splits: list[Split] = []
        self.uses: list[Use] = []
        self.odd: list[ast.AST] = []  # calls of things not known that were given rows
        self.loops: tuple[ast.AST, ...] = ()
        self.stack: tuple[ast.AST, ...] = ()  # call sites, outermost first
        self.bodies: list[ast.AST] = []  # functions being followed
        self.frames: list[Value] = []  # frames whose columns `pl.col` names, innermost last
        self.visits: dict[ast.AST, int] = {}
        self.called: set[ast.AST] = set()
        self.targets: set[tuple[Root, str]] = set()
        self.budget = BUDGET
        self.nesting = 0
        self.order = 0
        self.serial = 0
        self._unknown: dict[str, Value] = {}
        self._cache: dict[tuple[Hashable, ...], Any] = {}

    def reset(self) -> None:
        """Back to the top of the module, whatever a statement left behind."""
        self.scope, self.loops, self.stack, self.nesting = self.module, (), (), 0
        self.module.returned = False
        self.bodies.clear()
        self.frames.clear()

    # -- making values ----------------------------------------------------------------------------------------------

    def tick(self) -> int:
        self.order += 1
        return self.order

    def fresh(
        self, kind: str, node: ast.AST, *, how: str = "read", name: str = "", hint: str = "", **more: Any
    ) -> Value:
        """A value with rows of its own; the same place in the same call gives the same rows."""
        key = ("root", node, self.stack, name)
        root = self._cache.get(key)
        if root is None:
            root = self._cache[key] = Root(how, name, node, hint)
        return Value(kind, rows=whole(root), node=node, **more)

    def free_name(self, name: str, node: ast.AST) -> Value:
        """A name that nobody defined: rows of its own, if it turns out to be data."""
        found = self._unknown.get(name)
        if found is None:
            root = Root("unknown", name, node, hint_of(name))
            found = self._unknown[name] = Value("unknown", rows=whole(root), node=node, target=is_target_name(name))
        return found

    def new(self, kind: str, cls: str, node: ast.AST, **more: Any) -> Value:
        self.serial += 1
        return Value(kind, cls=cls, node=node, serial=self.serial, order=self.tick(), **more)

    # -- events -----------------------------------------------------------------------------------------------------

    def learn(self, node: ast.AST, kind: str, cls: str, rows: Rows, **more: Any) -> Learn:
        """The same statement met again over the same rows is the same event."""
        key = ("learn", node, kind, rows, more.get("detail", ""))
        found: Learn | None = self._cache.get(key)
        if found is None:
            found = Learn(node, kind, cls, rows, self.tick(), scope=self.stack, loops=self.loops, **more)
            self._cache[key] = found
            self.learns.append(found)
        return found

    def knobs(self, est: Value) -> frozenset[ast.AST]:
        """Loops whose variable decides how an estimator is set up."""
        found = est.loops
        for value in (est.params or {}).values():
            found |= value.loops
        for member in est.members:
            found |= self.knobs(member)
        return found

    def role(self, value: Value) -> str:
        return role(value.cls) if value.cls else ""


@lru_cache(maxsize=8192)
def hint_of(name: str) -> str:
    """What a name says of its rows: train, test, valid, or nothing."""
    parts = _words(name)
    if parts & {"test", "te", "tst", "holdout", "hold", "heldout", "unseen", "xtest", "ytest", "testing", "dtest"}:
        return "test"
    if parts & {"val", "valid", "validation", "dev", "cv", "eval", "xval", "yval", "dval"}:
        return "valid"
    if parts & {"train", "tr", "trn", "training", "xtrain", "ytrain", "dtrain"}:
        return "train"
    return ""


def _words(name: str) -> set[str]:
    out: list[str] = []
    for word in name.replace("-", "_").replace(".", "_").replace("/", "_").split("_"):
        start = 0
        for i in range(1, len(word)):
            if word[i].isupper() and word[i - 1].islower():
                out.append(word[start:i])
                start = i
        out.append(word[start:])
    return {word.lower().rstrip("0123456789") for word in out if word}


@lru_cache(maxsize=8192)
def is_target_name(name: str) -> bool:
    low = name.lower()
    return (
        low == "y"
        or low.startswith(("y_", "ytrain", "ytest", "yval", "target", "label"))
        or low.endswith(("_y", "_labels", "_target", "_label"))
    )


def names_in(value: Value | None) -> list[str] | None:
    """The strings of a constant string or a list of them; None where not known."""
    if value is None:
        return None
    if isinstance(value.const, str):
        return [value.const]
    if value.items is not None:
        found = [item.const for item in value.items if isinstance(item.const, str)]
        return found if len(found) == len(value.items) else None
    return None


def first_rows(values: Iterable[Value]) -> Rows:
    return next((value.rows for value in values if value.rows), NOTHING)


__all__ = ["UNKNOWN", "ExhaustedError", "Machine", "Scope", "first_rows", "hint_of", "is_target_name", "names_in"]
