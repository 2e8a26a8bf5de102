"""The wrong object is asked, or one that was built is never used."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.library import role
from modelwright.checks.code.library.learners import SPLITTERS
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.checks.code.proofs import short, step
from modelwright.checks.code.rules._ev214_wrong_object_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV214",
        name="older-prediction-reported",
        severity=Severity.HIGH,
        why="The report that follows a new model shows the figures of an older one.",
        fix="pass the prediction of the model you mean",
        source="Zhang et al. 2022, code smells for machine learning",
    ),
    RuleInfo(
        code="EV215",
        name="splitter-built-and-not-passed",
        severity=Severity.MEDIUM,
        why="A splitter or scorer that is built and never passed leaves the default in place: the "
        "folds are not the ones meant.",
        fix="pass it: cross_val_score(..., cv=cv, scoring=scorer)",
        source="scikit-learn, The scoring parameter",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    yield from _older(facts)
    if facts.role is not Role.LIBRARY:
        yield from _unused(facts)


def _older(facts: Facts) -> Iterator[CodeFinding]:
    """A new prediction is made and not read; the same metric is then asked about an older one again."""
    flow = facts.flow
    told: set[ast.AST] = set()
    for new in flow.predicts:
        if (
            new.how in {"cv", "score", "call"}
            or new.loops
            or new.fit is None
            or not _named(facts, new.node)
            or _is_read(facts, new.node)
        ):
            continue
        for judge in flow.judges:
            if judge.how != "metric" or judge.order < new.order or judge.loops or not judge.preds or judge.node in told:
                continue
            old = judge.preds[0]
            again = any(one.name == judge.name and old in one.preds and one.order < new.order for one in flow.judges)
            if old.order < new.order and old.rows == new.rows and old.est.serial != new.est.serial and again:
                told.add(judge.node)
                message = (
                    f"The figure after {short(new.node)} is computed from an older prediction ({short(old.node)})."
                )
                steps = (
                    step(facts, "older prediction", old.node),
                    step(facts, "newer prediction, never read", new.node),
                    step(facts, "judged here", judge.node),
                )
                yield finding(facts, "EV214", judge.node, message, Confidence.PROVED, steps=steps)
                break


def _named(facts: Facts, node: ast.AST) -> str:
    """The name that a prediction is assigned to."""
    up = facts.names.parent(node)
    if isinstance(up, ast.Assign) and len(up.targets) == 1 and isinstance(up.targets[0], ast.Name):
        return up.targets[0].id
    return ""


def _is_read(facts: Facts, node: ast.AST) -> bool:
    name, line = _named(facts, node), getattr(node, "lineno", 0)
    met = [part for part in facts.names.nodes(ast.Name) if part.id == name and part.lineno > line]
    until = min((part.lineno for part in met if isinstance(part.ctx, ast.Store)), default=10**9)
    return any(isinstance(part.ctx, ast.Load) and part.lineno <= until for part in met)


def _unused(facts: Facts) -> Iterator[CodeFinding]:
    judged = [judge for judge in facts.flow.judges if judge.how in {"cv", "search"}]
    if not judged:
        return
    loaded = {part.id for part in facts.names.nodes(ast.Name) if isinstance(part.ctx, ast.Load)}
    for assign in facts.names.nodes(ast.Assign):
        target = assign.targets[0]
        made = facts.names.called(assign.value) or ""
        if not isinstance(target, ast.Name) or target.id in loaded or facts.names.function(assign) is not None:
            continue
        splitter = role(made) in SPLITTERS
        if splitter or made == "sklearn.metrics.make_scorer":
            later = next((judge for judge in judged if getattr(judge.node, "lineno", 0) > assign.lineno), None)
            if later is None or ("cv" if splitter else "scoring") in later.keywords:
                continue
            message = f"'{target.id}' is built and never passed ({short(later.node)} uses its default)."
            yield finding(
                facts,
                "EV215",
                assign,
                message,
                Confidence.PROVED,
                steps=(step(facts, "built here", assign), step(facts, "not passed here", later.node)),
            )


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
