"""The studentised bootstrap for functions of sums, and how far a heavy tail moves its upper end.

A percentile interval of a mean of squares is too short where a few rows make up most of the sum. Dividing each
resampled difference by its own standard error mends most of it (Efron and Tibshirani (1993), section 12.5; Hall
(1992), The Bootstrap and Edgeworth Expansion, section 3.4); what a bootstrap cannot mend is the large value it has not
seen, so a fitted tail adds it (Cowell and Flachaire (2007), Journal of Econometrics 141).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modelwright.stats import bootstrap, intervals

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
#: a tail this heavy (shape of the generalised Pareto law) is worth adding; an exponential tail has 0
HEAVY = 0.2
#: from here the variance of the rows is infinite: no interval from the rows alone can be relied on
UNRELIABLE = 0.5
_TAIL_SHARE, _FEWEST, _MOST = 0.1, 15, 1000
_LARGEST_SHAPE = 0.85  # the mean of the tail ceases to exist at 1
_TAIL_RESAMPLES = 400
_RAISED, _ABOVE = 0.75, 0.4
_LARGEST_STRETCH = float(np.log(100.0))  # a mean of squares a hundred times as large says no more than "unknown"


def interval(
    units: NDArray[np.float64], statistic: Statistic, *, level: float, seed: int, few: bool = False
) -> tuple[float, float] | None:
    """Bootstrap-t interval of `statistic(sums)`, with sums the column sums of units, shape (n, m).

    statistic: (k, m) sums to (k,) values, free of the scale of the sums, smooth, on a scale where its error is about
    symmetric (a logarithm for errors). few: units are groups, of which there may be few, so that the interval is at
    least Student's. None where the statistic has no spread, or resamples too often have none.
    """
    total = units.sum(axis=0, keepdims=True)
    value, error = (
        float(statistic(total)[0]),
        float(_errors(total, _products(units).sum(axis=0)[None, :], statistic)[0]),
    )
    if units.shape[0] < 2 or not np.isfinite(value) or not np.isfinite(error) or error <= 0.0:
        return None
    counts = bootstrap.count_resamples(units.shape[0], seed)
    sums, squares = counts @ units, counts @ _products(units)
    with np.errstate(all="ignore"):
        t = (statistic(sums) - value) / _errors(sums, squares, statistic)
    t = t[np.isfinite(t)]
    if t.size < 0.9 * bootstrap.RESAMPLES:
        return None
    tail = (1 - level) / 2
    high, low = (float(end) for end in np.quantile(t, [tail, 1 - tail]))
    if few:
        least = intervals.z_value(level) * intervals.few_groups(units.shape[0], level)
        high, low = min(high, -least), max(low, least)
    return value - low * error, value - high * error


def elasticities(total: NDArray[np.float64], spread: NDArray[np.float64], statistic: Statistic) -> NDArray[np.float64]:
    """By how much the statistic moves when one column's sum grows by 1 (as a share): shape (m,). total: (m,)."""
    return np.asarray(_gradient(total[None, :], spread[None, :], statistic)[0] * total)


def tail_shape(values: NDArray[np.float64]) -> float:
    """Shape of the upper tail of values: 0 exponential, 0.5 no finite variance, 1 no finite mean; 0 for few rows.

    Source: Hosking and Wallis (1987), Technometrics 29, probability-weighted moments on the top tenth.
    """
    fitted = _tail(np.sort(values))
    return 0.0 if fitted is None else fitted[1]


def tail_stretch(values: NDArray[np.float64], *, level: float, seed: int) -> float:
    """How far the log of the mean of nonnegative values may lie above what a bootstrap-t of them allows; 0 or more.

    The rows up to the 90th percentile are kept as they are, the ones above are replaced by the fitted tail, whose
    shape is raised by three quarters of 1 / sqrt(rows in the tail) because few rows make it look lighter than it is.
    Two fifths of the usual tail probability are left above, as the fit itself is uncertain. These two numbers were set
    on synthetic populations (`benchmarks/judgement/intervals.py`).
    """
    ordered = np.sort(values)
    fitted = _tail(ordered)
    if fitted is None or fitted[1] < HEAVY or ordered[0] < 0.0:
        return 0.0
    k, shape, scale = fitted
    n, centre = ordered.size, float(ordered.mean())
    shape = min(shape + _RAISED / np.sqrt(k), _LARGEST_SHAPE)
    t = _tail_world(ordered, (k, shape, scale), np.random.default_rng(seed))
    t = t[np.isfinite(t)]
    if t.size == 0 or centre <= 0.0:
        return 0.0
    error = float(ordered.std()) / centre / np.sqrt(n)
    lowest = float(np.quantile(t, (1 - level) / 2 * _ABOVE))
    return float(np.clip(-lowest * error, 0.0, _LARGEST_STRETCH))


