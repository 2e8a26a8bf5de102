"""How much more a statistic varies on a clean history than theory for independent rows says, and p-values with it.

Rows of one hour or day resemble each other, so a window's chi-square is larger than its law. The law is scaled to the
mean and variance that blocks of the history show (Rao & Scott 1984, Satterthwaite 1946); that both are estimated from
few blocks makes the chi-square an F. A generalised Pareto tail over all features' blocks guards what this misses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Dispersion(NamedTuple):
    """`scale` times chi-square with `freedom` (as a share of the nominal degrees), learned from so many blocks of
    about `rows` rows; `growth` is the power of rows with which the scale grows for larger windows."""

    scale: float = 1.0
    freedom: float = 1.0
    blocks: int = 0
    rows: float = 0.0
    growth: float = 0.0

    def at(self, rows: float) -> float:
        """The scale for windows of so many rows."""
        if self.blocks == 0 or self.rows <= 0 or rows <= 0:
            return 1.0
        grown = self.scale * (rows / self.rows) ** self.growth if rows > self.rows else self.scale
        # a random effect between blocks weighs with the rows: 1 + rows * effect
        shrunk = 1.0 + (self.scale - 1.0) * min(rows / self.rows, 1.0)
        return max(1.0, grown if rows > self.rows else shrunk)

    def p(self, statistic: float, nominal: float, rows: float) -> float:
        """The p-value under the scaled law; 0 blocks give 0, so that the theory's p-value stands."""
        from scipy.special import fdtrc

        if self.blocks == 0 or nominal <= 0:
            return 0.0
        freedom = max(1.0, min(nominal, self.freedom * nominal))
        return float(fdtrc(freedom, max(1.0, self.blocks * freedom), statistic / (nominal * self.at(rows))))


def dispersions(
    ratios: Floats, nominal: Floats, rows: float, growth: Floats, blocks: NDArray[np.intp]
) -> list[Dispersion]:
    """One dispersion per feature from statistic/nominal of its blocks, shape (features, blocks) with NaN for none.

    Scales that differ between features by no more than chance are drawn to their mean (empirical Bayes).
    """
    with np.errstate(invalid="ignore"):
        means = np.nanmean(ratios, axis=1)
        spread = np.nanvar(ratios, axis=1, ddof=1)
    law = 2.0 / nominal  # variance of chi-square/df, per squared mean
    relative = np.where(means > 0, spread / np.maximum(means, 1e-12) ** 2, law)
    share = np.clip(law / np.maximum(relative, 1e-12), 1.0 / nominal, 1.0)
    error = means**2 * (law / share) / np.maximum(blocks, 1)
    between = max(0.0, float(np.var(means)) - float(error.mean())) if means.size > 1 else np.inf
    weight = np.ones_like(means) if np.isinf(between) else between / (between + error + 1e-300)
    centre = float(means.mean())
    found = []
    for at in range(means.size):
        scale = max(1.0, float(weight[at] * means[at] + (1 - weight[at]) * centre))
        # one feature's blocks say little of its own law, all features' blocks together say more
        worth = int(blocks[at] * (weight[at] + (1 - weight[at]) * means.size))
        free = float(share[at]) if scale > 1.05 else 1.0
        found.append(Dispersion(scale, free, max(2, worth), rows, float(growth[at])))
    return found


class Tail(NamedTuple):
    """Generalised Pareto tail of -ln p beyond `start`, which a share `above` of clean blocks exceeds."""

    start: float
    above: float
    shape: float
    scale: float

    def p(self, p_value: float) -> float:
        """What share of clean statistics is at least as extreme; never smaller than the given p-value."""
        z = -float(np.log(max(p_value, 1e-300)))
        if z <= self.start:
            return p_value
        excess = (z - self.start) / self.scale
        if abs(self.shape) < 1e-9:
            mass = self.above * np.exp(-excess)
        else:
            mass = self.above * max(0.0, 1.0 + self.shape * excess) ** (-1.0 / self.shape)
        return float(max(p_value, mass))


def tail(p_values: Sequence[float] | Floats, least: int = 100) -> Tail | None:
    """The tail of clean p-values, by probability-weighted moments (Hosking & Wallis 1987), where it is heavier than
    the exponential that -ln p of sound p-values has; None where they are sound or too few to say."""
    z = -np.log(np.maximum(np.asarray(p_values, dtype=np.float64), 1e-300))
    if z.size < least:
        return None
    start = float(np.quantile(z, 0.9))
    over = np.sort(z[z > start]) - start
    if over.size < 10:
        return None
    a0 = float(over.mean())
    a1 = float((over * (over.size - np.arange(over.size) - 0.65) / over.size).mean())
    if a0 <= 2 * a1:
        return None
    shape, scale = 2 - a0 / (a0 - 2 * a1), 2 * a0 * a1 / (a0 - 2 * a1)
    # a tail that is no heavier than sound p-values have is left to theory (two standard errors)
    if a0 <= 1.0 + 2.0 / np.sqrt(over.size) and start <= np.log(10.0) * 1.15:
        return None
    return Tail(start, over.size / z.size, min(max(shape, 0.0), 0.3), max(scale, 1.0))
