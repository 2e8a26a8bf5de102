"""Too few sealed rows, or an interval too wide to conclude from."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, metric_name, primary, report_of, shown
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.ports import Check, Example

FEW_ROWS = 100
#: width of the interval as a share of its value
WIDE = 0.20
#: up to this width even few rows are enough to conclude from, though not to have met every kind of case
NARROW = 0.10


#: what `evaluation.scores` writes of an interval it does not trust
NARROW_WORDS = "may still be too narrow"


def _heavy() -> ModelEvidence:
    found = msgspec.structs.replace(estimate(3.0, 0.2), method=f"bootstrap-t, tail so heavy that it {NARROW_WORDS}")
    return example(metric="rmse", greater_is_better=False, test=found)


class _Uncertainty:
    codes = ("model.few_test_rows", "model.wide_interval", "model.narrow_interval")
    examples = (
        Example(make=lambda: example(test=estimate(0.85, 0.02, n=40)), codes=("model.few_test_rows",)),
        Example(make=lambda: example(test=estimate(0.85, 0.09, n=40)), codes=("model.few_test_rows",)),
        Example(make=lambda: example(test=estimate(0.60, 0.15)), codes=("model.wide_interval",)),
        Example(make=_heavy, codes=("model.narrow_interval",)),
        Example(make=lambda: example()),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        found = primary(report) if report is not None else None
        if report is None or found is None:
            yield undecided("model.wide_interval", "model", "there is no score with an interval")
            return
        if NARROW_WORDS in found.method:
            yield _narrow(report.metric, found)
        if found.n < FEW_ROWS:
            yield _few(metric_name(report.metric), found)
            return
        if found.low is None or found.high is None:
            yield undecided("model.wide_interval", "model", f"{metric_name(report.metric)} has no interval")
            return
        width = (found.high - found.low) / max(abs(found.value), 1e-12)
        if width > WIDE:
            yield Finding(
                code="model.wide_interval",
                severity=Severity.LOW,
                subject="model",
                message=f"{metric_name(report.metric)} is known only as {shown(found)}: the interval is "
                f"{width:.0%} of the value.",
                observed=width,
                threshold=WIDE,
                advice="judge on more rows before comparing this model with another",
            )


def _narrow(metric: str, found: Estimate) -> Finding:
    return Finding(
        code="model.narrow_interval",
        severity=Severity.LOW,
        subject="model",
        message=f"A few rows have errors so much larger than the others that {metric_name(metric)} "
        f"{shown(found)} may be worse than its interval says: larger errors still have hardly been seen.",
        observed=found.method,
        advice="judge by mae or median_absolute_error, which hold, predict the logarithm, or look at the worst rows",
        source="Cowell and Flachaire (2007), Journal of Econometrics 141",
    )


def _few(metric: str, found: Estimate) -> Finding:
    known = found.low is not None and found.high is not None
    narrow = known and (found.high or 0.0) - (found.low or 0.0) <= NARROW * abs(found.value)
    concluded = "is narrow enough to conclude from, but rare cases may not be among them" if narrow else "could be luck"
    return Finding(
        code="model.few_test_rows",
        severity=Severity.LOW if narrow else Severity.MEDIUM,
        subject="split:test",
        message=f"Only {found.n} rows were judged: {metric} {shown(found)} {concluded}.",
        observed=found.n,
        threshold=FEW_ROWS,
        advice=f"collect rows until at least {FEW_ROWS} can be sealed, or raise data.test_split",
    )


PLUGIN: Check = _Uncertainty()
