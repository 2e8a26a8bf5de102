"""Where a value comes from, told by names alone: which call made it, whether it is a table, which class it has."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from modelwright.checks.code.asking import words
from modelwright.checks.code.names import Names

if TYPE_CHECKING:
    from modelwright.checks.code.facts import Facts

_DEPTH = 6
_PENDING = "?"
_KEEP_FRAME = words(
    """copy dropna fillna drop drop_duplicates reset_index set_index sort_values sort_index rename assign astype head
    tail sample query merge join replace filter reindex infer_objects convert_dtypes nlargest nsmallest
    interpolate ffill bfill where mask round clip transform applymap pipe select_dtypes melt
    pivot_table pivot stack explode append"""
)
_READERS = words(
    "csv excel json parquet sql pickle table feather hdf fwf sas stata sql_query sql_table html orc xml gbq"
)
FRAME_MAKERS = frozenset(
    [f"pandas.read_{what}" for what in sorted(_READERS)]
    + [
        f"pandas.{what}"
        for what in ("DataFrame", "concat", "merge", "get_dummies", "json_normalize", "pivot_table", "melt", "crosstab")
    ]
)
SERIES_MAKERS = frozenset(["pandas.Series", "pandas.to_datetime", "pandas.to_numeric", "pandas.cut", "pandas.qcut"])
_FIT_SELF = frozenset(
    ["fit", "set_params", "to", "cuda", "cpu", "float", "half", "double", "eval", "train", "partial_fit"]
)


class Origins:
    """Light inference over one file, shared by the rules through `Origins.of(facts)`."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.classes = {node.name: node for node in names.nodes(ast.ClassDef)}
        self.functions = {node.name: node for node in names.functions if isinstance(names.scope(node), ast.Module)}
        self._fields: dict[tuple[ast.AST | None, str], list[ast.AST]] = defaultdict(list)
        self._known: dict[tuple[ast.AST, int], frozenset[str | None]] = {}
        self._read_fields()

    @classmethod
    def of(cls, facts: Facts) -> Origins:
        found = facts.names.memo.get("origins")
        if not isinstance(found, Origins):
            found = facts.names.memo["origins"] = cls(facts.names)
        return found

    def _read_fields(self) -> None:
        for assign in self.names.nodes(ast.Assign):
            for target in assign.targets:
                if (
                    isinstance(target, ast.Attribute)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                ):
                    self._fields[self._class(assign), target.attr].append(assign.value)

    def _class(self, node: ast.AST) -> ast.ClassDef | None:
        return next((up for up in self.names.parents(node) if isinstance(up, ast.ClassDef)), None)

    def made_by(self, node: ast.AST | None) -> str | None:
        """The canonical name of the one call that every assignment of this value comes from (`local:Net` for a class of
        this file); None where there are several or none is known."""
        found = self.origins(node)
        return next(iter(found)) if len(found) == 1 else None

    def origins(self, node: ast.AST | None, depth: int = _DEPTH) -> frozenset[str | None]:
        """All calls the value may come from; None stands for `not known`."""
        if node is None or depth <= 0:
            return frozenset([None])
        key = (node, depth)
        if key not in self._known:
            self._known[key] = frozenset([None])
            self._known[key] = self._origins(node, depth)
        return self._known[key]

    def _origins(self, node: ast.AST, depth: int) -> frozenset[str | None]:
        if isinstance(node, ast.Call):
            return self._of_call(node, depth)
        if isinstance(node, ast.Name):
            return self._of_name(node, depth)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            values = self._fields.get((self._class(node), node.attr), [])
            return self._union(values, depth)
        if isinstance(node, ast.IfExp):
            return self._union([node.body, node.orelse], depth)
        if isinstance(node, ast.NamedExpr | ast.Await):
            return self.origins(node.value, depth - 1)
        return frozenset([None])

    def _union(self, values: list[ast.AST], depth: int) -> frozenset[str | None]:
        real = [value for value in values if not (isinstance(value, ast.Constant) and value.value is None)]
        found: set[str | None] = set()
        for value in real[:8]:
            found |= self.origins(value, depth - 1)
        return frozenset(found or {None})

    def _of_call(self, call: ast.Call, depth: int) -> frozenset[str | None]:
        called = self.names.called(call)
        if called is not None:
            return frozenset([called])
        if isinstance(call.func, ast.Name):
            if call.func.id in self.classes:
                return frozenset([f"local:{call.func.id}"])
            function = self.functions.get(call.func.id)
            if function is not None:
                returns = [node.value for node in self.names.own(function, ast.Return) if node.value is not None]
                return self._union(list(returns), depth) if returns else frozenset([None])
        if isinstance(call.func, ast.Attribute) and call.func.attr in _FIT_SELF:
            return self.origins(call.func.value, depth - 1)
        return frozenset([None])

    def _of_name(self, node: ast.Name, depth: int) -> frozenset[str | None]:
        home = self.names.home(node)
        values = self.names.values(node.id, home)
        if not values:
            return frozenset([None])
        found: set[str | None] = set()
        for value in values[:8]:
            if isinstance(value, ast.Constant) and value.value is None:
                continue
            if value is None or value is node or isinstance(value, ast.AugAssign | ast.stmt):
                found.add(None)
            else:
                found |= self.origins(value, depth - 1)
        return frozenset(found or {None})

    def local_class(self, node: ast.AST | None) -> ast.ClassDef | None:
        """The class of this file that the value is an instance of."""
        made = self.made_by(node)
        return self.classes.get(made[6:]) if made is not None and made.startswith("local:") else None


