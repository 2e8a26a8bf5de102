"""Rows as numbers, for rules that compare rows with each other: hashes of cells, scaled coordinates, model inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.strengths import MAX_JOINT_COLUMNS, numbers, strongest
from modelwright.core.nouns import Column, ColumnType
from modelwright.core.tables import Dataset
from modelwright.stats import natural

#: coordinates that stand for one category column; random, so that any two values lie about equally far apart
_COORDINATES = 3
#: a scaled number beyond this is as far as it gets: one wild value must not decide who is near
#: least scale of a column, in standard deviations
_LEAST_SCALE = 0.3
_FARTHEST = 20.0


def codes(series: pl.Series) -> NDArray[np.int64]:
    """Any column as numbers 0..k-1 by value, missing first."""
    ranks = series.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
    return np.asarray(ranks, dtype=np.int64)


def plain(series: pl.Series) -> pl.Series:
    """Texts without case, space, punctuation and doubled blanks; other columns as they are."""
    if series.dtype != pl.String:
        return series
    bare = series.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "")
    # A text of signs only keeps them: "+" and "-" are not the same answer.
    return pl.select(pl.when(bare == "").then(series).otherwise(bare).alias(series.name)).to_series()


def cells(frame: pl.DataFrame, names: list[str], *, normal: bool = False) -> NDArray[np.uint64]:
    """Hashes of the cells, (n, m); with `normal`, texts that differ in writing only are equal."""
    columns = [codes(plain(frame[name]) if normal else frame[name]) for name in names]
    return natural.cell_hashes(np.column_stack(columns))


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Z: (n, d) columns on one scale; linear: (n, k) measured columns only, scaled, unclipped, without missing."""

    Z: NDArray[np.float64]
    linear: NDArray[np.float64]
    measured: int


def coordinates(frame: pl.DataFrame, columns: list[Column]) -> Coordinates:
    """Numbers by their median and half the 10-90 % range, categories as random points. TEXT columns are left out."""
    rng = np.random.default_rng(0)
    found: list[NDArray[np.float64]] = []
    linear: list[NDArray[np.float64]] = []
    measured = 0
    for column in columns:
        series = frame[column.name]
        if column.type is ColumnType.TEXT:
            continue
        if column.type in (ColumnType.NUMBER, ColumnType.DATETIME):
            values = numbers(series)
            known = values[np.isfinite(values)]
            if known.size == 0 or known.min() == known.max() or np.abs(known).max() > 1e150:
                continue
            low, middle, high = np.quantile(known, [0.1, 0.5, 0.9])
            # Where most rows share one value, quantiles are as near to each other as a copy's own small moves.
            scale = max((high - low) / 2, _LEAST_SCALE * float(known.std()))
            missing = ~np.isfinite(values)
            scaled = (np.where(missing, middle, values) - middle) / scale
            found.append(np.clip(scaled, -_FARTHEST, _FARTHEST)[:, None])
            if missing.any():
                found.append(missing.astype(np.float64)[:, None])
            distinct = np.unique(known).size
            if distinct > max(20, 0.05 * known.size):
                measured += 1
                if not missing.any():
                    linear.append(np.clip(scaled, -1e6, 1e6)[:, None])
        else:
            at = codes(series)
            points = rng.normal(scale=1 / np.sqrt(_COORDINATES), size=(int(at.max(initial=0)) + 1, _COORDINATES))
            found.append(points[at])
    n = frame.height
    empty = np.empty((n, 0))
    return Coordinates(
        Z=np.concatenate(found, axis=1) if found else empty,
        linear=np.concatenate(linear, axis=1) if linear else empty,
        measured=measured,
    )


def model_inputs(
    dataset: Dataset, frame: pl.DataFrame, leave: frozenset[str] = frozenset()
) -> tuple[NDArray[np.float64], list[int]]:
    """Features as (n, k) numbers with NaN for missing, and the positions of category codes.

    Of a wide table the strongest columns alone (`strengths.MAX_JOINT_COLUMNS`).
    """
    there = frozenset(frame.columns)  # asked once: polars makes the list anew each time
    columns = [
        column
        for column in dataset.schema.features
        if column.name in there and column.name not in leave and column.type is not ColumnType.TEXT
    ]
    if len(columns) > MAX_JOINT_COLUMNS:
        strong = strongest(dataset)
        columns = [column for column in columns if column.name in strong] if strong else columns[:MAX_JOINT_COLUMNS]
    if not columns:
        return np.empty((frame.height, 0)), []
    X = np.column_stack([numbers(frame[column.name]) for column in columns])
    return X, [at for at, column in enumerate(columns) if frame[column.name].dtype == pl.String]
