"""Analytic intervals: Wilson for shares, Student for means, DeLong's structural components for the AUC."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray


def z_value(level: float) -> float:
    """The two-sided normal quantile: 1.96 for 0.95. Raises ValueError outside (0, 1)."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share; keeps its level near 0 and 1, where the normal interval does not.

    Source: Wilson (1927), JASA 22; recommended by Brown, Cai and DasGupta (2001), Statistical Science 16.
    Returns (0, 1) when n is 0.
    """
    if n <= 0:
        return 0.0, 1.0
    z = z_value(level)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= n else min(1.0, centre + half)
    return low, high


def mean(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Student interval of a mean of independent rows; (mean, mean) when n < 2."""
    n = values.size
    centre = float(values.mean()) if n else 0.0
    if n < 2:
        return centre, centre
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, 0.5 + level / 2)) * float(values.std(ddof=1)) / math.sqrt(n)
    return centre - half, centre + half


def midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, ties share the mean of their ranks. Shape (n,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


def auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Probability that a positive row scores above a negative one, ties count half (Mann-Whitney).

    Returns 0.5, no information, when one class is missing.
    """
    n_positive = int(positive.sum())
    n_negative = positive.size - n_positive
    if n_positive == 0 or n_negative == 0:
        return 0.5
    ranks = midranks(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def auc_influence(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The AUC and each row's influence psi, shape (n,): the variance of the AUC is sum(psi**2) / n**2.

    Source: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44; fast ranks by Sun and Xu (2014),
    IEEE Signal Processing Letters 21. Influences of two models on the same rows subtract, which gives the
    paired test. Zeros when one class is missing.
    """
    n = positive.size
    n_positive = int(positive.sum())
    n_negative = n - n_positive
    psi = np.zeros(n)
    if n_positive == 0 or n_negative == 0:
        return 0.5, psi
    overall = midranks(score)
    within_positive = midranks(score[positive])
    within_negative = midranks(score[~positive])
    v_positive = (overall[positive] - within_positive) / n_negative
    v_negative = 1.0 - (overall[~positive] - within_negative) / n_positive
    value = float(v_positive.mean())
    # Unbiased group variances, written as influences so that any mean of AUCs keeps the same formula.
    psi[positive] = (v_positive - value) * n / math.sqrt(n_positive * max(n_positive - 1, 1))
    psi[~positive] = (v_negative - value) * n / math.sqrt(n_negative * max(n_negative - 1, 1))
    return value, psi


def average_precision_influence(
    positive: NDArray[np.bool_], score: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """The area and each row's influence, shape (n,), which is 0 on average; (0, zeros) without positives.

    The area is the mean over positive rows of the precision at their score, a ratio of sums. A row moves it by its own
    term, and by raising (a positive) or lowering (another) the precision at every score that is not above its own:
    von Mises derivative; see Boyd, Eng and Page (2013), ECML PKDD, for intervals of this area.
    """
    distinct, code = np.unique(-score, return_inverse=True)
    yes = np.bincount(code, weights=np.where(positive, weight, 0.0), minlength=distinct.size).astype(np.float64)
    above = np.cumsum(np.bincount(code, weights=weight, minlength=distinct.size).astype(np.float64))
    total = float(yes.sum())
    if total <= 0.0:
        return 0.0, np.zeros(score.size)
    precision = _ratio(np.cumsum(yes), above)
    value = float((yes * precision).sum() / total)
    # What scores at or below one's own say, summed over the positives there.
    gain = np.cumsum(_ratio(yes, above)[::-1])[::-1]
    loss = np.cumsum((precision * _ratio(yes, above))[::-1])[::-1]
    own = np.where(positive, precision[code] - value + gain[code], 0.0)
    return value, (own - loss[code]) * float(weight.sum()) / total


def influence_error(psi: NDArray[np.float64], clusters: NDArray[np.int64] | None = None) -> tuple[float, int]:
    """Standard error of a statistic from its rows' influences, shape (n,), and the degrees of freedom behind it.

    clusters: (n,) numbers from 0: influences are added up within each, as rows of one cluster move together
    (Liang and Zeger (1986), Biometrika 73), with the usual correction g / (g - 1) for few clusters.
    """
    n = max(psi.size, 1)
    if clusters is None:
        return math.sqrt(float(psi @ psi)) / n, psi.size - 1
    sums = np.bincount(clusters, weights=psi)
    return math.sqrt(float(sums @ sums) * sums.size / max(sums.size - 1, 1)) / n, sums.size - 1


def quantile(level: float, freedom: int | None = None) -> float:
    """The two-sided quantile of Student's law, of the normal one without `freedom` or with 200 degrees and more."""
    if freedom is None or freedom >= 200:
        return z_value(level)
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + level / 2))


def few_groups(groups: int, level: float) -> float:
    """By how much a normal interval from few groups must be stretched: Student's quantile, and g / (g - 1).

    Groups differ in size and spread, which Student's law does not know: 1 + 1.5 / g on top, set on synthetic groups
    (`benchmarks/judgement/intervals.py`).
    """
    if groups < 2:
        return 1.0
    return quantile(level, groups - 1) / z_value(level) * math.sqrt(groups / (groups - 1)) * (1 + 1.5 / groups)


def logit_interval(
    value: float, error: float, level: float = 0.95, *, freedom: int | None = None
) -> tuple[float, float]:
    """Interval of a value within (0, 1) from its standard error, made on the logit scale so that it stays inside.

    Source: Pepe (2003), The Statistical Evaluation of Medical Tests, section 5.2. At 0 and 1 the logit does not
    exist; the caller must answer that case.
    """
    z = quantile(level, freedom)
    if not 0.0 < value < 1.0:
        return max(0.0, value - z * error), min(1.0, value + z * error)
    centre = math.log(value / (1 - value))
    half = z * error / (value * (1 - value))
    return _expit(centre - half), _expit(centre + half)


def delong(y: NDArray[Any], score: NDArray[np.float64], level: float = 0.95) -> tuple[float, float, float]:
    """AUC, low, high. A perfect or undefined AUC has no variance to measure: see `auc_bounds_without_variance`."""
    positive = np.asarray(y) == 1
    value, psi = auc_influence(positive, score)
    error = math.sqrt(float(np.dot(psi, psi))) / max(positive.size, 1)
    if error == 0.0:
        low, high = auc_bounds_without_variance(positive, value, level)
        return value, low, high
    low, high = logit_interval(value, error, level)
    return value, low, high


def auc_bounds_without_variance(positive: NDArray[np.bool_], value: float, level: float) -> tuple[float, float]:
    """Bounds where every pair agrees: Wilson on the smaller class, as if each of its rows were one trial.

    A perfect AUC on 20 positives says as much as 20 successes of 20, not certainty; no class, no knowledge.
    """
    n_smaller = int(min(positive.sum(), (~positive).sum()))
    return wilson(value * n_smaller, n_smaller, level)


def _expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x > -700 else 0.0


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.zeros(top.shape), where=bottom > 0)
