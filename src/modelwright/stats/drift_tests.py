"""Whether two samples counted over the same cells can come from one distribution; the reference's own error counts.

A reference may be a weighted mix of strata, so it is given by its shares and the rows it is worth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: rows that a cell should be expected to hold before the chi-square approximation is trusted (Cochran 1954)
LEAST_EXPECTED = 5.0


def per_row_error(n: float, worth: float) -> float:
    """1/n + 1/N: the variance of a difference of shares in units of p(1-p)."""
    return 1.0 / max(n, 1.0) + 1.0 / max(worth, 1.0)


def merged_cells(shares: Floats, n: float, least: float = LEAST_EXPECTED) -> NDArray[np.intp]:
    """Starts of runs of neighbouring cells, each expected to hold `least` of n rows; for `np.add.reduceat`."""
    starts, held = [0], 0.0
    for at, share in enumerate(shares.tolist()):
        if held * n >= least and at:
            starts.append(at)
            held = 0.0
        held += share
    if len(starts) > 1 and held * n < least:
        starts.pop()
    return np.array(starts, dtype=np.intp)


def chi_square(counts: Floats, shares: Floats, worth: Floats | float) -> Floats:
    """Two-sample chi-square of each row of counts (windows, cells) against reference shares (same shape or (cells,)).

    Follows chi-square with cells - 1 degrees of freedom under no change; 2 cells give the squared z of two shares.
    """
    n = counts.sum(axis=-1, keepdims=True)
    big = np.reshape(np.asarray(worth, dtype=np.float64), (-1, 1)) if np.ndim(worth) else float(worth)
    safe = np.maximum(n, 1.0)
    pooled = (counts + big * shares) / (safe + big)
    gap = counts / safe - shares
    error = 1.0 / safe + 1.0 / np.maximum(big, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(pooled > 0, gap * gap / (pooled * error), 0.0)
    return np.asarray(np.where(n[..., 0] > 0, parts.sum(axis=-1), 0.0))


def chi_square_p(statistic: float, freedom: float) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(freedom, statistic)) if freedom > 0 else 1.0


def share_p(k: float, n: float, reference_k: float, reference_n: float) -> float:
    """One-sided p-value that the share k/n is no larger than the reference's: exact where counts are small.

    Small counts: given their sum, k is binomial (Przyborowski & Wilenski 1940); else the pooled normal.
    """
    from scipy.special import betainc, ndtr

    if n <= 0 or reference_n <= 0 or k / n <= reference_k / reference_n:
        return 1.0
    total = k + reference_k
    part = n / (n + reference_n)
    if min(total * part, total * (1 - part)) < 20:
        # the binomial tail as a beta integral, which takes the fractions of rows that a mix of strata is worth
        return float(betainc(k, reference_k + 1.0, part)) if k >= 1 else 1.0
    p = total / (n + reference_n)
    z = (k / n - reference_k / reference_n) / np.sqrt(p * (1 - p) * per_row_error(n, reference_n) + 1e-300)
    return float(ndtr(-z))


def ridits(counts: Floats) -> Floats:
    """A score for each cell, in order: the share of rows below its middle. Source: Bross (1958), Biometrics 14."""
    total = max(float(counts.sum()), 1.0)
    return np.asarray((np.cumsum(counts) - counts / 2) / total)


def detectable_psi(n: float, worth: float, freedom: float, alpha: float, power: float = 0.95) -> float:
    """The smallest PSI that n rows against a reference of that worth show with this power: n PSI is about the
    noncentrality of the chi-square (Yurdakul & Naranjo; arXiv 2307.11878)."""
    from scipy.special import chdtri, chndtrinc

    limit = float(chdtri(freedom, alpha))
    noncentrality = float(chndtrinc(limit, freedom, 1.0 - power))
    return noncentrality * per_row_error(n, worth) if np.isfinite(noncentrality) else float("inf")
