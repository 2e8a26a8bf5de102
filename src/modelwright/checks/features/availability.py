"""Column names that hint at something known only after the event."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.features._shared import feature_columns, table
from modelwright.checks.findings import undecided
from modelwright.checks.names import hint
from modelwright.core.nouns import Finding, Level, Severity
from modelwright.core.ports import Check, Example


class _Availability:
    """A name alone proves nothing, so this never weighs on the verdict; the leak rules measure."""

    codes = ("feature.availability",)
    examples = (
        Example(make=lambda: table({"final_amount": [1.0, 2.0], "b": [1.0, 2.0]}), codes=("feature.availability",)),
        Example(make=lambda: table({"amount": [1.0, 2.0], "age": [1.0, 2.0]})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if evidence.dataset is None:
            yield undecided("feature.availability", "data", "there is no table to look at")
            return
        target = evidence.dataset.schema.target or ""
        for column in feature_columns(evidence.dataset):
            why = hint(column.name, target)
            if why:
                yield Finding(
                    code="feature.availability",
                    severity=Severity.LOW,
                    confidence=Level.LOW,
                    subject=f"column:{column.name}",
                    message=f"'{column.name}' may be known only afterwards: {why}.",
                    advice=f"make sure that '{column.name}' is known at the moment of prediction, else ignore it",
                )


PLUGIN: Check = _Availability()
