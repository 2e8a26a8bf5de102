"""Nothing is held out, or what is held out is folded again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import Flow
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.learners import kind_of
from modelwright.checks.code.flow.rows import Rows
from modelwright.checks.code.nouns import CodeFinding, Confidence, Role, RuleInfo
from modelwright.checks.code.proofs import Sink, held_out, short, sinks, step
from modelwright.checks.code.rules._ev205_holdout_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV205",
        name="only-training-rows-judged",
        severity=Severity.CRITICAL,
        why="A score on the rows a model was fitted on says how well it remembers, not how well it predicts.",
        fix="hold rows out (train_test_split) or cross-validate",
        source="Hastie, Tibshirani, Friedman, section 7.2",
    ),
    RuleInfo(
        code="EV207",
        name="folds-of-the-test-part",
        severity=Severity.MEDIUM,
        why="Cross-validation on the test part fits new models on test rows; it does not judge the model you trained.",
        fix="cross-validate on the training part, and score the test part once",
        source="scikit-learn, Cross-validation",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    yield from _nothing_held_out(facts)
    yield from _not_judged(facts)
    for judge in facts.flow.judges:
        if judge.how not in {"cv", "search"} or not judge.rows:
            continue
        cuts = algebra.cuts(judge.rows)
        aside = any(piece.how == "split" and piece.side == "test" for piece in cuts) and _trained(facts, judge.rows)
        if aside or _judges_another(facts, judge.rows):
            message = f"The test part is cross-validated ({short(judge.node)})."
            yield finding(
                facts, "EV207", judge.node, message, Confidence.PROVED, steps=(step(facts, "folded here", judge.node),)
            )


def _judges_another(facts: Facts, rows: Rows) -> bool:
    """Are these very rows, the later end of an order, what a model of the earlier ones is judged on?"""
    if not any(piece.how == "slice" for piece in algebra.cuts(rows)):
        return False
    found = (sink for sink in sinks(facts.flow) if sink.judge is not None and sink.rows == rows)
    return any(held_out(facts.flow, sink) for sink in found)


def _not_judged(facts: Facts) -> Iterator[CodeFinding]:
    """Something is fitted and judged, and it cannot be told on which rows: said once, never counted as clean."""
    flow = facts.flow
    if facts.role in {Role.LIBRARY, Role.TEST}:
        return
    judged = [sink for sink in sinks(flow) if sink.judge is not None]
    if not flow.complete:
        node = facts.source.tree.body[0] if facts.source.tree.body else facts.source.tree
        said = f"The flow of this file was not followed to its end ({flow.trouble}); leaks could not be judged."
        yield finding(facts, "EV205", node, said, Confidence.LIKELY, severity=Severity.LOW, undecided=True)
    elif judged and not any(_decided(flow, sink) for sink in judged):
        said = f"It could not be told which rows are judged here ({short(judged[0].node)})."
        yield finding(facts, "EV205", judged[0].node, said, Confidence.LIKELY, severity=Severity.LOW, undecided=True)
    elif not judged and not flow.predicts and flow.fits:
        call = next((node for node in flow.machine.odd if _takes_model(flow, node)), None)
        if call is not None:
            said = (
                f"A fitted model goes into something that is not known here ({short(call)}); nothing could be judged."
            )
            yield finding(facts, "EV205", call, said, Confidence.LIKELY, severity=Severity.LOW, undecided=True)


def _takes_model(flow: Flow, node: ast.AST) -> bool:
    """`evaluate(model, X_test, y_test)` of a file that is not seen."""
    given = [*node.args, *(part.value for part in node.keywords)] if isinstance(node, ast.Call) else []
    kinds = {value.kind for part in given if (value := flow.value(part)) is not None}
    return bool(kinds & {"estimator", "module"})


def _decided(flow: Flow, sink: Sink) -> bool:
    if sink.how in {"cv", "search"}:
        return bool(sink.rows)
    return (
        sink.fit is not None and bool(sink.rows) and (held_out(flow, sink) or algebra.covers(sink.fit.rows, sink.rows))
    )


def _trained(facts: Facts, rows: algebra.Rows) -> bool:
    return any(algebra.apart(fit.rows, rows) for fit in facts.flow.fits)


def _nothing_held_out(facts: Facts) -> Iterator[CodeFinding]:
    flow = facts.flow
    if facts.role in {Role.LIBRARY, Role.TEST} or any(
        split.how in {"train_test_split", "fold", "random_split"} for split in flow.splits
    ):
        return
    own = None
    for sink in sinks(flow):
        if sink.how in {"cv", "search"} or (sink.judge is not None and held_out(flow, sink)):
            return
        if sink.fit is not None and sink.fit.watched is not None and sink.fit.watched.rows != sink.fit.rows:
            return
        if sink.judge is None or sink.fit is None or not sink.rows or sink.fit.how == "backward":
            continue
        if sink.rows == sink.fit.rows and kind_of(sink.fit.est) in {"model", "pipeline", "net", "meta"} and own is None:
            own = sink
    if own is None or own.fit is None or not own.judge or own.judge.how == "evaluate":
        return
    if any(
        part.root.kind in {"parameter", "toy", "random"} or part.root.hint in algebra.TEST_SIDES for part in own.rows
    ) or algebra.cuts(own.rows):
        return  # a demonstration, a function's own rows, or a part of something
    read = all(part.root.kind == "read" for part in own.rows)
    steps = (step(facts, "trained here", own.fit.node), step(facts, "judged here", own.node))
    message = f"Only training rows are judged ({short(own.node)}); no row of this file is held out."
    yield finding(
        facts,
        "EV205",
        own.node,
        message,
        Confidence.PROVED if read else Confidence.LIKELY,
        severity=None if read else Severity.LOW,
        steps=steps,
    )


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
