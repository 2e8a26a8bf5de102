"""Rows that occur more than once, in all their columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelwright.checks.data._rows import cells
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.once import row_keys
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.stats import natural

#: shares of repeated rows beyond what coarse columns explain, from which they are noted, doubted and condemned
NOTED, LIMIT, HIGH = 0.001, 0.01, 0.1
#: a row repeats by nature when so many twins are expected of it
_NATURAL = 0.05
_SAMPLE = 200_000
_WIDEST = 200


class _Duplicates:
    codes = ("data.duplicates",)
    examples = (
        Example(
            make=lambda: table(
                {"a": [float(i % 50) for i in range(100)], "b": [float(i % 50) ** 2 for i in range(100)]}
            ),
            codes=("data.duplicates",),
        ),
        Example(make=lambda: table({"a": [float(i) for i in range(100)], "b": [0.5] * 100})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.duplicates", "data", "there is no table to look at")
            return
        there = frozenset(dataset.frame.columns)
        names = [
            column.name
            for column in dataset.schema.columns
            if column.role in (Role.FEATURE, Role.TARGET, Role.GROUP, Role.TIME) and column.name in there
        ]
        if dataset.n_rows < 2 or not names:
            return
        keys = row_keys(dataset, names).to_numpy()
        if row_keys(dataset, names).n_unique() == keys.size:
            return
        order = np.argsort(keys, kind="stable")
        again = np.concatenate([[False], keys[order][1:] == keys[order][:-1]])
        rows = np.sort(order[again])
        if rows.size == 0:
            return
        copies = _copies(dataset, names, rows)
        share = copies / dataset.n_rows
        if share <= NOTED and len(names) < 50 and copies < max(3, 0.5 * rows.size):
            return
        first = {int(row): int(order[np.searchsorted(keys[order], keys[row])]) for row in rows[:3]}
        shown = ", ".join(f"row {row + 1} repeats row {earlier + 1}" for row, earlier in first.items())
        yield Finding(
            code="data.duplicates",
            severity=_severity(share),
            subject="rows",
            message=f"{rows.size:,} of {dataset.n_rows:,} rows ({rows.size / dataset.n_rows:.1%}) "
            f"repeat{'s' * (rows.size == 1)} an earlier row in everything but ids ({shown}). "
            f"{_guard(evidence)}",
            observed=rows.size / dataset.n_rows,
            threshold=LIMIT,
            evidence={
                "repeated": int(rows.size),
                "beyond_nature": copies,
                "rows": dataset.n_rows,
                "examples": [[row, earlier] for row, earlier in first.items()],
            },
            advice="find out whether these are real repeats or an export or join that doubled rows, and keep one of "
            "each (data.prepare); the split keeps copies on one side, but scores still count them several times",
        )


def _copies(dataset: Dataset, names: list[str], rows: NDArray[np.int64]) -> int:
    """How many of the repeated rows nothing but copying explains; a handful of coarse columns repeats by nature."""
    n = dataset.n_rows
    picked = rows if n <= _SAMPLE else rows[:: max(1, n // _SAMPLE)]
    others = np.arange(n) if n <= _SAMPLE else np.union1d(picked, np.arange(0, n, n // _SAMPLE + 1))
    expected = natural.expected_twins(cells(dataset.frame[others], names[:_WIDEST])) * (n / others.size)
    at = np.searchsorted(others, picked)
    return round(float((expected[at] < _NATURAL).mean()) * rows.size)


def _severity(share: float) -> Severity:
    if share > HIGH:
        return Severity.HIGH
    return Severity.MEDIUM if share > LIMIT else Severity.LOW if share > NOTED else Severity.INFO


def _guard(evidence: DataEvidence) -> str:
    """What a random split would do with them, and what this one does."""
    kind = str(getattr(evidence.split.kind, "value", evidence.split.kind)) if evidence.split is not None else ""
    if kind in ("random", "stratified"):
        return "A plain random split would put copies on both sides; this one keeps them together."
    return "A random split would put copies on both sides."


PLUGIN: Check = _Duplicates()
