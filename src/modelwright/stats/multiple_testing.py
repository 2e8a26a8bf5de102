"""Many tests at once: Benjamini-Hochberg and weighted Bonferroni."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def benjamini_hochberg(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values in the given order: those up to q are the discoveries at false discovery rate q.

    Source: Benjamini & Hochberg (1995), JRSS B 57. Holds for independent and positively dependent tests.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    found = np.empty_like(p)
    found[order] = adjusted
    return found


def weighted_bonferroni(p_values: Sequence[float], weights: Sequence[float]) -> float:
    """One p-value for several looks at one hypothesis; `weights` add up to at most 1.

    Source: Roeder & Wasserman (2009), Statistical Science 24.
    """
    return min(1.0, min((p / w for p, w in zip(p_values, weights, strict=True)), default=1.0))
