"""Steps or models that were fitted on rows held out for judging."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.learners import kind_of
from modelwright.checks.code.flow.machine import hint_of
from modelwright.checks.code.flow.values import Fit
from modelwright.checks.code.library.learners import LEARNING
from modelwright.checks.code.nouns import CodeFinding, Confidence, Edit, Fix, RuleInfo, Step
from modelwright.checks.code.proofs import short, sinks, step
from modelwright.checks.code.rules._leak_examples import TESTED
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV201",
        name="fitted-on-test-rows",
        severity=Severity.HIGH,
        why="Test rows must only be transformed and predicted: a step fitted on them moves them to a "
        "scale of their own, "
        "and a model fitted on them has seen the answers.",
        fix="call transform (not fit_transform) on the test rows, with the step that was fitted on the training rows",
        source="scikit-learn, Common pitfalls, inconsistent preprocessing",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told: set[ast.AST] = set()
    for fit in facts.flow.fits:
        if fit.node in told or not fit.rows or not _is_test(fit):
            continue
        kind = kind_of(fit.est)
        learning = kind in LEARNING or kind in {"pipeline_of_steps", "custom"}
        twin = _twin(facts, fit)
        if (
            learning and not _allowed_step(fit, kind) and (twin is not None or _by_split(fit)) and _used(facts, fit)
        ) or (kind in {"model", "meta", "search", "pipeline", "net"} and _model(facts, fit, twin)):
            told.add(fit.node)
            yield _found(facts, fit, twin)


def _is_test(fit: Fit) -> bool:
    """Held out by a split's test side or by the name of its file, and not called validation."""
    written = fit.node.args[0] if isinstance(fit.node, ast.Call) and fit.node.args else None
    name = ast.unparse(written) if written is not None else ""
    if hint_of(name) == "valid" and fit.how != "step":
        return False
    return (
        algebra.is_test(fit.rows)
        and all(
            part.root.hint == "test" or any(piece.side == "test" and piece.how != "fold" for piece in part.path)
            for part in fit.rows
        )
        and "calib" not in name.lower()
    )


def _by_split(fit: Fit) -> bool:
    return any(piece.side == "test" for piece in algebra.cuts(fit.rows))


def _allowed_step(fit: Fit, kind: str) -> bool:
    """A label encoder of the test targets, or an encoder of one column, learns little; clusters are a result."""
    return (kind == "encoder" and fit.x.target) or kind in {"cluster"} or fit.cls.startswith("sklearn.manifold")


def _twin(facts: Facts, fit: Fit) -> Fit | None:
    """The same step fitted on other rows before."""
    for other in facts.flow.fits:
        if other.order >= fit.order or other.cls != fit.cls or not algebra.apart(other.rows, fit.rows):
            continue
        if other.est.serial == fit.est.serial or other.x.column == fit.x.column or not other.x.column:
            return other
    return None


def _used(facts: Facts, fit: Fit) -> bool:
    return any(sink.order > fit.order for sink in sinks(facts.flow)) or _twin(facts, fit) is not None


def _model(facts: Facts, fit: Fit, twin: Fit | None) -> bool:
    """A model fitted on the test part, while a training part was there."""
    if not _by_split(fit):
        return False
    if "Calibrat" in fit.cls:  # a part of its own may calibrate; not the one that then judges
        judged = (sink for sink in sinks(facts.flow) if sink.fit is fit and sink.judge is not None)
        return any(algebra.covers(fit.rows, sink.rows) for sink in judged)
    trained = any(algebra.apart(other.rows, fit.rows) and other.how != "step" for other in facts.flow.fits)
    asked = any(sink.fit is fit for sink in sinks(facts.flow))
    return trained and (asked or twin is not None)


def _found(facts: Facts, fit: Fit, twin: Fit | None) -> CodeFinding:
    steps: list[Step] = []
    if twin is not None:
        steps.append(step(facts, "fitted on training rows here", twin.node))
    steps.append(step(facts, "fitted again on test rows here", fit.node))
    later = next((sink for sink in sinks(facts.flow) if sink.order > fit.order), None)
    if later is not None and later.node is not fit.node:
        steps.append(step(facts, "judged here", later.node))
    what = fit.cls.rpartition(".")[2] or "An object"
    message = f"{what} is fitted on test rows ({short(fit.node)}); they should only be transformed or predicted."
    return finding(
        facts,
        "EV201",
        fit.node,
        message,
        Confidence.PROVED if _by_split(fit) else Confidence.LIKELY,
        steps=tuple(steps),
        fix=_fix(facts, fit, twin),
    )


def _fix(facts: Facts, fit: Fit, twin: Fit | None) -> Fix | None:
    """`fit_transform` becomes `transform` where the same object was fitted on the training rows."""
    node = fit.node
    if twin is None or twin.est.serial != fit.est.serial or not isinstance(node, ast.Call):
        return None
    func = node.func
    if not isinstance(func, ast.Attribute) or func.attr != "fit_transform" or func.end_lineno is None:
        return None
    place = facts.source.place(func)
    end = place.end_column or 0
    edit = Edit(
        line=place.end_line or 1,
        column=end - len("fit_transform"),
        end_line=place.end_line or 1,
        end_column=end,
        text="transform",
        cell=place.cell,
    )
    return Fix(edits=(edit,), safe=True, text="transform the test rows with what was learned from the training rows")


PLUGIN: Rule = RuleFile(infos=INFOS, examples=TESTED, run=_run)
