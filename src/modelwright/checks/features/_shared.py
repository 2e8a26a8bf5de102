"""What feature rules share: evidence made by hand for their examples, and rows that count once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.core.nouns import Column, ColumnType, Role, Schema
from modelwright.core.tables import Dataset


@dataclass(frozen=True)
class Thirds:
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    kind: str = "random"


def table(columns: Mapping[str, Any], *, train_rows: int | None = None) -> DataEvidence:
    """Feature columns only; with `train_rows` the rest is the test part."""
    frame = pl.DataFrame(dict(columns))
    described = tuple(
        Column(
            name=name,
            type=ColumnType.NUMBER if frame[name].dtype.is_numeric() else ColumnType.CATEGORY,
            role=Role.FEATURE,
        )
        for name in frame.columns
    )
    evidence = DataEvidence(dataset=Dataset(frame=frame, schema=Schema(columns=described), digest="b3:example"))
    if train_rows is None:
        return evidence
    rows = np.arange(frame.height)
    return replace(evidence, split=Thirds(train=rows[:train_rows], val=rows[:0], test=rows[train_rows:]))


def feature_columns(dataset: Dataset) -> list[Column]:
    there = frozenset(dataset.frame.columns)  # asked once: polars makes the list anew each time
    return [column for column in dataset.schema.features if column.name in there]


def distinct(dataset: Dataset, kind: str, *parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Each part's rows without copies, or one row of each group: what stays on one side of a drawn split would look
    like a shift where there is much of it."""
    names = [column.name for column in dataset.schema.with_role(Role.GROUP)] if "group" in kind else []
    names = names or [column.name for column in feature_columns(dataset)]
    if not names:
        return parts
    # Only the rows looked at: a copy of a row that nobody looks at does no harm.
    first = dataset.frame.select(names)[np.concatenate(parts)].hash_rows().is_first_distinct().to_numpy()
    return tuple(
        rows[mask] for rows, mask in zip(parts, np.split(first, np.cumsum([r.size for r in parts])[:-1]), strict=True)
    )
