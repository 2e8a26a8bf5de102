"""Choices on the test rows without a loop over settings: trained again until it looks good, settled by eye."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from modelwright.checks.code.facts import Facts, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.values import Fit, Judge
from modelwright.checks.code.nouns import CodeFinding, Confidence
from modelwright.checks.code.proofs import short, step
from modelwright.core.nouns import Severity


def head(node: ast.AST) -> ast.AST:
    """The line that says what a loop or a branch is about."""
    return getattr(node, "iter", None) or (node.test if isinstance(node, ast.If | ast.While) else node)


def made_in(facts: Facts, judge: Judge, loop: ast.AST) -> bool:
    """Were the rows split anew in each pass? Then it is repeated hold-out, not choice."""
    keys = {piece.key for piece in algebra.cuts(judge.rows)}
    return any(split.key in keys and loop in split.loops for split in facts.flow.splits)


def again(facts: Facts, judge: Judge) -> CodeFinding | None:
    """Trained anew until the test score is good, or once more because it was not."""
    fit, read_at = judge.fit, judge.read_at
    if fit is None or fit.how == "backward" or "chosen" not in judge.read:
        return None
    if not isinstance(read_at, ast.If | ast.While):
        return None
    loop = next((loop for loop in judge.loops if loop in fit.loops and not made_in(facts, judge, loop)), None)
    inside = [loop for loop in (loop, read_at) if loop is not None]
    if loop is not None and (read_at is loop or _keeps(read_at)) and _within(loop, read_at):
        said = f"The model is trained again until its score on the test rows is good ({short(judge.node)})."
    elif loop is None and _refitted(facts, judge, read_at):
        said = f"The score on the test rows decides to train again, and the same rows judge that ({short(judge.node)})."
    else:
        return None
    steps = (
        step(facts, "trained here", fit.node),
        step(facts, "judged on test rows here", judge.node),
        step(facts, "decided here", head(inside[-1])),
    )
    return finding(facts, "EV202", judge.node, said, Confidence.PROVED, severity=Severity.MEDIUM, steps=steps)


def _within(loop: ast.AST, node: ast.AST) -> bool:
    return any(part is node for part in ast.walk(loop))


def _keeps(node: ast.If | ast.While) -> bool:
    """Does the branch leave the loop, or keep the figure that was better?"""
    names = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
    for statement in node.body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Break):
                return True
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id in names:
                return True
    return False


def _refitted(facts: Facts, judge: Judge, branch: ast.AST) -> bool:
    """Is a model fitted in the branch, and judged on the same rows afterwards?"""
    inside = set(ast.walk(branch))
    later = [fit for fit in facts.flow.fits if fit.node in inside and fit.how != "step" and fit.order > judge.order]
    return any(other.fit in later and other.rows == judge.rows for other in facts.flow.judges)


def settled_by_eye(facts: Facts, tested: Callable[[Facts, Judge], bool]) -> Iterator[CodeFinding]:
    """A loop prints the test score of each setting, and a literal setting is then judged on the same rows."""
    for judge in facts.flow.judges:
        fit = judge.fit
        if fit is None or not fit.cls or "shown" not in judge.read or judge.how in {"cv", "search"}:
            continue
        loops = [loop for loop in judge.loops if loop in fit.knobs and not made_in(facts, judge, loop)]
        knobs = _set_by(fit, loops[0]) if loops and tested(facts, judge) else set()
        if not knobs:
            continue
        for other in facts.flow.judges:
            last = other.fit
            if last is None or other.order < judge.order or last.loops or other.rows != judge.rows or last is fit:
                continue
            if last.cls == fit.cls and any(_literal(last, name) for name in knobs):
                yield _by_eye(facts, loops[0], judge, last, other)
                return


def _set_by(fit: Fit, loop: ast.AST) -> set[str]:
    return {name for name, value in (fit.est.params or {}).items() if loop in value.loops}


def _literal(fit: Fit, name: str) -> bool:
    """Is the same setting written as a number, by name or by place?"""
    node = fit.est.node
    if not isinstance(node, ast.Call):
        return False
    given = next((part.value for part in node.keywords if part.arg == name), None)
    if given is None and name.isdigit() and int(name) < len(node.args):
        given = node.args[int(name)]
    return isinstance(given, ast.Constant) and isinstance(given.value, int | float)


def _by_eye(facts: Facts, loop: ast.AST, judge: Judge, last: Fit, other: Judge) -> CodeFinding:
    message = f"Settings are printed with their score on the test rows, and one is then taken ({short(last.node)})."
    steps = (
        step(facts, "settings tried here", head(loop)),
        step(facts, "judged on test rows here", judge.node),
        step(facts, "one of them trained here", last.node),
        step(facts, "judged on the same rows here", other.node),
    )
    return finding(facts, "EV202", judge.node, message, Confidence.LIKELY, severity=Severity.MEDIUM, steps=steps)
