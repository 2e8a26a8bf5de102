"""How often the sealed rows have been opened."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import example, report_of
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example

MANY = 10


class _Looks:
    codes = ("split.looks",)
    examples = (
        Example(make=lambda: example(looks=3), codes=("split.looks",)),
        Example(make=lambda: example(looks=12), codes=("split.looks",)),
        Example(make=lambda: example(looks=1)),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is None:
            yield undecided("split.looks", "split:test", "it is not recorded how often the sealed rows were opened")
            return
        if report.looks <= 1:
            return
        many = report.looks >= MANY
        yield Finding(
            code="split.looks",
            severity=Severity.MEDIUM if many else Severity.LOW,
            subject="split:test",
            message=f"The sealed rows have been opened {report.looks} times: whoever chose between runs by these "
            "scores "
            "has chosen by luck as well, and the interval does not know it.",
            observed=report.looks,
            threshold=MANY,
            advice="confirm on rows nobody has seen before acting on small differences",
            source="Dwork et al. (2015), Science 349",
        )


PLUGIN: Check = _Looks()
