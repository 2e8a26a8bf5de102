"""A model is asked about rows in another form than it was fitted on; truth and prediction stand on different scales."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.values import Value
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import sinks, step
from modelwright.checks.code.rules._leak_examples import FORMS
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="EV212",
        name="asked-in-another-form",
        severity=Severity.CRITICAL,
        why="The model was fitted on transformed rows and is asked about raw ones (or the reverse), "
        "so its answers mean nothing.",
        fix="apply the same fitted steps to the rows you ask about, best by one Pipeline",
        source="scikit-learn, Common pitfalls, inconsistent preprocessing",
    ),
    RuleInfo(
        code="EV213",
        name="scales-differ",
        severity=Severity.CRITICAL,
        why="The truth and the prediction stand on different scales, so their difference means nothing.",
        fix="bring both back (inverse_transform, expm1) before they are compared, or neither",
        source="scikit-learn, TransformedTargetRegressor",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told: set[ast.AST] = set()
    for sink in sinks(facts.flow):
        fit = sink.fit
        if fit is None or sink.how in {"cv", "search"} or not sink.rows or sink.node in told or fit.node in told:
            continue
        if _differ(fit.x, sink.x) and algebra.roots(fit.rows) & algebra.roots(sink.rows):
            told |= {sink.node, fit.node}
            was, now = _named(fit.x), _named(sink.x)
            message = f"The model was fitted on rows after {was} and is asked about rows after {now}."
            steps = (step(facts, "fitted here", fit.node), step(facts, "asked here", sink.node))
            yield finding(facts, "EV212", sink.node, message, Confidence.PROVED, steps=steps)
    yield from _literal(facts)
    yield from _scales(facts)


#: standardised numbers rarely lie further from nought
_FAR = 8


def _literal(facts: Facts) -> Iterator[CodeFinding]:
    """`model.predict([[170, 65]])` of a model that was fitted on scaled rows."""
    for asked in facts.flow.predicts:
        fit, call = asked.fit, asked.node
        if fit is None or asked.rows or not isinstance(call, ast.Call) or not call.args or not fit.x.exact:
            continue
        scaled = [name for name in _classes(fit.x) if str(name).endswith(("StandardScaler", "MinMaxScaler", "zscore"))]
        if scaled and any(abs(number) > _FAR for number in _numbers(facts, call.args[0])):
            said = f"The model was fitted on rows after {_named(fit.x)} and is asked about rows as they are written."
            steps = (step(facts, "fitted here", fit.node), step(facts, "asked here", call))
            yield finding(facts, "EV212", call, said, Confidence.LIKELY, severity=Severity.MEDIUM, steps=steps)


def _numbers(facts: Facts, node: ast.AST) -> list[float]:
    """The numbers of rows written out: `[[1, 2]]`, `np.array([[1, 2]])`, or a name for one of them."""
    if isinstance(node, ast.Name):
        values = facts.names.values(node.id, facts.names.home(node))
        node = values[0] if len(values) == 1 and values[0] is not None else node
    if isinstance(node, ast.Call) and facts.names.called(node) in {"numpy.array", "numpy.asarray"} and node.args:
        node = node.args[0]
    if not isinstance(node, ast.List) or not all(isinstance(row, ast.List) for row in node.elts):
        return []
    cells = [cell for row in node.elts if isinstance(row, ast.List) for cell in row.elts]
    return [cell.value for cell in cells if isinstance(cell, ast.Constant) and isinstance(cell.value, int | float)]


def _differ(one: Value, two: Value) -> bool:
    if not (one.exact and two.exact) or one.alts or two.alts:
        return False
    a, b = _classes(one), _classes(two)
    return a != b and (not a or not b or a[: len(b)] == b or b[: len(a)] == a)


def _classes(value: Value) -> tuple[Hashable, ...]:
    return tuple(part[1] if isinstance(part, tuple) else part for part in value.steps)


def _named(value: Value) -> str:
    parts = [str(part).rpartition(".")[2] or "a step" for part in _classes(value)]
    return " and ".join(parts) if parts else "no step"


def _scales(facts: Facts) -> Iterator[CodeFinding]:
    for judge in facts.flow.judges:
        truth, asked = judge.truth, judge.asked
        if judge.how != "metric" or truth is None or asked is None or judge.fit is None or judge.fit.y is None:
            continue
        if not (truth.exact and asked.exact and judge.fit.y.exact) or not algebra.roots(truth.rows) & algebra.roots(
            judge.fit.y.rows
        ):
            continue
        here, there = _scale_steps(truth), _scale_steps(asked)
        if here != there:
            message = (
                f"The truth is on the scale after {_said(here)}, the prediction on the scale after {_said(there)}."
            )
            steps = (step(facts, "fitted here", judge.fit.node), step(facts, "compared here", judge.node))
            yield finding(facts, "EV213", judge.node, message, Confidence.PROVED, steps=steps)


_LOGS = frozenset(["log", "log1p", "sqrt", "log10"])


def _scale_steps(value: Value) -> tuple[str, ...]:
    """Steps that change a number's size; label encoders and rounding do not."""
    names = [str(part).rpartition(".")[2] for part in _classes(value)]
    return tuple(
        name
        for name in names
        if name in _LOGS or name.endswith(("Scaler", "PowerTransformer", "QuantileTransformer", "scale"))
    )


def _said(names: tuple[str, ...]) -> str:
    return " and ".join(names) if names else "no step"


PLUGIN: Rule = RuleFile(infos=INFOS, examples=FORMS, run=_run)
