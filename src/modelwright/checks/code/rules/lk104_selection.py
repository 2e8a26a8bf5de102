"""Choices of columns or settings that were made with rows which are judged later."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import Leak, leaks, short, step, way
from modelwright.checks.code.rules._leak_examples import CHOICES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK104",
        name="selected-before-split",
        severity=Severity.CRITICAL,
        why="Columns chosen by their relation to the target over all rows fit the judged rows' answers; on pure noise "
        "this alone gives good scores.",
        fix="put the selector into the Pipeline, so that each fold chooses for itself",
        source="Ambroise and McLachlan 2002; Hastie, Tibshirani, Friedman, section 7.10.2",
    ),
    RuleInfo(
        code="LK114",
        name="searched-on-judged-rows",
        severity=Severity.HIGH,
        why="Settings found by a search over all rows were chosen with the rows that are judged afterwards.",
        fix="search on the training rows, or use nested cross-validation",
        source="Cawley and Talbot 2010; scikit-learn, Nested versus non-nested cross-validation",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told = False
    for leak in leaks(facts.flow):
        if leak.learn.kind == "selector" and leak.learn.supervised:
            told = True
            yield _found(facts, leak, "LK104", "Columns were chosen by the target over rows that are judged later")
        elif leak.learn.kind == "search" and leak.way == "split":
            yield _found(facts, leak, "LK114", "The settings were searched on rows that are judged later")
    if not told:
        yield from _pasted(facts)


def _found(facts: Facts, leak: Leak, code: str, said: str) -> CodeFinding:
    message = f"{said} ({short(leak.sink.node)})."
    return finding(facts, code, leak.learn.node, message, Confidence.PROVED, steps=way(facts, leak))


def _pasted(facts: Facts) -> Iterator[CodeFinding]:
    """A selector fitted on all rows, and right after it a list of columns written out by hand."""
    flow = facts.flow
    for fit in flow.fits:
        if (
            fit.how != "step"
            or not fit.cls.startswith("sklearn.feature_selection.")
            or fit.cls.endswith("VarianceThreshold")
        ):
            continue
        if fit.node in {use.fit.node for use in flow.uses if use.fit is not None}:
            continue
        listed = _list_after(facts, fit.node)
        if listed is None:
            continue
        for judge in flow.judges:
            if (
                judge.order > fit.order
                and judge.rows
                and algebra.covers(fit.rows, judge.rows)
                and judge.rows != fit.rows
            ):
                said = "A selector was fitted on rows that are judged later, and its columns were written out by hand."
                steps = (
                    step(facts, "learned here", fit.node),
                    step(facts, "written out here", listed),
                    step(facts, "judged here", judge.node),
                )
                yield finding(facts, "LK104", fit.node, said, Confidence.LIKELY, severity=Severity.HIGH, steps=steps)
                break


def _list_after(facts: Facts, node: ast.AST) -> ast.AST | None:
    """`cols = ['a', 'b', ...]` within thirty lines below."""
    line = getattr(node, "lineno", 0)
    for assign in facts.names.nodes(ast.Assign):
        if not (line < assign.lineno <= line + 30 and isinstance(assign.value, ast.List)):
            continue
        written = [part.value for part in assign.value.elts if isinstance(part, ast.Constant)]
        if len(written) >= 3 and len(written) == len(assign.value.elts) and all(isinstance(x, str) for x in written):
            return assign
    return None


PLUGIN: Rule = RuleFile(infos=INFOS, examples=CHOICES, run=_run)