def _tail(ordered: NDArray[np.float64]) -> tuple[int, float, float] | None:
    """Rows in the tail, shape and scale of what they exceed the 90th percentile by."""
    n = ordered.size
    k = min(max(round(_TAIL_SHARE * n), _FEWEST), _MOST)
    if n < 4 * _FEWEST or ordered[-1] <= ordered[-k - 1]:
        return None
    over = ordered[-k:] - ordered[-k - 1]
    rank = (np.arange(1, k + 1) - 0.35) / k
    first, second = float(over.mean()), float((over * (1 - rank)).mean())
    spare = first - 2 * second
    if spare <= 1e-3 * first:
        return k, _LARGEST_SHAPE, first * (1 - _LARGEST_SHAPE)
    return k, 2 - first / spare, 2 * first * second / spare


def _tail_world(
    ordered: NDArray[np.float64], fitted: tuple[int, float, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Studentised log means of samples from the rows with a fitted tail, about the true mean of that law."""
    (k, shape, scale), n = fitted, ordered.size
    body, threshold = ordered[:-k], float(ordered[-k - 1])
    both = np.column_stack([body, body**2])
    factor = np.linalg.cholesky(np.cov(both.T) + 1e-12 * (1e-300 + np.trace(np.cov(both.T))) * np.eye(2))
    above = rng.binomial(n, k / n, _TAIL_RESAMPLES)
    # Sums over the body are as good as normal: it is bounded and holds nine tenths of the rows.
    below = (n - above)[:, None]
    sums = below * both.mean(axis=0) + np.sqrt(below) * (rng.normal(size=(_TAIL_RESAMPLES, 2)) @ factor.T)
    drawn = threshold + scale / shape * (rng.random((_TAIL_RESAMPLES, int(above.max()))) ** -shape - 1)
    drawn[np.arange(drawn.shape[1]) >= above[:, None]] = 0.0
    mean = (sums[:, 0] + drawn.sum(axis=1)) / n
    square = (sums[:, 1] + (drawn**2).sum(axis=1)) / n
    true = (1 - k / n) * float(body.mean()) + k / n * (threshold + scale / (1 - shape))
    with np.errstate(all="ignore"):
        error = np.sqrt(square - mean**2) / mean / np.sqrt(n)
        return np.asarray((np.log(mean) - np.log(true)) / error)


def _products(units: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) to (n, m*m): every product of two columns, whose sums give the variance of any gradient."""
    return (units[:, :, None] * units[:, None, :]).reshape(units.shape[0], -1)


def _errors(sums: NDArray[np.float64], squares: NDArray[np.float64], statistic: Statistic) -> NDArray[np.float64]:
    """Standard errors by the delta method, shape (k,): a scale-free statistic has influences that sum to 0."""
    m = sums.shape[1]
    matrix = squares.reshape(-1, m, m)
    slope = _gradient(sums, np.sqrt(np.maximum(np.einsum("kii->ki", matrix), 0.0)), statistic)
    return np.asarray(np.sqrt(np.maximum(np.einsum("ki,kij,kj->k", slope, matrix, slope), 0.0)))


def _gradient(sums: NDArray[np.float64], spread: NDArray[np.float64], statistic: Statistic) -> NDArray[np.float64]:
    """Central differences, (k, m); the step is a small share of the column's sum or, where that is 0, its spread."""
    slope = np.zeros_like(sums)
    with np.errstate(all="ignore"):
        for column in range(sums.shape[1]):
            step = 1e-5 * np.maximum(np.abs(sums[:, column]), spread[:, column])
            near, far = sums.copy(), sums.copy()
            near[:, column] -= step
            far[:, column] += step
            slope[:, column] = np.where(step > 0, (statistic(far) - statistic(near)) / (2 * step), 0.0)
    return slope
