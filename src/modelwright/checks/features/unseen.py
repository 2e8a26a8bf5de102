"""Columns whose values in the test part differ from those learned from: unseen categories, shifted numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.features._shared import distinct, feature_columns, table
from modelwright.checks.findings import undecided
from modelwright.core.nouns import Column, ColumnType, Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.stats import distances

UNSEEN_LIMIT = 0.05
#: above it a shift is large (Siddiqi 2006)
PSI_LIMIT = 0.25
_MIN_ROWS = 100
_SAMPLE = 50_000


class _Unseen:
    codes = ("feature.unseen", "feature.shift")
    sample_rows = 2 * _SAMPLE
    examples = (
        Example(
            make=lambda: table({"kind": ["a", "b"] * 100 + ["c", "a"] * 60}, train_rows=200), codes=("feature.unseen",)
        ),
        Example(
            make=lambda: table(
                {"size": [i % 100 + i / 1e6 for i in range(400)] + [i % 100 + 60 + i / 1e6 for i in range(200)]},
                train_rows=400,
            ),
            codes=("feature.shift",),
        ),
        Example(make=lambda: table({"size": [float(i % 100) for i in range(600)]}, train_rows=400)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset, split = evidence.dataset, evidence.split
        if dataset is None or split is None:
            yield undecided("feature.unseen", "split", "there is no split to compare")
            return
        learned = np.concatenate([split.train, split.val])[:_SAMPLE].astype(np.int64)
        judged = split.test[:_SAMPLE].astype(np.int64)
        if learned.size < _MIN_ROWS or judged.size < _MIN_ROWS:
            return
        by_time = "time" in str(split.kind)
        single = (learned, judged) if by_time else distinct(dataset, str(split.kind), learned, judged)
        for column in feature_columns(dataset):
            series = dataset.frame[column.name]
            if column.type is ColumnType.CATEGORY:
                yield from _categories(column, series[learned], series[judged])
            elif column.type is ColumnType.NUMBER:
                yield from _numbers(column, series[single[0]], series[single[1]], by_time)


def _categories(column: Column, learned: pl.Series, judged: pl.Series) -> Iterator[Finding]:
    known = judged.drop_nulls()
    share = 1.0 - int(known.is_in(learned.unique().implode()).sum()) / known.len() if known.len() else 0.0
    if share <= UNSEEN_LIMIT:
        return
    yield Finding(
        code="feature.unseen",
        severity=Severity.LOW,
        subject=f"column:{column.name}",
        message=f"{share:.1%} of the test rows have a value of '{column.name}' that was never seen in training.",
        observed=share,
        threshold=UNSEEN_LIMIT,
        advice=f"group rare values of '{column.name}', or leave it out if new values keep coming",
    )


def _numbers(column: Column, learned: pl.Series, judged: pl.Series, by_time: bool) -> Iterator[Finding]:
    reference, current = _values(learned), _values(judged)
    if min(reference.size, current.size) < _MIN_ROWS:
        return
    edges = distances.quantile_edges(reference)
    counts = distances.bin_counts(reference, edges), distances.bin_counts(current, edges)
    found = distances.psi(*counts)
    # Small samples differ by chance: the expected index without any change is taken off.
    chance = (edges.size + 1) * (1 / reference.size + 1 / current.size)
    if found - chance <= PSI_LIMIT:
        return
    yield Finding(
        code="feature.shift",
        severity=Severity.LOW,
        subject=f"column:{column.name}",
        message=f"'{column.name}' is distributed differently in the test rows (stability index {found:.2f}, large from "
        f"{PSI_LIMIT:g}).",
        observed=found,
        threshold=PSI_LIMIT,
        advice="time moves this column: watch it after deployment, and retrain often"
        if by_time
        else "a drawn split should not do this: look for groups of rows that belong together (features.group)",
        source="Siddiqi (2006), Credit Risk Scorecards",
    )


def _values(series: pl.Series) -> NDArray[np.float64]:
    return np.asarray(series.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)


PLUGIN: Check = _Unseen()
