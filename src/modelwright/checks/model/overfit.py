"""The gap between the rows learned from and the rows judged on."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, metric_name, primary, report_of, sign
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.ports import Check, Example

#: the sealed score may fall short of cross-validation by this share of its value before it is worth saying
LIMIT = 0.05


def _apart() -> ModelEvidence:
    from dataclasses import replace

    import msgspec

    made = example(test=estimate(0.70), train=0.99)
    assert made.record is not None
    assert made.record.report is not None
    metrics = {**made.record.report.metrics, "val": {"roc_auc": estimate(0.90)}}
    report = msgspec.structs.replace(made.record.report, metrics=metrics)
    return replace(made, record=msgspec.structs.replace(made.record, report=report))


class _Overfit:
    """A training score near perfect is normal for forests and no fault by itself; a sealed score below the
    cross-validated one, beyond both intervals, is: the choice among candidates has been fitted to the folds."""

    codes = ("model.overfit", "model.train_gap")
    examples = (
        Example(make=_apart, codes=("model.overfit",)),
        Example(make=lambda: example(test=estimate(0.70), train=0.999), codes=("model.train_gap",)),
        Example(make=lambda: example(test=estimate(0.85), train=0.88)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is not None and not report.task.has_target:
            return
        found = primary(report) if report is not None else None
        train = report.metrics.get("train", {}).get(report.metric) if report is not None else None
        if report is None or found is None or train is None:
            yield undecided("model.overfit", "model", "there is no score on the training rows to compare with")
            return
        validated = report.metrics.get("val", {}).get(report.metric)
        if validated is not None and _is_worse(validated, found, sign(report)):
            yield Finding(
                code="model.overfit",
                severity=Severity.MEDIUM,
                subject="model",
                message=f"{metric_name(report.metric)} falls from {validated.value:.4g} in cross-validation to "
                f"{found.value:.4g} on {report.judged_rows}, more than both intervals allow.",
                observed=sign(report) * (validated.value - found.value),
                threshold=LIMIT,
                advice="split by time or group if rows are related, try fewer candidates, or collect more rows",
            )
            return
        gap = sign(report) * (train.value - found.value)
        scale = max(abs(found.value), abs(train.value), 1e-12)
        if gap > 0.25 * scale:
            yield Finding(
                code="model.train_gap",
                severity=Severity.INFO,
                subject="model",
                message=f"{metric_name(report.metric)} is {train.value:.4g} on the rows learned from and "
                f"{found.value:.4g} on {report.judged_rows}: the model remembers much of what it has seen.",
                observed=gap,
                threshold=0.25 * scale,
                advice="usual for forests and boosters; a simpler model may do as well, and only sealed scores count",
            )


def _is_worse(validated: Estimate, found: Estimate, direction: float) -> bool:
    gap = direction * (validated.value - found.value)
    if gap <= LIMIT * max(abs(validated.value), 1e-12):
        return False
    if found.low is None or found.high is None or validated.low is None or validated.high is None:
        return True
    return found.high < validated.low if direction > 0 else found.low > validated.high


PLUGIN: Check = _Overfit()
