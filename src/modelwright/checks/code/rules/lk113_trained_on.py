"""Rows are judged that the model was trained on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.values import Fit
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo, Step
from modelwright.checks.code.proofs import Sink, held_out, short, sinks, split_of, step, trained_on
from modelwright.checks.code.rules._leak_examples import TRAINED
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK113",
        name="judged-rows-were-trained-on",
        severity=Severity.CRITICAL,
        why="The held-out rows were part of what the model was fitted on, so nothing is held out.",
        fix="keep one split, and fit on its training part only",
        source="Kaufman et al. 2012; Kapoor and Narayanan 2023, L1.1",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told: set[object] = set()
    for sink, fit in trained_on(facts.flow):
        if fit.node in told or _before(facts, sink, fit):
            continue
        told.add(fit.node)
        message = f"The model judged here was fitted on these rows too ({short(fit.node)})."
        yield finding(facts, "LK113", sink.node, message, Confidence.PROVED, steps=_way(facts, sink, fit))
    yield from _across_folds(facts)


def _across_folds(facts: Facts) -> Iterator[CodeFinding]:
    """A net made before the loop over folds goes on training where the last fold left it."""
    told: set[object] = set()
    for sink in sinks(facts.flow):
        fit = sink.fit
        if fit is None or sink.judge is None or fit.est.node in told or not _keeps_training(fit):
            continue
        pieces = algebra.cuts(fit.rows) & algebra.cuts(fit.before.rows if fit.before is not None else frozenset())
        if not any(piece.how == "fold" for piece in pieces) or not held_out(facts.flow, sink):
            continue
        loop = next((loop for loop in fit.loops if isinstance(loop, ast.For) and _splits(facts, loop, fit)), None)
        if loop is None or _starts_afresh(loop, fit):
            continue
        told.add(fit.est.node)
        message = f"The net is not built anew for each fold, so it has trained on the rows judged ({short(fit.node)})."
        made = (step(facts, "built once here", fit.est.node),) if fit.est.node is not None else ()
        steps = (*made, step(facts, "trained here", fit.node), step(facts, "judged here", sink.node))
        yield finding(facts, "LK113", fit.node, message, Confidence.PROVED, steps=steps)


def _keeps_training(fit: Fit) -> bool:
    """Does a second fit go on from the first? True of nets only."""
    return fit.est.kind == "module" or fit.how == "backward" or fit.cls.startswith(("keras.models", "keras.Sequential"))


def _splits(facts: Facts, loop: ast.For, fit: Fit) -> bool:
    keys = {piece.key for piece in algebra.cuts(fit.rows) if piece.how == "fold"}
    inside = set(ast.walk(loop.iter))
    named = {part.id for part in inside if isinstance(part, ast.Name)}
    return any(
        split.key in keys and (split.node in inside or named & _bound(facts, split.node)) for split in facts.flow.splits
    )


def _bound(facts: Facts, node: ast.AST) -> set[str]:
    """Names that hold the folds: `folds = list(kf.split(X))`."""
    up: ast.AST | None = node
    for _ in range(3):
        up = facts.names.parent(up) if up is not None else None
        if isinstance(up, ast.Assign):
            return {part.id for part in up.targets if isinstance(part, ast.Name)}
    return set()


_AFRESH = ("reset", "init", "load", "set_weights", "clone", "deepcopy", "build", "create", "make", "get", "apply")


def _starts_afresh(loop: ast.For, fit: Fit) -> bool:
    """Is the net made, cloned or reset in the loop, by whatever name?"""
    if fit.est.node is not None and any(part is fit.est.node for part in ast.walk(loop)):
        return True
    for part in ast.walk(loop):
        if isinstance(part, ast.Call):
            name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if any(word in name.lower() for word in _AFRESH):
                return True
    return False


def _before(facts: Facts, sink: Sink, fit: Fit) -> bool:
    """A prediction for show only, while the figure was taken from a model that had not seen the rows."""
    return (
        sink.how == "predict"
        and sink.judge is None
        and any(judge.order < fit.order and judge.rows == sink.rows for judge in facts.flow.judges)
    )


def _way(facts: Facts, sink: Sink, fit: Fit) -> tuple[Step, ...]:
    keys = {piece.key for part in sink.rows for piece in part.path}
    split = split_of(facts.flow, fit.rows, sink.rows, sink.rows)
    steps = [step(facts, "trained here", fit.node)]
    if split is not None and split.key in keys:
        steps.append(step(facts, "split here", split.node))
    return (*steps, step(facts, "judged here", sink.node))


PLUGIN: Rule = RuleFile(infos=INFOS, examples=TRAINED, run=_run)
