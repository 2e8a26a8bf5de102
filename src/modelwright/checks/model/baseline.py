"""The model must beat the constant, and should beat the simple model, by more than the noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.floor import FREE
from modelwright.checks.model._shared import estimate, example, metric_name, report_of, shown
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import Comparison, Report

#: a gain within the noise that is at best this share of the way from the constant to perfect is none
WORTHLESS = 0.01

_WORDS = {
    "dummy": "the baseline 'dummy', which always gives the same answer",
    "always_the_same": "always giving the one answer that this metric likes best",
    "always_the_commonest": "always giving the commonest answer",
    "guess_by_share": "guessing each class as often as it happens",
    "always_the_average": "always giving the average",
    "repeat_the_last": "repeating the last known truth",
}


class _Baseline:
    codes = ("model.baseline",)
    examples = (
        Example(make=lambda: example(difference=estimate(-0.01)), codes=("model.baseline",)),
        Example(make=lambda: example(difference=estimate(-0.05), against="logistic"), codes=("model.baseline",)),
        Example(make=lambda: example(difference=estimate(0.01)), codes=("model.baseline",)),
        Example(
            make=lambda: example(
                difference=estimate(0.20),
                curves={"cost": {"value": 0.3, "always": {"no": 0.2, "yes": 0.8}, "best": "no", "saved": -0.1}},
            ),
            codes=("model.baseline",),
        ),
        Example(
            make=lambda: example(difference=estimate(0.0, 0.0), against="always_the_commonest"),
            codes=("model.baseline",),
        ),
        Example(make=lambda: example(difference=estimate(0.20))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is not None and not report.task.has_target:
            return
        if report is None or not report.comparisons:
            yield undecided("model.baseline", "model", "the model was not compared with a baseline on the same rows")
            return
        spent = report.curves.get("cost")
        if isinstance(spent, dict) and spent.get("saved", 1.0) <= 0:
            yield _too_dear(report.metric, spent)
        yield from _against_rivals(report)


def _against_rivals(report: Report) -> Iterator[Finding]:
    """One finding: an answer that costs nothing and is as good, else the strongest rival."""
    empty = [one for one in report.comparisons if one.against in FREE and _adds_nothing(report, one)]
    if empty:
        yield _finding(report, _hardest(empty), Severity.HIGH, "is no better than", True)
        return
    hardest = _hardest(report.comparisons)
    found = hardest.difference
    if found.high is not None and found.high < 0:
        yield _finding(report, hardest, Severity.HIGH, "is worse than", True)
    elif found.low is None:
        yield undecided("model.baseline", "model", f"the difference to '{hardest.against}' has no interval")
    elif found.low <= 0:
        # as good as something simpler that works: a reason to use that, not to start again
        verb = "is not better than" if found.value <= 0 else "is better only within the noise than"
        yield _finding(report, hardest, Severity.MEDIUM, verb, False)


def _hardest(comparisons: Sequence[Comparison]) -> Comparison:
    return min(comparisons, key=lambda one: (one.difference.value, one.against))


def _adds_nothing(report: Report, one: Comparison) -> bool:
    """Not above the constant at all, or by so little, if it is, that it is worth nothing."""
    found = one.difference
    if found.value <= 0:
        return True
    rival = report.baselines.get(one.against, {}).get(one.metric)
    if found.low is None or found.high is None or found.low > 0 or rival is None:
        return False
    return found.high <= WORTHLESS * abs((1.0 if report.greater_is_better else 0.0) - rival.value)


def _too_dear(metric: str, spent: dict[str, Any]) -> Finding:
    best = spent["best"]
    return Finding(
        code="model.baseline",
        severity=Severity.HIGH,
        blocking=metric == "cost",
        subject="model:cost",
        message=f"By evaluation.cost, always answering '{best}' costs {spent['always'][best]:.4g} a row and the model "
        f"{spent['value']:.4g}: it does not pay.",
        observed=spent["saved"],
        threshold=0.0,
        advice="check the costs, let evaluation.cost set the threshold, or bring columns that know more",
    )


def _finding(report: Report, comparison: Comparison, severity: Severity, verb: str, blocking: bool) -> Finding:
    found = comparison.difference
    return Finding(
        code="model.baseline",
        severity=severity,
        blocking=blocking,
        subject="model",
        message=f"The model {verb} {_named(comparison.against)}: the difference in {metric_name(comparison.metric)} on "
        f"{comparison.n:,} {report.judged_rows} is {shown(found)}.",
        observed=found.value,
        threshold=0.0,
        evidence={"against": comparison.against, "p_value": comparison.p_value, "n": comparison.n},
        advice="bring columns that know more, or stop: an answer that costs nothing is as good"
        if comparison.against in FREE
        else f"use '{comparison.against}', which is simpler, or bring more rows or columns that know more",
    )


def _named(against: str) -> str:
    return _WORDS.get(against, f"the baseline '{against}'")


PLUGIN: Check = _Baseline()
