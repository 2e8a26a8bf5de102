"""How large a change is: measures freed of what chance alone would show, each with a one-sided 95 % lower bound."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.distances import js, psi
from modelwright.stats.drift_tests import per_row_error

Floats = NDArray[np.float64]
_Z95 = 1.6448536269514722


class Effect(NamedTuple):
    value: float
    low: float


def psi_effect(counts: Floats, shares: Floats, worth: float, dispersion: float = 1.0) -> Effect:
    """Population stability index less its expectation under no change, (cells - 1)(1/n + 1/N) times the dispersion.

    The bound treats PSI/(1/n + 1/N) as noncentral chi-square (Yurdakul & Naranjo; arXiv 2307.11878).
    """
    n = float(counts.sum())
    if n < 1 or counts.size < 2:
        return Effect(0.0, 0.0)
    return _freed(psi(shares * worth, counts), counts.size - 1, per_row_error(n, worth) * dispersion)


def js_effect(counts: Floats, shares: Floats, worth: float, dispersion: float = 1.0) -> Effect:
    """Jensen-Shannon distance (base 2, 0 to 1) less what chance shows: near no change its square is PSI/(8 ln 2)."""
    n = float(counts.sum())
    if n < 1 or counts.size < 2:
        return Effect(0.0, 0.0)
    unit = per_row_error(n, worth) * dispersion / (8 * np.log(2))
    squared = _freed(js(shares * worth, counts) ** 2, counts.size - 1, unit)
    return Effect(float(np.sqrt(squared.value)), float(np.sqrt(squared.low)))


def _freed(measured: float, freedom: int, unit: float) -> Effect:
    value = max(0.0, measured - freedom * unit)
    spread = unit * np.sqrt(2.0 * (freedom + 2.0 * value / unit))
    return Effect(float(value), float(max(0.0, value - _Z95 * spread)))


def wasserstein_effect(
    counts: Floats, shares: Floats, widths: Floats, scale: float, worth: float, dispersion: float = 1.0
) -> Effect:
    """First Wasserstein distance over ordered cells of these widths, in units of `scale` (the reference's IQR),
    less its expectation under no change, the integral of sqrt(2 F(1-F) / pi (1/n + 1/N))."""
    n = float(counts.sum())
    if n < 1 or scale <= 0:
        return Effect(0.0, 0.0)
    error = per_row_error(n, worth) * dispersion
    ours, theirs = np.cumsum(counts) / n, np.cumsum(shares)
    measured = float((np.abs(ours - theirs) * widths).sum()) / scale
    chance = float((np.sqrt(np.clip(theirs * (1 - theirs), 0, None) * 2 / np.pi * error) * widths).sum()) / scale
    value = float(np.sqrt(max(0.0, measured**2 - chance**2)))
    # a shift moves F by its density: its sampling error is about the sd of the values, 1.25 times `chance`
    return Effect(value, max(0.0, value - _Z95 * 1.25 * chance))


def share_effect(k: float, n: float, share: float, worth: float, dispersion: float = 1.0) -> Effect:
    """Absolute difference of two shares, in points of 1."""
    if n < 1:
        return Effect(0.0, 0.0)
    ours = k / n
    middle = (k + share * worth + 0.5) / (n + worth + 1)
    spread = np.sqrt(middle * (1 - middle) * per_row_error(n, worth) * dispersion)
    return Effect(abs(ours - share), float(max(0.0, abs(ours - share) - _Z95 * spread)))
