"""A score too good to be true."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, primary, report_of
from modelwright.core.nouns import Finding, Level, Severity
from modelwright.core.ports import Check, Example

#: share of the metric's best value; separable honest tables reach 0.99 and a little more
LIMIT = 0.9995
_MIN_ROWS = 200
_BEST_IS_ONE = ("roc_auc", "average_precision", "f1", "f1_macro", "f1_weighted", "accuracy", "balanced_accuracy", "r2")


class _SuspiciousScore:
    codes = ("leak.suspicious_score",)
    examples = (
        Example(make=lambda: example(test=estimate(1.0, 0.0)), codes=("leak.suspicious_score",)),
        Example(make=lambda: example(test=estimate(0.995, 0.004))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is not None and not report.task.has_target:
            return
        found = primary(report) if report is not None else None
        if report is None or found is None:
            yield undecided("leak.suspicious_score", "model", "there is no score")
            return
        names = [report.metric] if report.metric in _BEST_IS_ONE else ["r2", "roc_auc"]
        test = report.metrics.get("test", {})
        for name in names:
            score = found if name == report.metric else test.get(name)
            if score is None or score.value < LIMIT or score.n < _MIN_ROWS:
                continue
            yield Finding(
                code="leak.suspicious_score",
                severity=Severity.MEDIUM,
                confidence=Level.LOW,
                subject="model",
                message=f"{name} is {score.value:.5g} on {score.n:,} sealed rows: real problems are seldom that easy.",
                observed=score.value,
                threshold=LIMIT,
                advice="look at the most important columns: would each be known, in this form, at prediction time?",
            )
            return


PLUGIN: Check = _SuspiciousScore()
