"""Columns that miss more than a tenth of their values or all of them, and rows that hold next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from modelwright.checks.data._values import left_out
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import feature_columns, table
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset

LIMIT = 0.10
#: a row that misses more than half of its columns is mostly what the model fills in
ROW_LIMIT = 0.5
_MIN_COLUMNS = 3


def _rows(empty: int) -> DataEvidence:
    values = [None if i < empty else float(i) for i in range(200)]
    return table({"a": values, "b": values, "c": values, "d": values})


class _Missing:
    codes = ("data.missing", "data.all_missing", "data.missing_rows", "data.empty_rows")
    examples = (
        Example(make=lambda: table({"a": [1.0] * 8 + [None] * 2, "b": [1.0] * 10}), codes=("data.missing",)),
        Example(make=lambda: table({"a": [None] * 10, "b": [1.0] * 10}), codes=("data.all_missing",)),
        Example(make=lambda: _rows(3), codes=("data.empty_rows",)),
        Example(make=lambda: table({"a": [1.0] * 9 + [None], "b": [1.0] * 10})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.missing", "data", "there is no table to look at")
            return
        names = [column.name for column in (*feature_columns(dataset), *left_out(dataset))]
        if dataset.n_rows == 0 or not names:
            return
        missing = {name: dataset.frame[name].null_count() for name in names}
        for name, count in missing.items():
            if count == dataset.n_rows:
                yield _empty_column(name)
            elif count / dataset.n_rows > LIMIT:
                yield _column(name, count, dataset.n_rows)
        yield from _of_rows(dataset, {name: count for name, count in missing.items() if 0 < count < dataset.n_rows})


def _empty_column(name: str) -> Finding:
    return Finding(
        code="data.all_missing",
        severity=Severity.LOW,
        subject=f"column:{name}",
        message=f"'{name}' holds no value at all, so a model can learn nothing from it; leaving it out costs nothing.",
        observed=1.0,
        threshold=LIMIT,
        advice=f"find out why '{name}' is empty, or list it under features.ignore",
    )


def _column(name: str, count: int, rows: int) -> Finding:
    share = count / rows
    return Finding(
        code="data.missing",
        severity=Severity.MEDIUM,
        subject=f"column:{name}",
        message=f"'{name}' is missing in {share:.1%} of rows; the limit is {LIMIT:.0%}. Dropping those rows would cost "
        f"{count:,} of {rows:,}; keeping them means that the model fills '{name}' in.",
        observed=share,
        threshold=LIMIT,
        evidence={"missing": count, "rows": rows},
        advice=f"find out whether missing means something in '{name}', and whether it will be as "
        "frequent when the model is used; else repair the source or ignore the column",
        source="project limit: 10 % of rows",
    )


def _of_rows(dataset: Dataset, gaps: dict[str, int]) -> Iterator[Finding]:
    """Rows without any value, and rows without most: only columns that have gaps can tell."""
    width = len(
        [column for column in feature_columns(dataset) if dataset.frame[column.name].null_count() < dataset.n_rows]
    )
    if width < _MIN_COLUMNS or len(gaps) <= ROW_LIMIT * width:
        return
    absent = dataset.frame.select(
        pl.sum_horizontal(pl.col(name).is_null().cast(pl.UInt16) for name in gaps)
    ).to_series()
    empty = int((absent == width).sum())
    poor = int((absent > ROW_LIMIT * width).sum())
    if empty:
        yield Finding(
            code="data.empty_rows",
            severity=Severity.MEDIUM if empty > 0.01 * dataset.n_rows else Severity.LOW,
            subject="rows",
            message=f"{empty:,} of {dataset.n_rows:,} rows hold no value in any feature: the model can only answer the "
            f"average there. Removing them costs {empty / dataset.n_rows:.2%} of rows and no information.",
            observed=empty / dataset.n_rows,
            threshold=0.0,
            evidence={"rows": empty, "first": [int(at) for at in (absent == width).arg_true().head(10)]},
            advice="remove them in data.prepare, and find out which export or join makes them",
        )
    if poor - empty > LIMIT * dataset.n_rows:
        yield Finding(
            code="data.missing_rows",
            severity=Severity.LOW,
            subject="rows",
            message=f"{poor:,} of {dataset.n_rows:,} rows miss more than half of their {width} columns: answers for "
            "such rows rest on little. Removing them would cost as many rows, and answers for rows like them.",
            observed=poor / dataset.n_rows,
            threshold=LIMIT,
            advice="look for a source or period that these rows share, and judge them as a segment of their own",
        )


PLUGIN: Check = _Missing()
