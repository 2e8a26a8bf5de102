"""Distances between two distributions over the same bins: population stability index and Jensen-Shannon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shares(counts: NDArray[np.float64], pseudo: float = 0.5) -> NDArray[np.float64]:
    """Counts as shares, each cell raised by `pseudo` so that an empty bin stays finite (Jeffreys' prior)."""
    raised = np.asarray(counts, dtype=np.float64) + pseudo
    return np.asarray(raised / raised.sum())


def psi(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """Population stability index of two count vectors over the same bins; 0 when equal, unbounded.

    Source: Siddiqi (2006), Credit Risk Scorecards. Its expectation under no change is about
    (bins - 1) * (1/n + 1/m), so small samples show a PSI by chance alone.
    """
    p, q = shares(reference), shares(current)
    return float(((p - q) * np.log(p / q)).sum())


def js(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """Jensen-Shannon distance with base-2 logarithms: 0 (equal) to 1. Source: Lin (1991), IEEE IT 37."""
    p, q = shares(reference, 0.0), shares(current, 0.0)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log2(p / middle), 0.0).sum()
        right = np.where(q > 0, q * np.log2(q / middle), 0.0).sum()
    return float(np.sqrt(max((left + right) / 2, 0.0)))


def quantile_edges(values: NDArray[np.float64], bins: int = 10) -> NDArray[np.float64]:
    """Inner edges of at most `bins` equally filled bins; fewer when values repeat. Ignores NaN."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.zeros(0)
    return np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1]))


def bin_counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows per bin, the last bin for missing values. Shape (len(edges) + 2,)."""
    missing = ~np.isfinite(values)
    codes = np.searchsorted(edges, values[~missing], side="right")
    counts = np.bincount(codes, minlength=edges.size + 1).astype(np.float64)
    return np.append(counts, float(missing.sum()))
