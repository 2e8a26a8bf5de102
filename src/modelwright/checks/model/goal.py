"""`evaluation.threshold`, judged by the pessimistic bound of the interval."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, figure, metric_name, primary, report_of, shown, sign
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import Report


class _Goal:
    codes = ("model.goal",)
    examples = (
        Example(make=lambda: example(test=estimate(0.70), goal=0.75), codes=("model.goal",)),
        Example(make=lambda: example(test=estimate(0.76), goal=0.75), codes=("model.goal",)),
        Example(make=lambda: example(test=estimate(0.80), goal=0.75), codes=("model.goal",)),
        Example(make=lambda: example(test=estimate(0.70)), codes=("model.goal",)),
        Example(make=lambda: ModelEvidence(record=None)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is None:
            yield undecided("model.goal", "model", "there is no report to compare with the goal")
            return
        if report.goal is None:
            if report.task.has_target:
                yield _unset(report)
            return
        found = primary(report)
        bound = None if found is None else (found.low if report.greater_is_better else found.high)
        if found is None or bound is None:
            yield undecided("model.goal", "model", f"{metric_name(report.metric)} has no interval on judged rows")
            return
        direction = sign(report)
        if direction * (bound - report.goal) >= 0:
            severity, blocking = Severity.INFO, False
            says = f"meets the goal {report.goal:g} even at the pessimistic end {figure(bound)}"
            advice = "nothing to do"
        elif direction * (found.value - report.goal) >= 0:
            severity, blocking = Severity.MEDIUM, False
            says = f"meets the goal {report.goal:g}, but its pessimistic end {figure(bound)} does not"
            advice = _more_rows(found, bound, report.goal)
        else:
            severity, blocking = Severity.HIGH, True
            best = found.high if report.greater_is_better else found.low
            says = f"misses the goal {report.goal:g} by {figure(abs(report.goal - found.value))}"
            if best is not None and direction * (best - report.goal) < 0:
                says += f"; even the optimistic end {figure(best)} falls short"
            advice = _next(evidence, report)
        yield Finding(
            code="model.goal",
            severity=severity,
            blocking=blocking,
            subject="model",
            message=f"{metric_name(report.metric)} {shown(found)} on {found.n:,} rows {says}.",
            observed={"value": found.value, "bound": bound},
            threshold=report.goal,
            advice=advice,
        )


def _unset(report: Report) -> Finding:
    found = primary(report)
    value = (
        ""
        if found is None
        else f": {metric_name(report.metric)} is {shown(found)}, and nobody can say whether that is enough"
    )
    return Finding(
        code="model.goal",
        severity=Severity.INFO,
        subject="model",
        message=f"No goal was set{value}.",
        observed=None,
        advice="set evaluation.threshold to the score from which the model is worth using",
    )


def _more_rows(found: Estimate, bound: float, goal: float) -> str:
    """The rows with which the bound would reach the goal if the value stayed: its distance shrinks by sqrt(rows)."""
    spare, half = abs(found.value - goal), abs(found.value - bound)
    if spare < 0.05 * half:
        return f"the score lies on the goal, so more rows will hardly settle it: improve the model or lower {goal:g}"
    needed = int(-(-found.n * (half / spare) ** 2 // 1))
    return (
        f"judge on about {needed:,} rows instead of {found.n:,}, which would settle it if the score stays as it is, "
        f"or improve the model"
    )


def _next(evidence: ModelEvidence, report: Report) -> str:
    """What to do about a missed goal: when several families end up alike, the columns are the limit."""
    record, goal = evidence.record, report.goal
    board = record.leaderboard if record is not None else ()
    scores = [row.score for row in board if row.status == "done" and row.score is not None and row.family != "dummy"]
    if len(scores) < 2 or goal is None:
        return "bring more rows or better columns, try more families or a larger budget, or revise the goal"
    top = sign(report) * max(sign(report) * score for score in scores)
    return (
        f"the best of {len(scores)} candidates reached {figure(top)} in cross-validation, so another family hardly "
        f"closes the gap to {goal:g}: bring columns that know more, or more rows, or revise the goal"
        if sign(report) * (goal - top) > 0
        else "the folds promised more than the sealed rows kept: look at how the two differ, and judge on more rows"
    )


PLUGIN: Check = _Goal()
