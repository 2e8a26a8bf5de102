"""Distinct values of text columns with their rows, taken from a sample of a long table."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role
from modelwright.core.tables import Dataset

#: rows looked at; a way of writing that 1 in 1,000 rows uses then shows up some fifty times
SAMPLE_ROWS = 50_000


def sampled(dataset: Dataset, name: str) -> pl.Series:
    """Every k-th row of a column, so that at most about `SAMPLE_ROWS` are left; order kept."""
    return dataset.frame[name].gather_every(max(1, -(-dataset.n_rows // SAMPLE_ROWS)))


def text_columns(dataset: Dataset, *kinds: ColumnType) -> Iterator[Column]:
    """Columns stored as text that are not ignored by declaration."""
    stored = dataset.frame.schema  # asked once: polars makes it anew each time
    kinds = kinds or (ColumnType.CATEGORY, ColumnType.TEXT)
    for column in dataset.schema.columns:
        is_text = column.type in kinds and stored.get(column.name) == pl.String
        if is_text and not (column.role is Role.IGNORED and column.reason.startswith("declared")):
            yield column


def left_out(dataset: Dataset) -> list[Column]:
    """Columns that were left out because every row says the same, or nothing."""
    there = frozenset(dataset.frame.columns)
    return [
        column
        for column in dataset.schema.columns
        if column.role is Role.IGNORED and column.reason.startswith("every ") and column.name in there
    ]


def counted(series: pl.Series) -> pl.DataFrame:
    """Known distinct values and their rows, most frequent first: columns `value` and `rows`."""
    known = series.drop_nulls().rename("value")
    return known.value_counts(name="rows").sort(["rows", "value"], descending=[True, False])
