"""One column of the reference: frozen cells in which any later window is counted; counts of equal cells add up.

Every row has exactly one position. Numbers: [below, grid cells, above, missing], the grid affine so that a value's
cell is one multiplication. Others: [labels, 32 buckets of all other labels by hash, missing].
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

CELLS, BUCKETS, BINS = 4_096, 32, 10
#: values counted in one go, so that they stay in a processor's cache
_CHUNK = 1 << 15
#: a value this many interquartile ranges outside the middle half has no cell of its own
_FAR = 20.0
#: a label with a test cell of its own is borne by at least so many rows
_OWN_ROWS, _OWN_LABELS = 30, 60


@dataclass(frozen=True, slots=True)
class Grid:
    """`cells` cells of width `step` from `low` on."""

    low: float
    step: float
    cells: int

    @property
    def edges(self) -> Floats:
        return np.asarray(self.low + self.step * np.arange(self.cells + 1), dtype=np.float64)


@dataclass(frozen=True)
class ColumnReference:
    """`counts` of the reference by position; `grid` for numbers, dates and lengths of texts, else `labels`."""

    type: ColumnType
    counts: Counts
    grid: Grid | None = None
    labels: tuple[str, ...] = ()
    #: labels that may be tested by themselves, from the first on
    own: int = 0
    #: rows that the reference would be expected to have outside its labels, itself left out (Good-Turing)
    outside: float = 0.0
    complete: bool = True
    #: whether `counts` says in which bucket each other label lies (format 1 does not)
    hashed: bool = True

    @property
    def size(self) -> int:
        return self.counts.size

    @property
    def known(self) -> int:
        return int(self.counts[:-1].sum())

    @property
    def missing(self) -> int:
        return int(self.counts[-1])

    @cached_property
    def strange(self) -> slice | list[int]:
        """Positions of values that the reference had no cell for."""
        if self.grid is not None:
            return [0, self.size - 2]
        return slice(len(self.labels), self.size - 1)

    @cached_property
    def test_cells(self) -> NDArray[np.intp]:
        """Position to cell of the test, missing to -1."""
        cells = np.full(self.size, -1, dtype=np.intp)
        if self.grid is None:
            cells[:-1] = _label_cells(self.labels, self.own)
            if not self.hashed:
                cells[len(self.labels) : -1] = len(self.labels)
        else:
            starts = self.bin_starts
            cells[:-1] = np.clip(np.searchsorted(starts, np.arange(self.size - 1), side="right") - 1, 0, None)
        return cells

    @cached_property
    def bin_starts(self) -> NDArray[np.intp]:
        """Positions at which the quantile bins begin; what lies below belongs to the first, above to the last."""
        return _quantile_bins(self.counts[1:-2]) + 1

    @cached_property
    def middles(self) -> tuple[Floats, float]:
        """Medians of the test's cells and the interquartile range, both off the grid."""
        assert self.grid is not None
        inner, lefts = self.counts[1:-2].astype(np.float64), self.grid.edges
        below = np.append(np.cumsum(inner) / max(float(inner.sum()), 1.0), 1.0)
        bounds = np.append(self.bin_starts - 1, inner.size).tolist()
        places = [
            first + int(np.searchsorted(np.cumsum(inner[first:last]), inner[first:last].sum() / 2))
            for first, last in itertools.pairwise(bounds)
        ]
        middles = lefts[np.minimum(places, inner.size - 1)] + self.grid.step / 2
        low, high = (float(lefts[int(np.searchsorted(below, share))]) for share in (0.25, 0.75))
        if high <= low:
            low, high = (float(lefts[int(np.searchsorted(below, share))]) for share in (0.05, 0.95))
            return middles, max((high - low) / 2.4, self.grid.step)
        return middles, max(high - low, self.grid.step)

    @cached_property
    def _position_of(self) -> dict[str, int]:
        return {label: at for at, label in enumerate(self.labels)}

    def project(self, counts: NDArray[Any]) -> Floats:
        """Known rows by cell of the test, (..., size) to (..., cells)."""
        known = np.asarray(counts[..., :-1], dtype=np.float64)
        cells = self.test_cells[:-1]
        width = int(cells.max(initial=0)) + 1
        if known.ndim == 1:
            return np.bincount(cells, weights=known, minlength=width).astype(np.float64)
        return np.stack([np.bincount(cells, weights=row, minlength=width) for row in known])

    # ---- counting

    def count(self, values: pl.Series) -> Counts:
        """Rows of a conformed column by position."""
        if self.grid is not None:
            missing = values.null_count()
            counts = grid_counts(as_numbers(values, self.type), self.grid)
            counts[-1] += missing
            return counts
        return np.bincount(*self._weighted(values), minlength=self.size).astype(np.int64)

    def positions(self, values: pl.Series) -> NDArray[np.intp]:
        """The position of each row."""
        import polars as pl

        if self.grid is not None:
            numbers = as_numbers(values, self.type, drop=False)
            with np.errstate(invalid="ignore", over="ignore"):
                place = np.clip((numbers - self.grid.low) * (1.0 / self.grid.step) + 1.0, 0, self.grid.cells + 1)
            return np.where(np.isnan(place), self.size - 1, np.nan_to_num(place)).astype(np.intp)
        text = as_labels(values)
        distinct = text.unique().drop_nulls()
        if distinct.is_empty():
            return np.full(text.len(), self.size - 1, dtype=np.intp)
        places = pl.Series([self._position(label) for label in distinct.to_list()], dtype=pl.Int64)
        found = text.replace_strict(distinct, places, default=self.size - 1, return_dtype=pl.Int64)
        return found.fill_null(self.size - 1).to_numpy().astype(np.intp)

    def _weighted(self, values: pl.Series) -> tuple[NDArray[np.intp], Floats]:
        labels, counts, missing = tally(values)
        at = [self._position(label) for label in labels]
        return np.array([*at, self.size - 1], dtype=np.intp), np.append(counts, float(missing))

    def _position(self, label: str) -> int:
        at = self._position_of.get(label)
        return len(self.labels) + bucket(label) if at is None else at


