"""An e-detector: bets against a bound that start anew again and again, so that a late change is found as soon as an
early one. A weighted sum of e-processes is one (Shin, Ramdas and Rinaldo 2024, E-detectors; weights that sum to 1
bound the false alarms of the whole stream, however long)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BETS = np.geomspace(0.01, 0.6, 8)
_STARTS = 200


def restarted(values: Array, bound: float) -> Array:
    """Log e-value after each of the values (within 0 and 1) against `every conditional mean is at most bound`."""
    n = values.size
    bound = min(max(bound, 1e-9), 1 - 1e-9)
    step = max(1, math.ceil(n / _STARTS))
    numbers = np.arange(1, math.ceil(n / step) + 1, dtype=np.float64)
    log_weights = np.full(n, -np.inf)
    log_weights[::step] = -np.log(numbers * (numbers + 1))
    total = np.full(n, -np.inf)
    for share in _BETS / bound:
        path = np.cumsum(np.log1p(share * (values - bound)))
        before = np.concatenate([[0.0], path[:-1]])
        total = np.logaddexp(total, path + np.logaddexp.accumulate(log_weights - before))
    return np.asarray(total - math.log(_BETS.size))
