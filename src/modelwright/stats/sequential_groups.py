"""Group sequential tests: a planned number of looks, the false-alarm rate spent over them.

Bounds by spending functions: Lan and DeMets (1983), Biometrika 70, in O'Brien and Fleming's shape (almost nothing
early) or Pocock's; the joint distribution of the looks by recursive integration (Armitage, McPherson and Rowe 1969,
JRSS A 132). Where the largest sample is known this loses 2-3 points of power against one look at the end, where an
always-valid test loses 20 to 35 (measured with 14 daily looks).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()
_NODES = 401


def spent(share: float, alpha: float, shape: str = "obrien_fleming") -> float:
    """How much of a two-sided `alpha` may be spent when `share` (0 to 1) of the planned rows are in."""
    if share <= 0:
        return 0.0
    share = min(share, 1.0)
    if shape == "pocock":
        return alpha * math.log(1 + (math.e - 1) * share)
    return min(alpha, 4 * (1 - _NORMAL.cdf(_NORMAL.inv_cdf(1 - alpha / 4) / math.sqrt(share))))


def bounds(shares: Sequence[float], alpha: float = 0.05, shape: str = "obrien_fleming") -> list[float]:
    """The |z| to cross at each look; `shares` of the planned rows at the looks, rising, at most 1.

    Later looks may be added or moved as long as their times do not depend on what was seen.
    """
    found: list[float] = []
    density: NDArray[np.float64] | None = None
    grid = np.empty(0)
    before = used = 0.0
    for share in shares:
        if not before < share <= 1:
            raise ValueError(f"looks must rise to at most 1: {list(shares)}")
        step, root = math.sqrt(share - before), math.sqrt(share)
        allowed = spent(share, alpha, shape) - used
        bar = _bar(grid, density, step, root, allowed)
        found.append(bar)
        edge = bar * root
        new = np.linspace(-edge, edge, _NODES) if edge < 8 * root else np.linspace(-8 * root, 8 * root, _NODES)
        density = _moved(grid, density, new, step)
        grid, before, used = new, share, spent(share, alpha, shape)
    return found


def _bar(
    grid: NDArray[np.float64], density: NDArray[np.float64] | None, step: float, root: float, allowed: float
) -> float:
    low, high = 0.0, 8.0
    if allowed <= 1e-15:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        if _outside(grid, density, middle * root, step) > allowed:
            low = middle
        else:
            high = middle
    return high


def _outside(grid: NDArray[np.float64], density: NDArray[np.float64] | None, edge: float, step: float) -> float:
    """Probability of being beyond ±edge now and within the bounds until now."""
    if density is None:
        return 2 * (1 - _NORMAL.cdf(edge / step))
    upper = _tail((edge - grid) / step) + _tail((edge + grid) / step)
    return float(np.trapezoid(density * upper, grid))


def _tail(z: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr

    return np.asarray(ndtr(-z), dtype=np.float64)


def _moved(
    grid: NDArray[np.float64], density: NDArray[np.float64] | None, new: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    scale = 1 / (step * math.sqrt(2 * math.pi))
    if density is None:
        return np.asarray(scale * np.exp(-0.5 * (new / step) ** 2))
    kernel = scale * np.exp(-0.5 * ((new[:, None] - grid[None, :]) / step) ** 2)
    return np.asarray(np.trapezoid(kernel * density[None, :], grid, axis=1))