def bucket(label: str) -> int:
    """Which of the buckets a label falls into; the same in every process and version."""
    return zlib.crc32(label.encode()) % BUCKETS


def tally(values: pl.Series) -> tuple[list[str], Floats, int]:
    """Labels, their rows, and how many rows miss one."""
    import polars as pl

    if values.dtype == pl.Boolean:
        true, missing = int(values.sum() or 0), values.null_count()
        return ["false", "true"], np.array([values.len() - missing - true, true], dtype=np.float64), missing
    missing = values.null_count()
    # grouping is a quarter quicker than value_counts, and works on codes where the column has a dictionary
    counted = values.alias("_v").drop_nulls().to_frame().group_by("_v").len()
    labels = counted.to_series(0).cast(pl.String).to_list()
    return labels, counted.to_series(1).to_numpy().astype(np.float64), missing


def as_labels(values: pl.Series) -> pl.Series:
    import polars as pl

    if values.dtype == pl.Boolean:
        return values.cast(pl.Int8).replace_strict([0, 1], ["false", "true"], return_dtype=pl.String)
    return values.cast(pl.String)


def as_numbers(values: pl.Series, kind: ColumnType, *, drop: bool = True) -> Floats:
    """Values of a number, date (microseconds) or text (length) as float64; NaN or left out where missing."""
    import polars as pl

    if kind is ColumnType.TEXT:
        values = values.cast(pl.String).str.len_chars()
    elif values.dtype.is_temporal():
        values = values.to_physical()
    if drop and values.null_count():
        values = values.drop_nulls()
    return np.asarray(values.cast(pl.Float64).to_numpy(), dtype=np.float64)


def grid_counts(values: Floats, grid: Grid) -> Counts:
    """Rows by position, NaN counted as missing: 10 ns a value, where a search in sorted edges takes ten times that."""
    counts = np.zeros(grid.cells + 3, dtype=np.int64)
    factor = 1.0 / grid.step
    room = np.empty(min(_CHUNK, max(values.size, 1)))
    for start in range(0, values.size, _CHUNK):
        part = values[start : start + _CHUNK]
        place = room[: part.size]
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(part, grid.low, out=place)
            np.multiply(place, factor, out=place)
            np.add(place, 1.0, out=place)
            np.clip(place, 0.0, grid.cells + 1.0, out=place)
            if np.isnan(place.sum()):
                counts[-1] += int(np.isnan(place).sum())
                place = place[~np.isnan(place)]
        counts += np.bincount(place.astype(np.intp), minlength=counts.size)
    return counts


# ---------------------------------------------------------------- freezing


def freeze(values: pl.Series, kind: ColumnType, *, least_rows: int = 1, most_labels: int = 5_000) -> ColumnReference:
    """Cells fitted to a conformed column. least_rows: what a label must be borne by to be named, and about what a
    cell of the grid holds."""
    if kind in (ColumnType.NUMBER, ColumnType.DATETIME, ColumnType.TEXT):
        numbers = as_numbers(values, kind)
        numbers = numbers[np.isfinite(numbers)]
        grid = _grid(numbers, _cells(numbers.size, least_rows))
        counts = grid_counts(numbers, grid)
        counts[-1] = values.len() - numbers.size
        return ColumnReference(type=kind, counts=counts, grid=grid)
    return _freeze_labels(values, kind, least_rows, most_labels)


