"""The counter-proof of a leak across rows: the same small model judged on the same rows, learned from others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats import association

#: resampled groups for the interval of the difference; its 2.5 % quantile is then known to about 0.15 errors
RESAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Errors on the scale of `stats.association` (0 perfect, 1 nothing), and their paired difference."""

    flattering: float  # rows dealt at random
    honest: float  # kin kept together, or later rows judged by earlier ones
    low: float  # of honest - flattering, 95 %
    high: float
    n: int

    @property
    def fall(self) -> float:
        return self.honest - self.flattering

    @property
    def share(self) -> float:
        """How much of what the flattering score explains is lost, 0 to 1."""
        return self.fall / max(1.0 - self.flattering, self.fall, 1e-9)


def whole_group_folds(groups: NDArray[np.int64], seed: int, k: int = 3) -> NDArray[np.int64]:
    """A fold per row; rows of one group share it, and the folds have about equally many rows."""
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(sizes.size)
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.empty(sizes.size, dtype=np.int64)
    filled = np.zeros(k)
    for group in order:
        fold = int(filled.argmin())
        fold_of[group] = fold
        filled[fold] += sizes[group]
    return fold_of[groups]


def every_class_learned(y: NDArray[Any], n_classes: int, fold: NDArray[np.int64]) -> bool:
    """Whether each fold's learning side holds every class, as a fit needs."""
    if n_classes == 0:
        return True
    return all(np.unique(y[fold != number]).size == n_classes for number in np.unique(fold))


Measure = Callable[[NDArray[Any], NDArray[np.float64], int], float]


def brier(y: NDArray[Any], shares: NDArray[np.float64], n_classes: int) -> float:
    """Squared error of class shares over that of always giving the classes' overall shares (Brier 1950): a proper
    score, which an answer that ranks well and yet says the wrong level does not satisfy. `n_classes` at least 2."""
    truth = np.eye(n_classes)[y]
    nothing = float(((truth - truth.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(((truth - shares) ** 2).sum(axis=1).mean()) / max(nothing, 1e-12)


def compare(
    y: NDArray[Any],
    n_classes: int,
    answers: tuple[NDArray[np.float64], NDArray[np.float64]],
    units: NDArray[np.int64],
    measure: Measure = association.error,
) -> Gap:
    """The paired gap between two sets of answers (flattering, honest) for the same rows.

    units: (n,) numbers from 0; whole units are resampled, since rows of one unit are not independent. measure: an
    error, 0 perfect, 1 no better than knowing nothing. Errors of ranks and numbers count as 1 at most; a proper score
    says how much worse than nothing an answer of the wrong level is, up to 4.
    """
    most = 4.0 if measure is brier else 1.0
    errors = [min(measure(y, one, n_classes), most) for one in answers]
    rng = np.random.default_rng(0)
    order = np.argsort(units, kind="stable")
    starts = np.searchsorted(units[order], np.arange(int(units.max()) + 2))
    n_units = starts.size - 1
    found = []
    for _ in range(RESAMPLES):
        picks = rng.integers(0, n_units, n_units)
        rows = order[_ranges(starts[picks], starts[picks + 1])]
        if n_classes and np.unique(y[rows]).size < 2:
            continue
        two = [min(measure(y[rows], one[rows], n_classes), most) for one in answers]
        found.append(two[1] - two[0])
    low, high = np.quantile(found, [0.025, 0.975]) if len(found) > RESAMPLES // 2 else (-np.inf, np.inf)
    return Gap(flattering=errors[0], honest=errors[1], low=float(low), high=float(high), n=int(y.size))


def _ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of several half-open ranges, one after the other."""
    sizes = ends - starts
    offsets = np.repeat(starts - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    return np.asarray(offsets + np.arange(int(sizes.sum())), dtype=np.int64)
