"""Intervals or sets that hold the truth less often than was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import example, report_of
from modelwright.core.judgement import Judgement, Uncertainty
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.ports import Check, Example

#: how far a group's coverage may lie below what was asked for
GROUP_LIMIT = 0.15


def _judged(coverage: float, worst: float = 0.88) -> Judgement:
    measured = Estimate(value=coverage, low=coverage - 0.02, high=coverage + 0.02, n=1000, method="wilson")
    one = Uncertainty(
        kind="interval",
        asked=0.9,
        coverage=measured,
        size=3.0,
        quantile=1.5,
        worst_group="quarter 4 of the answers",
        worst_coverage=worst,
        n_calibration=4000,
    )
    return Judgement(uncertainty=one)


class _Coverage:
    codes = ("model.uncertainty_coverage",)
    examples = (
        Example(make=lambda: example(judgement=_judged(0.80)), codes=("model.uncertainty_coverage",)),
        Example(make=lambda: example(judgement=_judged(0.90, 0.60)), codes=("model.uncertainty_coverage",)),
        Example(make=lambda: example(judgement=_judged(0.90))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        judgement = evidence.record.judgement if evidence.record is not None else None
        if report is not None and not report.task.has_target:
            return
        found = judgement.uncertainty if judgement is not None else None
        if found is None:
            why = judgement.missing.get("uncertainty", "") if judgement is not None else ""
            yield undecided(self.codes[0], "model", why or "no intervals or sets were measured")
            return
        what = "sets" if found.kind == "set" else "intervals"
        if found.coverage.high is not None and found.coverage.high < found.asked:
            yield Finding(
                code=self.codes[0],
                severity=Severity.MEDIUM,
                subject="model",
                message=f"The {found.asked:.0%} {what} hold the truth for {found.coverage.value:.1%} of the sealed "
                f"rows ({found.coverage.low or 0:.1%} to {found.coverage.high:.1%}): the sealed rows are harder "
                "than those learned from.",
                observed=found.coverage.value,
                threshold=found.asked,
                advice="do not rely on the intervals; look for a change over time or between groups, and split by it",
                source="Barber et al. (2021): coverage holds where rows are exchangeable",
            )
        elif found.worst_coverage is not None and found.worst_coverage < found.asked - GROUP_LIMIT:
            yield Finding(
                code=self.codes[0],
                severity=Severity.LOW,
                subject=f"slice:{found.worst_group}",
                message=f"The {found.asked:.0%} {what} hold the truth for only {found.worst_coverage:.1%} of the rows "
                f"of '{found.worst_group}'.",
                observed=found.worst_coverage,
                threshold=found.asked - GROUP_LIMIT,
                advice="trust the intervals less there; more rows of that kind narrow the gap",
            )


PLUGIN: Check = _Coverage()
