"""Frames handled in vain: chained writes, comparisons with nan, results thrown away, joins on another index."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.asking import (
    constant,
    has_open_arguments,
    is_true,
    keyword,
    lines_of,
    replace,
    root,
    tail,
    words,
    written,
)
from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, Fix, Kind, Role, RuleInfo
from modelwright.checks.code.origins import is_frame, is_series
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="DA401",
        name="chained-assignment",
        severity=Severity.MEDIUM,
        why="A write to a selection of a selection changes a copy: the frame stays as it was (always so "
        "from pandas 3 on).",
        fix="write through one selection: df.loc[rows, column] = value; or take a .copy() first",
        source="pandas user guide, 'Copy-on-Write' and 'Returning a view versus a copy'",
    ),
    RuleInfo(
        code="DA402",
        name="compared-with-nan",
        severity=Severity.MEDIUM,
        why="nan equals nothing, not even itself: == finds no row and != finds all.",
        fix="use isna() or notna()",
        source="IEEE 754; pandas user guide, 'Working with missing data'",
    ),
    RuleInfo(
        code="DA405",
        name="row-loop",
        severity=Severity.LOW,
        why="Loops over rows are hundreds of times slower than column operations, and a frame that grows in a loop is "
        "copied each time; "
        "DataFrame.append was removed in pandas 2.",
        fix="use column operations; collect rows in a list and concat once",
        source="pandas user guide, 'Essential basic functionality: iteration'; pandas 2.0 release notes",
        per_file=True,
    ),
    RuleInfo(
        code="DA408",
        name="result-thrown-away",
        severity=Severity.MEDIUM,
        why="Without inplace=True these methods return a new frame; as a statement of its own the call "
        "changes nothing.",
        fix="assign the result",
        source="pandas documentation of DataFrame.drop and others",
    ),
    RuleInfo(
        code="DA412",
        name="concat-on-different-index",
        severity=Severity.MEDIUM,
        why="concat(axis=1) joins by index. After rows were filtered or shuffled, a freshly numbered frame beside them "
        "is joined to "
        "other rows, and the rest becomes missing.",
        fix="give the new frame index=X.index, or reset_index(drop=True) on both",
        source="pandas documentation of concat",
    ),
)
_NANS = words("numpy.nan numpy.NaN numpy.NAN math.nan pandas.NA pandas.NaT cmath.nan")
_NEW = words(
    """drop dropna fillna replace rename sort_values reset_index set_index astype drop_duplicates sort_index interpolate
    ffill bfill assign reindex round clip"""
)
_FEWER = words("dropna query sample drop_duplicates sort_values head tail nlargest nsmallest")


def _run(facts: Facts) -> Iterator[CodeFinding]:
    if facts.role is Role.TEST:
        return
    if not facts.names.modules & {"pandas", "polars"}:
        yield from _nans(facts)
        return
    yield from _chained(facts)
    yield from _nans(facts)
    yield from _row_loops(facts)
    yield from _thrown_away(facts)
    yield from _concats(facts)


def _chained(facts: Facts) -> Iterator[CodeFinding]:
    writes: list[ast.Assign | ast.AugAssign] = [*facts.names.nodes(ast.Assign), *facts.names.nodes(ast.AugAssign)]
    for assign in writes:
        target = assign.targets[0] if isinstance(assign, ast.Assign) else assign.target
        if not isinstance(target, ast.Subscript):
            continue
        inner = target.value
        if isinstance(inner, ast.Attribute) and inner.attr in {"loc", "iloc", "at", "iat"}:
            inner = inner.value
            if not isinstance(inner, ast.Subscript):
                continue
        if isinstance(inner, ast.Subscript) and _is_selection(facts, inner):
            message = f"{written(target)} = ... writes into a copy; {root(target)} stays as it was."
            yield finding(facts, "DA401", assign, message, Confidence.LIKELY)
        elif isinstance(inner, ast.Name) and _is_slice_name(facts, inner):
            message = (
                f"{inner.id} is a slice of another frame without .copy(); whether the write reaches "
                f"that frame is not defined."
            )
            yield finding(facts, "DA401", assign, message, Confidence.LIKELY, severity=Severity.LOW)
            return


def _is_selection(facts: Facts, node: ast.Subscript) -> bool:
    """`df[mask]`, `df["a"]`, `df.loc[mask]` of a known frame; not a dictionary of frames."""
    owner = node.value
    if isinstance(owner, ast.Attribute) and owner.attr in {"loc", "iloc"}:
        return is_frame(facts, owner.value)
    return is_frame(facts, owner)


def _is_slice_name(facts: Facts, node: ast.Name) -> bool:
    """A name whose only value is `df[mask]`, in a file that does not switch copy-on-write on."""
    if "copy_on_write" in facts.source.text or facts.versions.get("pandas", "2").split(".")[0] >= "3":
        return False
    values = facts.names.values(node.id, facts.names.home(node))
    if len(values) != 1 or not isinstance(values[0], ast.Subscript):
        return False
    made = values[0]
    mask = isinstance(made.slice, ast.Compare | ast.BinOp | ast.UnaryOp)
    return mask and is_frame(facts, made.value)


def _nans(facts: Facts) -> Iterator[CodeFinding]:
    for test in facts.names.nodes(ast.Compare):
        if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.NotEq):
            continue
        sides = (test.left, test.comparators[0])
        nan = [_is_nan(facts, side) for side in sides]
        if sum(nan) != 1:
            continue
        value = sides[0] if nan[1] else sides[1]
        equal = isinstance(test.ops[0], ast.Eq)
        message = f"{written(test)} is {'False' if equal else 'True'} for every value, missing ones too."
        yield finding(facts, "DA402", test, message, Confidence.LIKELY, fix=_isna(facts, test, value, equal))


def _is_nan(facts: Facts, node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        is_float = isinstance(node.func, ast.Name) and node.func.id == "float"
        return is_float and bool(node.args) and str(constant(node.args[0], "")).lower().lstrip("+-") == "nan"
    return facts.names.qualified(node) in _NANS


def _isna(facts: Facts, test: ast.Compare, value: ast.expr, equal: bool) -> Fix | None:
    text = written(value)
    if isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Call) and (
        is_frame(facts, value) or is_series(facts, value)
    ):
        new = f"{text}.{'isna' if equal else 'notna'}()"
    else:
        alias = next(
            (
                item.asname or item.name
                for node in facts.names.nodes(ast.Import)
                for item in node.names
                if item.name == "pandas"
            ),
            "",
        )
        if not alias:
            return None
        new = f"{alias}.{'isna' if equal else 'notna'}({text})"
    if "\n" in text:
        return None
    return Fix(edits=(replace(facts, test, new),), safe=True, text="ask for missing values by isna()")


def _row_loops(facts: Facts) -> Iterator[CodeFinding]:
    found = []
    for call in facts.names.calls:
        if not isinstance(call.func, ast.Attribute):
            continue
        if (
            (call.func.attr == "iterrows" and isinstance(facts.names.parent(call), ast.For | ast.comprehension))
            or (call.func.attr == "append" and facts.names.loop(call) is not None and is_frame(facts, call.func.value))
            or (
                facts.names.called(call) == "pandas.concat"
                and facts.names.loop(call) is not None
                and _grows(facts, call)
            )
        ):
            found.append(call)
    if found:
        message = f"{len(found)} places go through rows one by one or grow a frame in a loop."
        yield finding(facts, "DA405", found[0], message, Confidence.PATTERN)


def _grows(facts: Facts, call: ast.Call) -> bool:
    up = facts.names.parent(call)
    if not isinstance(up, ast.Assign) or not call.args or not isinstance(call.args[0], ast.List | ast.Tuple):
        return False
    return written(up.targets[0]) in {written(item) for item in call.args[0].elts}


def _thrown_away(facts: Facts) -> Iterator[CodeFinding]:
    for statement in facts.names.nodes(ast.Expr):
        call = statement.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in _NEW:
            continue
        inplace = keyword(call, "inplace")
        if has_open_arguments(call) or (inplace is not None and constant(inplace, True) is not False):
            continue
        receiver = call.func.value
        if not (is_frame(facts, receiver) or is_series(facts, receiver)):
            continue
        shown = _is_shown(facts, statement)
        message = f"The result of {written(call.func)}(...) is thrown away; {written(receiver)} stays as it was."
        yield finding(facts, "DA408", statement, message, Confidence.LIKELY, severity=Severity.INFO if shown else None)


def _is_shown(facts: Facts, statement: ast.Expr) -> bool:
    """The last expression of a cell shows its value: it may be meant to."""
    if facts.source.kind is Kind.MODULE or statement not in facts.names.tree.body:
        return False
    place = facts.names.tree.body.index(statement)
    if place + 1 == len(facts.names.tree.body):
        return True
    if facts.source.kind is Kind.SCRIPT_CELLS:
        between = lines_of(facts)[statement.lineno : facts.names.tree.body[place + 1].lineno]
        return any(line.startswith("#") and ("%%" in line or "In[" in line) for line in between)
    return facts.source.cell_at(statement.lineno) is not facts.source.cell_at(facts.names.tree.body[place + 1].lineno)


def _concats(facts: Facts) -> Iterator[CodeFinding]:
    for call in facts.names.calls:
        if facts.names.called(call) != "pandas.concat" or constant(keyword(call, "axis")) not in {1, "columns"}:
            continue
        if not call.args or not isinstance(call.args[0], ast.List | ast.Tuple) or len(call.args[0].elts) < 2:
            continue
        if is_true(keyword(call, "ignore_index")):
            continue
        parts = call.args[0].elts
        fresh = [part for part in parts if _is_fresh(facts, part)]
        moved = [part for part in parts if _has_moved_index(facts, part, 4)]
        if fresh and moved:
            message = (
                f"{written(fresh[0])} is numbered from 0, {written(moved[0])} keeps the index of the "
                f"rows that were left."
            )
            yield finding(facts, "DA412", call, message, Confidence.LIKELY)


def _value(facts: Facts, node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Name):
        values = facts.names.values(node.id, facts.names.home(node))
        return values[0] if len(values) == 1 else None
    return node


def _is_fresh(facts: Facts, node: ast.AST) -> bool:
    """A frame made of an array, without an index of its own."""
    made = _value(facts, node)
    if not isinstance(made, ast.Call) or facts.names.called(made) != "pandas.DataFrame" or has_open_arguments(made):
        return False
    if keyword(made, "index") is not None or len(made.args) > 1 or not made.args:
        return False
    given: ast.AST = made.args[0]
    if isinstance(given, ast.Name):
        given = _value(facts, given) or given
    return isinstance(given, ast.Call) and tail(given) in {
        "transform",
        "fit_transform",
        "toarray",
        "todense",
        "predict",
        "predict_proba",
    }


def _has_moved_index(facts: Facts, node: ast.AST, depth: int) -> bool:
    if depth <= 0:
        return False
    if isinstance(node, ast.Name):
        if any(tail(call) == "reset_index" and root(call.func) == node.id for call in facts.names.calls):
            return False
        if any(
            written(target).startswith(f"{node.id}.index")
            for item in facts.names.nodes(ast.Assign)
            for target in item.targets
        ):
            return False
        if _is_split_part(facts, node):
            return True
        values = facts.names.values(node.id, facts.names.home(node))
        return len(values) == 1 and values[0] is not None and _has_moved_index(facts, values[0], depth - 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "reset_index" or is_true(keyword(node, "ignore_index")):
            return False
        if node.func.attr in _FEWER and is_frame(facts, node.func.value):
            return True
        return node.func.attr in {"drop", "copy", "astype", "fillna"} and _has_moved_index(
            facts, node.func.value, depth - 1
        )
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Compare | ast.BinOp | ast.UnaryOp):
            return is_frame(facts, node.value)
        return isinstance(node.slice, ast.List | ast.Name) and _has_moved_index(facts, node.value, depth - 1)
    return False


def _is_split_part(facts: Facts, node: ast.Name) -> bool:
    """One of the names that a shuffled split was unpacked into, of a frame."""
    for call in facts.names.calls:
        if facts.names.called(call) != "sklearn.model_selection.train_test_split" or not call.args:
            continue
        up = facts.names.parent(call)
        if isinstance(up, ast.Assign) and isinstance(up.targets[0], ast.Tuple) and is_frame(facts, call.args[0]):
            names = [written(item) for item in up.targets[0].elts]
            if node.id in names[:2]:
                return True
    return False


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="da_frames")
