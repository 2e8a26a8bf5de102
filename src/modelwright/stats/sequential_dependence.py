"""How much dependence between neighbouring rows inflates the variance of their mean.

The largest of two views: the first autocorrelation as an AR(1) process would spread it (Andrews and Monahan 1992,
Econometrica 60), and batch means over batches of many lengths, each only where it differs from independence by more
than 2.3 of its own standard errors. Independent rows are seldom charged for noise; blocks of up to a
tenth of few rows and a fortieth of many are seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: batches at least: few where rows are few, else few batches would flare up by chance
_BATCHES, _MOST_BATCHES, _ROWS_A_BATCH = 10, 40, 100
_SURE = 2.3
_GRID = 1.15
_FEWEST = 50


def inflation(values: Array) -> float:
    """At least 1: variance of the mean by what independent rows would have."""
    n = values.size
    variance = float(values.var()) if n else 0.0
    if n < _FEWEST or variance <= 0:
        return 1.0
    gaps = values - values.mean()
    correlation = float(np.dot(gaps[1:], gaps[:-1]) / (n * variance))
    correlation = min(max(correlation, 0.0), 0.98)
    return max((1 + correlation) / (1 - correlation), _batched(gaps, variance))


def _batched(gaps: Array, variance: float) -> float:
    largest, length = 1.0, 4
    least = min(max(gaps.size // _ROWS_A_BATCH, _BATCHES), _MOST_BATCHES)
    while gaps.size // length >= least:
        count = gaps.size // length
        sums = gaps[: count * length].reshape(count, length).sum(axis=1)
        ratio = float(sums.var(ddof=1)) / (length * variance)
        error = float(np.sqrt(2 / count))
        if (ratio - 1) / error > _SURE:
            largest = max(largest, ratio * (1 + error / 2))  # few batches that differ may yet differ more
        length *= 2
    return largest


def inflation_of_beginnings(values: Array, first: int) -> Array:
    """(n + 1,): the inflation that the first so many rows show, for every number of rows from `first` on."""
    n = values.size
    found = np.ones(n + 1)
    ends = [max(first, 1)]
    while ends[-1] < n:
        ends.append(min(n, int(ends[-1] * _GRID) + 1))
    for end, until in zip(ends, [*ends[1:], n + 1], strict=True):
        found[end:until] = inflation(values[:end])
    found[: ends[0]] = found[ends[0]] if ends[0] <= n else 1.0
    return found
