"""Sealed rows used again and again to choose: what the best of many looks owes to luck, and what remains of it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, figure, primary, report_of, sign
from modelwright.core.nouns import Estimate, Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import Report

#: looks from which it is said, doubted and condemned
NOTED, MEDIUM, HIGH = 3, 5, 10
#: scores of runs on the same rows move together; the part of their spread that differs between runs
_OWN_SHARE = 0.5


class _Selection:
    codes = ("leak.selection",)
    examples = (
        Example(make=lambda: example(looks=6), codes=("leak.selection",)),
        Example(make=lambda: example(looks=25, test=estimate(0.6, 0.05)), codes=("leak.selection",)),
        Example(make=lambda: example(looks=2)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is None:
            yield undecided("leak.selection", "split:test", "it is not recorded how often the sealed rows were opened")
            return
        measured = primary(report)
        if report.looks < NOTED or measured is None:
            return
        yield _finding(report, measured)


def expected_luck(k: int) -> float:
    """Mean of the largest of k standard normal values, in standard deviations.

    Source: Blom (1958), Statistical Estimates and Transformed Beta-Variables, the approximation at (k - a)/(k + 1 - 2a)
    with a = 0.375; within 0.02 for all k.
    """
    return 0.0 if k < 2 else NormalDist().inv_cdf((k - 0.375) / (k + 0.25))


def corrected(measured: Estimate, looks: int, better: float) -> tuple[float, float]:
    """Optimism to expect of the best of `looks` scores, and the pessimistic bound that holds for all of them at once
    (Bonferroni). better: 1 when more is better, else -1. (0, value) without an interval."""
    if measured.low is None or measured.high is None:
        return 0.0, measured.value
    normal = NormalDist()
    error = (measured.high - measured.low) / 2 / normal.inv_cdf((1 + measured.level) / 2)
    optimism = expected_luck(looks) * error * _OWN_SHARE**0.5
    bound = measured.value - better * error * normal.inv_cdf(1 - (1 - measured.level) / (2 * looks))
    return optimism, bound


def _finding(report: Report, measured: Estimate) -> Finding:
    better = sign(report)
    optimism, bound = corrected(measured, report.looks, better)
    survives = measured.value - better * optimism
    lost = _lost(report, measured, bound, better)
    severity = Severity.LOW
    if report.looks >= HIGH or (lost and report.looks >= MEDIUM):
        severity = Severity.HIGH
    elif report.looks >= MEDIUM or lost:
        severity = Severity.MEDIUM
    nested = report.metrics.get("nested", {}).get(report.metric)
    instead = "" if nested is None else f", or the nested cross-validation's {figure(nested.value)}"
    return Finding(
        code="leak.selection",
        severity=severity,
        confidence=Level.HIGH if report.looks >= HIGH else Level.MEDIUM,
        subject="split:test",
        message=f"The sealed rows have been opened {report.looks} times. If the best of these runs is kept, its "
        f"{report.metric} of {figure(measured.value)} owes about {figure(optimism)} to luck: {figure(survives)} is "
        f"the figure to expect on new rows, and {figure(bound)} the bound that holds for all looks at once."
        + (f" {lost}" if lost else ""),
        observed={"looks": report.looks, "optimism": optimism, "survives": survives, "bound": bound},
        threshold=MEDIUM,
        evidence={"value": measured.value, "low": measured.low, "high": measured.high, "decided_by_luck": bool(lost)},
        advice=f"choose by the validation score and confirm once on fresh rows (a new data.source, or another "
        f"training.seed before anything is chosen){instead}",
        source="Dwork et al. (2015), Science 349; Blom (1958) for the expected maximum",
    )


def _lost(report: Report, measured: Estimate, bound: float, better: float) -> str:
    """What the plain interval promises and the corrected one no longer does."""
    plain = measured.low if better > 0 else measured.high
    if plain is None:
        return ""
    bars = {} if report.goal is None else {f"the goal of {figure(report.goal)}": report.goal}
    for name, scores in report.baselines.items():
        if report.metric in scores:
            bars[f"the baseline '{name}' at {figure(scores[report.metric].value)}"] = scores[report.metric].value
    for name, bar in bars.items():
        if better * (plain - bar) > 0 >= better * (bound - bar):
            return f"After the correction it no longer clears {name}."
    return ""


PLUGIN: Check = _Selection()
