"""What early stopping and checkpoints watch."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.machine import hint_of
from modelwright.checks.code.flow.values import Fit, Judge, Value
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import short, sinks, step
from modelwright.checks.code.rules._ev203_watching_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV203",
        name="stopped-by-the-reported-rows",
        severity=Severity.HIGH,
        why="Early stopping and checkpoints choose the epoch that looks best on the rows they watch; "
        "reporting those rows "
        "reports the choice.",
        fix="cut a validation part out of the training rows and let early stopping watch that",
        source="Prechelt 1998, Early stopping, but when?; Keras, EarlyStopping",
    ),
    RuleInfo(
        code="EV206",
        name="stopped-by-the-training-rows",
        severity=Severity.HIGH,
        why="The loss on the training rows falls as long as training lasts, so stopping by it never "
        "prevents overfitting.",
        fix="hand a validation part over as the last evaluation set",
        source="XGBoost and LightGBM documentation, early stopping",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told: set[ast.AST] = set()
    for fit in facts.flow.fits:
        if fit.watched is None or not fit.stops or fit.node in told or not fit.watched.rows:
            continue
        told.add(fit.node)
        if fit.watched.rows == fit.rows and all(
            part.root.hint or part.root.kind not in {"parameter", "unknown"} for part in fit.rows
        ):
            message = f"Early stopping watches the training rows themselves ({short(fit.node)})."
            yield finding(
                facts, "EV206", fit.node, message, Confidence.PROVED, steps=(step(facts, "watched here", fit.node),)
            )
            continue
        yield from _reported(facts, fit)
    yield from _by_hand(facts, told)
    yield from _best_of_history(facts, told)


def _reported(facts: Facts, fit: Fit) -> Iterator[CodeFinding]:
    assert fit.watched is not None
    if any(piece.how == "fold" for piece in algebra.cuts(fit.watched.rows)):
        return
    others = [
        sink
        for sink in sinks(facts.flow)
        if sink.fit is fit and algebra.apart(fit.watched.rows, sink.rows) and sink.rows != fit.rows
    ]
    if others and any(sink.judge is not None for sink in others):
        return
    if _cut_for_choosing(facts, fit.watched):
        return
    for sink in sinks(facts.flow):
        if sink.fit is fit and sink.rows and algebra.covers(fit.watched.rows, sink.rows):
            message = f"Early stopping watches the rows that are reported ({short(sink.node)})."
            steps = (step(facts, "watched here", fit.node), step(facts, "judged here", sink.node))
            yield finding(facts, "EV203", fit.node, message, Confidence.PROVED, steps=steps)
            return
    if _is_named_test(fit.watched) and not any(sink.fit is fit for sink in sinks(facts.flow)):
        message = f"Early stopping watches the test rows, and its log is all that judges ({short(fit.node)})."
        only = (step(facts, "watched here", fit.node),)
        yield finding(facts, "EV203", fit.node, message, Confidence.LIKELY, severity=Severity.LOW, steps=only)


def _is_named_test(x: Value) -> bool:
    """Are these rows set aside as the test, and not for choosing?"""
    sides = {piece.side for piece in algebra.cuts(x.rows) if isinstance(piece.side, str)}
    hints = {part.root.hint for part in x.rows}
    return algebra.is_test(x.rows) and "valid" not in sides | hints and "train" not in sides


def _by_hand(facts: Facts, told: set[ast.AST]) -> Iterator[CodeFinding]:
    """A hand-written loop that keeps the weights of the epoch that looks best on the test rows."""
    for judge in facts.flow.judges:
        fit = judge.fit
        if judge.node in told or "chosen" not in judge.read:
            continue
        if fit is None and judge.est is not None and judge.est.kind == "module":  # trained by whoever calls
            named = algebra.is_test(judge.rows) and not any(part.root.hint == "valid" for part in judge.rows)
            if named and not _has_other(facts, judge) and _keeps_weights(judge.read_at):
                told.add(judge.node)
                yield _kept_by_test(facts, judge)
            continue
        if fit is None or fit.how != "backward" or not judge.loops:
            continue
        if not algebra.apart(fit.rows, judge.rows) or _has_other(facts, judge):
            continue
        if not algebra.is_test(judge.rows) or any(piece.side == "valid" for piece in algebra.cuts(judge.rows)):
            continue
        if not _keeps_weights(judge.read_at):
            continue
        told.add(judge.node)
        yield _kept_by_test(facts, judge)


def _kept_by_test(facts: Facts, judge: Judge) -> CodeFinding:
    message = f"The epoch is chosen by the test rows ({short(judge.node)})."
    steps = [step(facts, "judged on test rows here", judge.node)]
    if judge.fit is not None:
        steps.insert(0, step(facts, "trained here", judge.fit.node))
    if judge.read_at is not None:
        steps.append(step(facts, "chosen here", getattr(judge.read_at, "test", judge.read_at)))
    return finding(facts, "EV203", judge.node, message, Confidence.LIKELY, steps=tuple(steps))


def _has_other(facts: Facts, judge: Judge) -> bool:
    """Are yet other rows judged at the end?"""
    return any(
        sink.rows
        and algebra.apart(sink.rows, judge.rows)
        and (judge.fit is None or algebra.apart(sink.rows, judge.fit.rows))
        for sink in sinks(facts.flow)
    )


def _cut_for_choosing(facts: Facts, watched: Value) -> bool:
    """Were these rows cut out of a training part whose other side is judged?"""
    outer = {piece.key for piece in algebra.cuts(watched.rows) if piece.side == "train"}
    return any(
        sink.judge is not None and any(p.key in outer and p.side == "test" for p in algebra.cuts(sink.rows))
        for sink in sinks(facts.flow)
    )


_BESTS = frozenset(["max", "min", "argmax", "argmin", "idxmax", "idxmin", "nanmax", "nanmin", "amax", "amin", "index"])


def _best_of_history(facts: Facts, told: set[ast.AST]) -> Iterator[CodeFinding]:
    """`max(history.history["val_accuracy"])` of the test rows: the best epoch is what is told."""
    for node in facts.names.nodes(ast.Subscript):
        key = node.slice
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.startswith("val_")):
            continue
        call = next((up for up in facts.names.parents(node) if isinstance(up, ast.Call | ast.stmt)), None)
        if not isinstance(call, ast.Call) or _last_word(call) not in _BESTS:
            continue
        root = node.value.value if isinstance(node.value, ast.Attribute) else node.value
        known = facts.flow.value(root)
        fit = known.fit if known is not None and known.kind == "estimator_figure" else None
        if fit is None or fit.watched is None or fit.node in told or not _is_named_test(fit.watched):
            continue
        written = next((ast.unparse(part) for part in fit.nodes), "")
        others = any(
            sink.judge is not None and sink.fit is fit and algebra.apart(sink.rows, fit.watched.rows)
            for sink in sinks(facts.flow)
        )
        if others or hint_of(written.strip("()[]").partition(",")[0]) == "valid":
            continue
        told.add(fit.node)
        message = f"The epoch that looks best on the test rows is what is told or kept ({short(call)})."
        steps = (step(facts, "watched here", fit.node), step(facts, "the best is taken here", call))
        yield finding(facts, "EV203", call, message, Confidence.LIKELY, severity=Severity.MEDIUM, steps=steps)


def _last_word(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _keeps_weights(node: ast.AST | None) -> bool:
    """Are weights kept, or the best figure alone, which is then told as the score?"""
    if isinstance(node, ast.Call):
        return _last_word(node) in _BESTS
    if not isinstance(node, ast.If):
        return False
    compared = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
    stored = {
        part.id
        for one in node.body
        for part in ast.walk(one)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    if compared & stored:
        return True
    words = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    stops = any(isinstance(part, ast.Break) for part in ast.walk(node))
    return stops or bool(words & {"save", "state_dict", "deepcopy", "save_weights", "save_model", "save_pretrained"})


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