def is_frame(facts: Facts, node: ast.AST | None, depth: int = _DEPTH) -> bool:
    """Is the value surely a pandas frame?"""
    return _shape(facts, node, depth) == "frame"


def is_series(facts: Facts, node: ast.AST | None, depth: int = _DEPTH) -> bool:
    """Is the value surely a pandas series (one column)?"""
    return _shape(facts, node, depth) == "series"


def _shape(facts: Facts, node: ast.AST | None, depth: int) -> str:
    if node is None or depth <= 0:
        return ""
    memo = facts.names.memo.setdefault("shapes", {})
    assert isinstance(memo, dict)
    if node not in memo:
        memo[node] = _PENDING  # `out = out.append(...)` asks for itself
        memo[node] = _find_shape(facts, node, depth) or _flow_shape(facts, node)
    return str(memo[node])


def _flow_shape(facts: Facts, node: ast.AST) -> str:
    value = facts.flow.value(node) if isinstance(node, ast.expr) else None
    made = {"pandas.DataFrame": "frame", "pandas.Series": "series"}.get(getattr(value, "cls", None) or "", "")
    return made if made == getattr(value, "kind", "") else ""


def _find_shape(facts: Facts, node: ast.AST, depth: int) -> str:
    if isinstance(node, ast.Name):
        return _name_shape(facts, node, depth)
    if isinstance(node, ast.Call):
        return _call_shape(facts, node, depth)
    if isinstance(node, ast.Subscript):
        return _subscript_shape(facts, node, depth)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return _shape(facts, node.value, depth - 1)
    return ""


def _name_shape(facts: Facts, node: ast.Name, depth: int) -> str:
    names = facts.names
    home = names.home(node)
    if isinstance(home, ast.FunctionDef | ast.AsyncFunctionDef):
        for argument in (*home.args.posonlyargs, *home.args.args, *home.args.kwonlyargs):
            if argument.arg == node.id:
                return {"pandas.DataFrame": "frame", "pandas.Series": "series"}.get(
                    names.qualified(argument.annotation) or "", ""
                )
    shapes = set()
    for value in names.values(node.id, home)[:10]:
        if value is None or isinstance(value, ast.stmt):
            shapes.add("")
        elif value is not node:
            shapes.add(_shape(facts, value, depth - 1))
    shapes.discard(_PENDING)
    return shapes.pop() if len(shapes) == 1 else ""


def _call_shape(facts: Facts, node: ast.Call, depth: int) -> str:
    called = facts.names.called(node)
    if called is not None:
        return "frame" if called in FRAME_MAKERS else "series" if called in SERIES_MAKERS else ""
    if isinstance(node.func, ast.Attribute) and node.func.attr in _KEEP_FRAME:
        return _shape(facts, node.func.value, depth - 1)
    return ""


def _subscript_shape(facts: Facts, node: ast.Subscript, depth: int) -> str:
    inner = node.value
    if isinstance(inner, ast.Attribute) and inner.attr in {"loc", "iloc"}:
        whole = _shape(facts, inner.value, depth - 1)
        if whole != "frame" or not isinstance(node.slice, ast.Tuple):
            return whole if isinstance(node.slice, ast.Slice | ast.Compare | ast.BinOp | ast.UnaryOp) else ""
        column = node.slice.elts[-1]
        return (
            "series"
            if isinstance(column, ast.Constant)
            else "frame"
            if isinstance(column, ast.List | ast.Slice)
            else ""
        )
    whole = _shape(facts, inner, depth - 1)
    if whole == "frame":
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return "series"
        return "frame" if isinstance(node.slice, ast.List | ast.Compare | ast.BinOp | ast.UnaryOp | ast.Slice) else ""
    return whole if isinstance(node.slice, ast.Compare | ast.BinOp | ast.UnaryOp | ast.Slice) else ""
