"""Columns with one value only."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.data._values import left_out
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import feature_columns, table
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example


class _Constant:
    codes = ("data.constant",)
    examples = (
        Example(make=lambda: table({"a": [7.0] * 20, "b": list(range(20))}), codes=("data.constant",)),
        Example(make=lambda: table({"a": [7.0] * 19 + [8.0], "b": list(range(20))})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.constant", "data", "there is no table to look at")
            return
        if dataset.n_rows < 2:
            return
        for column in (*feature_columns(dataset), *left_out(dataset)):
            series = dataset.frame[column.name]
            if series.null_count() or series.head(1000).n_unique() > 1 or series.n_unique() > 1:
                continue
            yield Finding(
                code="data.constant",
                severity=Severity.LOW,
                subject=f"column:{column.name}",
                message=f"'{column.name}' is {series[0]!r} in every row, so it tells rows apart in no way; "
                "leaving it out costs nothing.",
                observed=1,
                threshold=2,
                advice=f"list '{column.name}' under features.ignore, or check that the extract is not filtered by it",
            )


PLUGIN: Check = _Constant()
