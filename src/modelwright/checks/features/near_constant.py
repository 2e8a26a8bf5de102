"""Columns that hold one value in nearly every row."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.features._shared import feature_columns, table
from modelwright.checks.findings import undecided
from modelwright.core.nouns import ColumnType, Finding, Severity
from modelwright.core.ports import Check, Example

LIMIT = 0.995
_MIN_ROWS = 100
_SAMPLE = 100_000


class _NearConstant:
    codes = ("feature.near_constant",)
    sample_rows = _SAMPLE
    examples = (
        Example(make=lambda: table({"a": [1.0] * 399 + [2.0]}), codes=("feature.near_constant",)),
        Example(make=lambda: table({"a": [1.0] * 300 + [2.0] * 100})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("feature.near_constant", "data", "there is no table to look at")
            return
        if dataset.n_rows < _MIN_ROWS:
            return
        step = max(1, dataset.n_rows // _SAMPLE)
        for column in feature_columns(dataset):
            if column.type is ColumnType.TEXT:
                continue
            known = dataset.frame[column.name].gather_every(step).drop_nulls()
            if known.len() < _MIN_ROWS or known.head(200).n_unique() > 10:
                continue
            top = known.value_counts(sort=True, name=f"rows with {column.name}")  # a column may be called `count`
            share = top[:, 1][0] / known.len()
            if top.height > 1 and share > LIMIT:
                yield Finding(
                    code="feature.near_constant",
                    severity=Severity.INFO,
                    subject=f"column:{column.name}",
                    message=f"'{column.name}' is {top[column.name][0]!r} in {share:.2%} of the rows where it is known.",
                    observed=share,
                    threshold=LIMIT,
                    advice="keep it only if the rare values matter",
                )


PLUGIN: Check = _NearConstant()
