"""Intervals of metrics that are functions of counts of cells: rows of one cell are exchangeable, so cells are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats import bootstrap, intervals

#: jackknife by cell costs cells squared; above this many filled cells the percentile interval is used
_MAX_JACKKNIFE_CELLS = 2500
#: clusters above this number are drawn in random blocks of clusters
_MAX_CLUSTERS = 500
#: a class with fewer rows, or fewer answers, is sparse
_SPARSE, _PRIOR = 15, 0.25

Cells = tuple[NDArray[np.int64], int]


def interval(
    cells: Cells, metric: Any, value: float, level: float, seed: int, clusters: NDArray[np.int64] | None = None
) -> tuple[float, float, str]:
    """Low, high and the method. cells: each row's cell and their number; clusters: each row's cluster, from 0."""
    codes, n_cells = cells
    counts = np.bincount(codes, minlength=n_cells).astype(np.float64)
    filled = np.flatnonzero(counts)
    place = np.zeros(n_cells, dtype=np.int64)
    place[filled] = np.arange(filled.size)
    drawn = resampled(place[codes], counts[filled], clusters, seed)
    samples = _values(drawn, filled, n_cells, metric)
    if float(np.ptp(samples)) < 1e-12:
        return (*_unanimous(counts, metric, value, level), "wilson on the smallest class")
    # The binned statistic may differ from the exact one by a hair; the interval is moved along.
    binned = float(metric.from_cells(counts[None, :])[0])
    if clusters is None and filled.size <= _MAX_JACKKNIFE_CELLS:
        low, high = bootstrap.bca(binned, samples, _jackknife(counts, filled, metric, binned), level)
        method = "bootstrap (BCa)"
        low, high, method = _with_sparse(counts, metric, (low, high, method), level, seed)
    else:
        low, high = bootstrap.percentile(samples, level)
        method = "bootstrap (percentile)"
    if clusters is not None:
        stretch = intervals.few_groups(int(clusters.max()) + 1, level)
        low, high = binned + stretch * (low - binned), binned + stretch * (high - binned)
        method = "bootstrap of groups (percentile)"
    bottom, top = metric.bounds
    return max(bottom, low + value - binned), min(top, high + value - binned), method


def _with_sparse(
    counts: NDArray[np.float64], metric: Any, found: tuple[float, float, str], level: float, seed: int
) -> tuple[float, float, str]:
    """Reach out for classes that are answered or occur a few times only: a cell never seen is never drawn.

    The other interval draws from counts with a quarter of a row put into every cell of such a class (a Dirichlet
    prior; Agresti and Hitchcock (2005), Statistical Methods and Applications 14); the hull of both is reported.
    """
    side = round(counts.size**0.5)
    if side * side != counts.size:
        return found
    table = counts.reshape(side, side)
    sparse = [(totals > 0) & (totals < _SPARSE) for totals in (table.sum(axis=1), table.sum(axis=0))]
    if not (sparse[0].any() or sparse[1].any()):
        return found
    filled = table + _PRIOR * (sparse[0][:, None] | sparse[1][None, :])
    shares = filled.ravel() / filled.sum()
    drawn = np.random.default_rng(seed).multinomial(int(counts.sum()), shares, size=bootstrap.RESAMPLES)
    low, high = bootstrap.percentile(np.asarray(metric.from_cells(drawn.astype(np.float64))), level)
    return min(low, found[0]), max(high, found[1]), f"{found[2]}, sparse classes smoothed"


def resampled(
    codes: NDArray[np.int64], counts: NDArray[np.float64], clusters: NDArray[np.int64] | None, seed: int
) -> NDArray[np.float64]:
    """Counts of cells, none of them empty, in each resample of rows or of whole clusters: (resamples, cells)."""
    if clusters is None:
        return bootstrap.cell_resamples(counts, seed)
    n = int(clusters.max()) + 1
    unit = clusters if n <= _MAX_CLUSTERS else bootstrap.blocks(n, seed, _MAX_CLUSTERS)[clusters]
    n = min(n, _MAX_CLUSTERS)
    table = np.bincount(unit * counts.size + codes, minlength=n * counts.size).reshape(n, counts.size)
    return bootstrap.count_resamples(n, seed) @ table.astype(np.float64)


def _values(drawn: NDArray[np.float64], filled: NDArray[np.int64], n_cells: int, metric: Any) -> NDArray[np.float64]:
    """The metric of each resample; few at a time: 1,000 resamples of thousands of cells take hundreds of megabytes."""
    samples = np.empty(drawn.shape[0])
    step = max(1, 2_000_000 // n_cells)
    for start in range(0, samples.size, step):
        wide = np.zeros((min(step, samples.size - start), n_cells))
        wide[:, filled] = drawn[start : start + step]
        samples[start : start + step] = metric.from_cells(wide)
    return samples


def _jackknife(
    counts: NDArray[np.float64], filled: NDArray[np.int64], metric: Any, value: float
) -> NDArray[np.float64]:
    """How much the statistic falls without one row of each cell, repeated by the cell's rows (at most 20,000)."""
    falls = np.empty(filled.size)
    step = max(1, 2_000_000 // counts.size)
    for start in range(0, filled.size, step):
        part = filled[start : start + step]
        without = np.repeat(counts[None, :], part.size, axis=0)
        without[np.arange(part.size), part] -= 1
        falls[start : start + step] = value - metric.from_cells(without)
    repeats = np.maximum(1, np.round(counts[filled] * min(1.0, 20_000 / counts.sum()))).astype(np.int64)
    return np.repeat(falls, repeats)


def _unanimous(counts: NDArray[np.float64], metric: Any, value: float, level: float) -> tuple[float, float]:
    """All resamples agree, as when nothing was wrong: bounds as if the smallest class were that many trials."""
    bottom, top = metric.bounds
    side = round(counts.size**0.5)
    per_class = counts.reshape(side, side).sum(axis=1) if side * side == counts.size else counts
    smallest = float(per_class[per_class > 0].min())
    if not np.isfinite(top - bottom) or top <= bottom:
        return value, value
    share = (value - bottom) / (top - bottom)
    low, high = intervals.wilson(share * smallest, smallest, level)
    return bottom + low * (top - bottom), bottom + high * (top - bottom)
