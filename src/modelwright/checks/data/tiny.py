"""Too few rows for any conclusion, or fewer rows than columns."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import feature_columns, table
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example

FEW_ROWS = 100


class _Tiny:
    codes = ("data.tiny", "data.wide")
    examples = (
        Example(make=lambda: table({"a": range(40)}), codes=("data.tiny",)),
        Example(
            make=lambda: table({f"c{i}": [float((i * j) % 7) for j in range(120)] for i in range(130)}),
            codes=("data.wide",),
        ),
        Example(make=lambda: table({"a": range(120)})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.tiny", "data", "there is no table to look at")
            return
        n, width = dataset.n_rows, len(feature_columns(dataset))
        if n < FEW_ROWS:
            yield Finding(
                code="data.tiny",
                severity=Severity.HIGH if n < 30 else Severity.MEDIUM,
                subject="data",
                message=f"There are only {n} rows: every score will be mostly chance.",
                observed=n,
                threshold=FEW_ROWS,
                advice=f"collect at least {FEW_ROWS} rows before trusting any model",
            )
        elif width > n:
            yield Finding(
                code="data.wide",
                severity=Severity.MEDIUM,
                subject="data",
                message=f"There are more columns ({width:,}) than rows ({n:,}): some columns fit the target by chance.",
                observed=width / n,
                threshold=1.0,
                advice="choose columns by knowledge of the subject, or use a strongly regularised model",
            )


PLUGIN: Check = _Tiny()