def _cells(rows: int, least_rows: int) -> int:
    if least_rows <= 1 or rows >= CELLS * least_rows:
        return CELLS
    return max(64, 1 << (max(rows // least_rows, 1).bit_length() - 1))


def _grid(values: Floats, cells: int) -> Grid:
    """A range that no single value decides: between the outer thousandths, at most 20 interquartile ranges away."""
    if values.size == 0:
        return Grid(0.0, 1.0, 1)
    values = np.clip(values, -1e300, 1e300)
    outer_low, low, high, outer_high = np.quantile(values, [0.001, 0.25, 0.75, 0.999], method="inverted_cdf").tolist()
    if low == high:  # more than half the rows say the same: the rest tells how far values lie apart
        rest = values[values != low]
        if rest.size:
            spread = float(np.quantile(np.abs(rest - low), 0.75))
            low, high = low - spread / 2, high + spread / 2
    far = _FAR * (high - low)
    bottom, top = max(outer_low, low - far), min(outer_high, high + far)
    if top - bottom + 1 <= cells and bool((values == np.round(values)).all()):
        return Grid(float(np.floor(bottom)) - 0.5, 1.0, int(np.floor(top) - np.floor(bottom)) + 1)
    width = top - bottom
    if width <= 0:
        width = max(abs(top), 1.0) * 1e-6
    bottom, width = bottom - 0.05 * width, 1.1 * width
    step = width / cells
    return Grid(float(np.floor(bottom / step)) * step if abs(bottom / step) < 2**50 else bottom, step, cells)


def _quantile_bins(counts: Counts, bins: int = BINS) -> NDArray[np.intp]:
    """Starts of bins with about equally many rows; a cell that is full by itself is a bin of its own."""
    total, starts, held = float(counts.sum()), [0], 0.0
    target = total / bins
    for at in np.flatnonzero(counts).tolist():
        rows = float(counts[at])
        full = held >= 0.999 * target or (held > 0.3 * target and held + rows > 1.5 * target)
        if full or (held > 0 and rows >= target):
            starts.append(at)
            held = 0.0
        held += rows
    if len(starts) > 2 and held < 0.3 * target:
        starts.pop()
    return np.array(starts, dtype=np.intp)


def _freeze_labels(values: pl.Series, kind: ColumnType, least_rows: int, most_labels: int) -> ColumnReference:
    names, rows, missing = tally(values)
    order = sorted(range(len(names)), key=lambda at: (-rows[at], names[at]))
    if kind is ColumnType.BOOLEAN:
        order, least_rows = list(range(len(names))), 0
    listed = [at for at in order if rows[at] >= least_rows and len(names[at]) <= 200][:most_labels]
    chosen = set(listed)
    counts = np.zeros(len(listed) + BUCKETS + 1, dtype=np.int64)
    for place, at in enumerate(listed):
        counts[place] = int(rows[at])
    for at in range(len(names)):
        if at not in chosen:
            counts[len(listed) + bucket(names[at])] += int(rows[at])
    counts[-1] = missing
    labels = tuple(names[at] for at in listed)
    apart = counts[: len(listed)]
    left = float(sum(rows[at] for at in range(len(names)) if at not in chosen))
    outside = 0.0 if kind is ColumnType.BOOLEAN else _expected_outside(np.asarray(rows), apart, least_rows)
    return ColumnReference(
        type=kind,
        counts=counts,
        labels=labels,
        own=_own(apart, complete=left == 0),
        outside=outside,
        complete=left == 0,
    )


def _expected_outside(rows: Floats, listed: Counts, least_rows: int) -> float:
    """How many of as many new rows would bear a label that is not listed. Labels were listed for being frequent here,
    so their shares here are too large; those borne by r rows have a share of about (r+1) N[r+1] / N (Good 1953)."""
    if listed.size == 0:
        return float(rows.sum())
    edge, complete = float(listed.min()), listed.size == rows.size
    if complete and edge > least_rows:
        return 0.0
    at_edge = max(1.0, float((rows == edge).sum()))
    part = float((listed == edge).sum()) / at_edge * float(rows[rows == edge + 1].sum())
    return max(0.0, float(rows.sum()) - float(rows[rows >= edge + 2].sum()) - part)


def _own(counts: Sequence[int] | Counts, *, complete: bool) -> int:
    """How many labels get a test cell of their own. The rest is tested by hash, so that which labels were frequent by
    chance decides nothing; the cut lies where the frequencies have their widest gap."""
    ordered = np.asarray(counts, dtype=np.float64)
    if complete and ordered.size <= _OWN_LABELS:
        return int(ordered.size)
    able = int(min((ordered >= _OWN_ROWS).sum(), _OWN_LABELS, ordered.size - 1))
    if able <= 0:
        return 0
    ratios = ordered[:able] / np.maximum(ordered[1 : able + 1], 0.5)
    widest = int(np.argmax(ratios))
    return widest + 1 if ratios[widest] >= 1.3 else 0


def _label_cells(labels: Sequence[str], own: int) -> NDArray[np.intp]:
    """Positions of labels and buckets to cells: own ones first, then the buckets."""
    named = [at if at < own else own + bucket(label) for at, label in enumerate(labels)]
    return np.array([*named, *(own + at for at in range(BUCKETS))], dtype=np.intp)
