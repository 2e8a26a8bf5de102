"""How much dependence between neighbouring rows inflates the variance of their mean.

The largest of two views: the first autocorrelation as an AR(1) process would spread it (Andrews and Monahan 1992,
Econometrica 60), and means of overlapping batches of many lengths, each only where it differs from independence by
1.2 (few rows) to 1.9 (many) of its own standard errors. Independent rows are seldom charged for noise; blocks of up to
a twelfth of the rows are seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: batches at least
_BATCHES = 12
#: standard errors that show dependence: fewer where few rows can show little, and nothing is known of the rest
_SURE, _SURE_OF_FEW = (1.9, 6_000), (1.2, 2_000)
_GRID = 1.15
_FEWEST = 50
#: standard errors at any length that show dependence; from there on stretches are compared down to so few of them
_SHOWN, _STRETCHES = 2.6, 3
#: overlapping stretches are worth so many side by side (Meketon and Schmeiser 1984)
_OVERLAPPING = 1.5
#: neighbouring errors that are one fact until there are so many of them
_ONE_FACT = 60


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
    n = gaps.size
    sums = np.concatenate([[0.0], np.cumsum(gaps)])
    largest, length = 1.0, 4
    sure = float(np.interp(np.log(n), np.log([_SURE_OF_FEW[1], _SURE[1]]), [_SURE_OF_FEW[0], _SURE[0]]))
    while n // length >= _BATCHES:
        ratio, error = _ratio(sums, length, variance), _error(n, length)
        if (ratio - 1) / error > sure:
            largest = max(largest, ratio * (1 + error / 2))  # few batches that differ may yet differ more
        length *= 2
    return largest


def _ratio(sums: Array, length: int, variance: float) -> float:
    """Variance of the sums of overlapping batches by what independent rows would have, the common mean's part apart
    (Meketon and Schmeiser 1984): two thirds of the error of batches side by side."""
    batches = sums[length:] - sums[:-length]
    free = 1 - length / (sums.size - 1)
    return float(np.dot(batches, batches)) / batches.size / (length * variance * free)


def _error(n: int, length: int) -> float:
    """Of the ratio, where rows are independent."""
    return float(np.sqrt(4 * length / (3 * n)))


def inflation_at(values: Array, length: int) -> float:
    """At least 1: how much more the means of so many rows vary among the values than those of independent rows would;
    of as many as make enough batches, where the values are few. What is clear (two standard errors) is charged with one
    more, the rest with one less, so that independent rows seldom pay."""
    length = min(length, values.size // _BATCHES)
    variance = float(values.var()) if values.size else 0.0
    if length < 2 or variance <= 0:
        return 1.0
    ratio = _ratio(np.concatenate([[0.0], np.cumsum(values - values.mean())]), length, variance)
    error = _error(values.size, length)
    return ratio * (1 + error) if ratio > 1 + 2 * error else max(1.0, ratio - error)


def stretches(gaps: Array, longest: int) -> list[tuple[float, float]]:
    """Inflation and degrees of freedom by stretches of many lengths of `gaps`, which have no step left; none where no
    length shows dependence. What few stretches say is little known, hence Student's t."""
    n, variance = gaps.size, float(gaps.var()) if gaps.size else 0.0
    if variance <= 0:
        return []
    sums, found, shown, length = np.concatenate([[0.0], np.cumsum(gaps)]), [], False, 4
    while length <= min(n / _STRETCHES, longest):
        ratio, error = _ratio(sums, length, variance), _error(n, length)
        shown = shown or (n / length >= _BATCHES and ratio > 1 + _SHOWN * error)
        found.append((max(1.0, ratio * (1 + error / 2)), max(_OVERLAPPING * n / length - 2, 1.0)))
        length = -(-length * 3 // 2)
    return found if shown else []


def as_if_known(nats: float, freedom: float) -> float:
    """Evidence of a normal score whose variance was estimated with so many degrees of freedom, as nats of the same
    probability with a known one."""
    if np.isinf(freedom):
        return nats
    from scipy.special import ndtri, stdtr

    return float(ndtri(max(stdtr(freedom, -np.sqrt(2 * max(nats, 0.0))), 1e-300)) ** 2 / 2)


def inflation_of_runs(values: Array, k: int) -> float:
    """Of 0s and 1s whose first k are alike and so show no dependence: how much longer runs of 1 are since than
    independent rows would make them. One unbroken run is one fact until it is long: then everything is wrong."""
    if k < 1 or values[:k].max() > values[:k].min():
        return 1.0
    since = values[k:]
    runs = int((np.diff(since, prepend=0.0) > 0).sum())
    if runs == 0 or (runs == 1 and since.sum() >= _ONE_FACT):
        return 1.0
    return max(1.0, float(since.sum()) / runs * (1 - float(values.mean())))


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
