"""Rewrites a person should judge: a step fitted before the split moves below it, fitted on the training rows only."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelwright.checks.code.finding_models import Reported
from modelwright.checks.code.nouns import Edit, Fix, Source

#: leaks that are mended by moving the step
MOVABLE = frozenset({"LK101", "LK103", "LK104", "LK106"})
_NEW_NAME = "step"


@dataclass(frozen=True, slots=True)
class _Scene:
    learn: ast.Assign
    call: ast.Call  # of fit_transform or fit_resample
    split: ast.Assign
    parts: list[str]
    inputs: list[str]


def moved_below_the_split(found: Reported, source: Source) -> Fix | None:
    """The rewrite, or None where the code is not as simple as `X = step.fit_transform(X)` and a later split of `X`."""
    if found.code not in MOVABLE:
        return None
    place = found.finding.place
    line = place.line + next((cell.first - 1 for cell in source.cells if cell.number == place.cell), 0)
    scene = next((scene for body in _bodies(source.tree) if (scene := _scene(body, line)) is not None), None)
    if scene is None:
        return None
    method = scene.call.func
    assert isinstance(method, ast.Attribute)
    if method.attr == "fit_resample":
        before, after = _resampled(scene)
    else:
        before, after = _transformed(scene, method, _names(source.tree))
    if not after:
        return None
    indent = "\n" + " " * scene.split.col_offset
    edits = (
        *_replaced(source, scene.learn, before),
        _inserted(source, scene.split, "".join(indent + a for a in after)),
    )
    return Fix(edits=edits, safe=False, text="fit it below the split, on the training rows only")


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                yield body


def _scene(body: Sequence[ast.stmt], line: int) -> _Scene | None:
    for at, statement in enumerate(body):
        if not isinstance(statement, ast.Assign) or not statement.lineno <= line <= (statement.end_lineno or 0):
            continue
        call = statement.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and len(statement.targets) == 1):
            return None
        written = _flat(statement.targets[0])
        if call.func.attr not in ("fit_transform", "fit_resample") or not written:
            return None
        for later in body[at + 1 :]:
            split = _split(later)
            if split is not None and split[1][:1] == written[:1]:
                assert isinstance(later, ast.Assign)
                return _Scene(statement, call, later, *split)
            if {node.id for node in ast.walk(later) if isinstance(node, ast.Name)} & set(written):
                return None  # used in between
    return None


def _split(statement: ast.stmt) -> tuple[list[str], list[str]] | None:
    if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):
        return None
    call = statement.value
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    parts, inputs = _flat(statement.targets[0]), [ast.unparse(each) for each in call.args]
    simple = name == "train_test_split" and len(statement.targets) == 1 and len(parts) == 2 * len(inputs) > 0
    return (parts, inputs) if simple else None


def _flat(target: ast.expr) -> list[str]:
    """The names of `a` or `a, b`; nothing where there is anything else."""
    each = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    names = [one.id for one in each if isinstance(one, ast.Name)]
    return names if len(names) == len(each) else []


def _transformed(scene: _Scene, method: ast.Attribute, taken: set[str]) -> tuple[str, list[str]]:
    """What stands in the old place, and the lines below the split."""
    target = scene.learn.targets[0]
    if not isinstance(target, ast.Name) or not 1 <= len(scene.call.args) <= 2 or scene.call.keywords:
        return "", []
    first = ast.unparse(scene.call.args[0])
    lines = [] if first == target.id else [f"{target.id} = {first}"]
    if isinstance(method.value, ast.Name):
        step = method.value.id
    else:
        step = next(name for name in (_NEW_NAME, *(f"{_NEW_NAME}_{n}" for n in range(2, 99))) if name not in taken)
        lines.append(f"{step} = {ast.unparse(method.value)}")
    train, test = scene.parts[:2]
    also = ""
    if len(scene.call.args) == 2:
        label = ast.unparse(scene.call.args[1])
        if label not in scene.inputs:
            return "", []
        also = f", {scene.parts[2 * scene.inputs.index(label)]}"
    indent = "\n" + " " * scene.learn.col_offset
    below = [f"{train} = {step}.fit_transform({train}{also})", f"{test} = {step}.transform({test})"]
    return indent.join(lines), below


def _resampled(scene: _Scene) -> tuple[str, list[str]]:
    written = _flat(scene.learn.targets[0])
    given = [ast.unparse(each) for each in scene.call.args]
    if scene.call.keywords or len(written) != len(given) or any(name not in scene.inputs for name in written):
        return "", []
    trains = ", ".join(scene.parts[2 * scene.inputs.index(name)] for name in written)
    before = "" if written == given else f"{', '.join(written)} = {', '.join(given)}"
    return before, [f"{trains} = {ast.unparse(scene.call.func)}({trains})"]


def _names(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _replaced(source: Source, node: ast.stmt, text: str) -> tuple[Edit, ...]:
    place = source.place(node)
    assert place.end_line is not None
    assert place.end_column is not None
    alone = source.text.split("\n")[(node.end_lineno or 1) - 1].encode()[node.end_col_offset or 0 :].strip() == b""
    if not text and not (alone and node.col_offset == 0):
        text = "pass"  # nothing may be left of a block
    if text:
        return (_edit(place.line, place.column, place.end_line, place.end_column, text, place.cell),)
    last = source.cell_at(node.lineno)
    ends = last is not None and place.end_line >= len(last.text.split("\n"))
    if ends or place.end_line >= len(source.text.split("\n")):
        return (_edit(place.line, place.column, place.end_line, place.end_column, "", place.cell),)
    return (_edit(place.line, 1, place.end_line + 1, 1, "", place.cell),)


def _inserted(source: Source, node: ast.stmt, text: str) -> Edit:
    place = source.place(node)
    assert place.end_line is not None
    assert place.end_column is not None
    return _edit(place.end_line, place.end_column, place.end_line, place.end_column, text, place.cell)


def _edit(line: int, column: int, end_line: int, end_column: int, text: str, cell: int | None) -> Edit:
    return Edit(line=line, column=column, end_line=end_line, end_column=end_column, text=text, cell=cell)
