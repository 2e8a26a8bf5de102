"""A numeric target that piles up at its smallest or largest value, as if it were cut off there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import development_rows, has_no_target, numbers, table, task_of
from modelwright.core.nouns import Finding, Severity, Task
from modelwright.core.ports import Check, Example

LIMIT = 0.01
_MIN_DISTINCT = 50


def _prices(cap: float) -> DataEvidence:
    values = [min(float((i * 37) % 997), cap) for i in range(500)]
    return table({"a": range(500), "y": values}, target="y", task=Task.REGRESSION)


class _CensoredTarget:
    codes = ("data.censored_target",)
    examples = (
        Example(make=lambda: _prices(900.0), codes=("data.censored_target",)),
        Example(make=lambda: _prices(1e9)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or target is None:
            yield undecided("data.censored_target", "data", "there is no target to look at")
            return
        if task is not Task.REGRESSION:
            return
        rows = development_rows(evidence, dataset.n_rows, limit=100_000)
        values = numbers(dataset.frame[target][rows])
        values = values[np.isfinite(values)]
        distinct, counts = np.unique(values, return_counts=True)
        if distinct.size < _MIN_DISTINCT:
            return
        for at, side in ((-1, "largest"), (0, "smallest")):
            share = counts[at] / values.size
            neighbours = np.sort(counts)[::-1][:10].mean()
            if share > LIMIT and counts[at] > 5 * np.median(counts) and counts[at] >= neighbours and distinct[at] != 0:
                yield Finding(
                    code="data.censored_target",
                    severity=Severity.LOW,
                    subject=f"column:{target}",
                    message=f"{share:.1%} of rows share the {side} value of '{target}', {distinct[at]:g}: it looks cut "
                    "off there, so true values beyond it are unknown.",
                    observed=float(share),
                    threshold=LIMIT,
                    advice="say so to whoever reads predictions near the limit; errors there are understated",
                )


PLUGIN: Check = _CensoredTarget()
