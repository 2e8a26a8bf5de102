"""Rates of a 0/1 target over small hidden groups: the fractions k / m that they are, and whose labels they count.

A rate over a group of m rows is k / m, smoothed (Micci-Barreca 2001) (k + a p) / (m + a). Where groups are not named in
the table, rows of several groups share a value, but what holds for each group holds for their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

Values = NDArray[np.float64]

_MOST_KINDS, _FEWEST_KINDS = 1500, 5
_GLANCE = 5000
#: a fraction with a larger denominator is no longer told from any other number
_MOST_ROWS = 60
#: weights of the mean in smoothed rates, 0 for none
_WEIGHTS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 80, 100, 150, 200, 250, 300, 500, 1000)
#: share of rows whose value must be such a fraction
_EXPLAINED = 0.98
#: log likelihood of a value whose labels cannot have made it, so that a few corrected labels do not hide the rest
_IMPOSSIBLE = -9.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fractions:
    """`odds`: log10 of the likelihood of the labels seen when the rates count these very labels (hypergeometric), by
    that when they are right but count others (binomial): above 6 at most once in a million honest columns.

    `excess`: standard errors by which y follows the rate more steeply than a rate of `largest` other rows can (the
    reliability of a mean, Spearman 1910); 0 where the column is no such rate, or not in line with y.
    """

    odds: float
    excess: float
    kinds: int
    largest: int
    weight: float
    #: whether values are fractions far beyond chance, not merely near some
    structured: bool


def own_labels(value: Values, y: Values, labelled: NDArray[np.bool_]) -> Fractions | None:
    """None where the values are no such fractions. y: 0 or 1, NaN where unseen; labelled: rows that have a label at
    all, seen or not. O(n log n)."""
    there = np.isfinite(value) & labelled
    if there.sum() < 60 or np.unique(value[there][:_GLANCE]).size > _MOST_KINDS:
        return None
    low, high = float(value[there].min()), float(value[there].max())
    if low < 0.0 or high <= 0.0 or high > 1e6:
        return None
    # As shares, in percent, or over anything by which the share of a group without exception is the largest value.
    scales = [1.0] if high <= 1.0 else [100.0, high] if 1.0 < high <= 100.0 else [high]
    found = [_at_scale(value[there] / scale, y[there]) for scale in dict.fromkeys(scales)]
    return max((one for one in found if one is not None), key=lambda one: one.odds, default=None)


def _at_scale(value: Values, truth: Values) -> Fractions | None:
    kinds, group, rows = np.unique(value, return_inverse=True, return_counts=True)
    if not _FEWEST_KINDS <= kinds.size <= min(_MOST_KINDS, 0.7 * value.size):
        return None
    seen = np.isfinite(truth)
    drawn = np.bincount(group[seen], minlength=kinds.size).astype(np.float64)
    hits = np.bincount(group[seen], weights=truth[seen], minlength=kinds.size)
    tolerance = _tolerance(kinds)
    best: Fractions | None = None
    for weight in _WEIGHTS:
        for count, size in _read(kinds, rows, weight, float(truth[seen].mean()), tolerance):
            found = _judge(count, size, (rows.astype(np.float64), drawn, hits.astype(np.float64)), weight, tolerance)
            if found is not None and (best is None or found.odds > best.odds):
                best = found
    return best


def _tolerance(kinds: Values) -> float:
    """Half a unit of the last decimal that is written."""
    for digits in range(2, 9):
        if np.abs(kinds - np.round(kinds, digits)).max() < 1e-12:
            return 0.5001 * 10.0**-digits
    return 1e-10 if np.abs(kinds - kinds.astype(np.float32)).max() > 0 else 1e-7


def _read(
    kinds: Values, rows: NDArray[np.int64], weight: float, rate: float, tolerance: float
) -> list[tuple[Values, Values]]:
    """(k, m) of each value, NaN where there is none whose groups make up the value's rows; one pair for each prior."""
    sizes = np.arange(1, _MOST_ROWS + 1, dtype=np.int64)
    room: Values = np.asarray(tolerance * (sizes + weight) + 1e-9, dtype=np.float64)
    scaled: Values = np.asarray(kinds[:, None] * (sizes + weight), dtype=np.float64)
    fits = rows[:, None] % sizes == 0
    if weight == 0:
        return [_smallest(scaled, room, fits, sizes)]
    if room[0] > 0.02:  # written too coarsely to find the prior in it
        return []
    # a p modulo 1 is the same for all values: what the commonest one allows is tried on all others
    first = int(rows.argmax())
    found = []
    for part in np.unique(np.round((scaled[first] % 1.0)[fits[first]], 6)):
        far = np.abs((scaled - part + 0.5) % 1.0 - 0.5)
        if rows[((far < 2 * room + 1e-6) & fits).any(axis=1)].sum() >= _EXPLAINED * rows.sum():
            whole = round(weight * rate - part)
            found.append(_smallest(scaled - part - whole, 2 * room + 1e-6, fits, sizes))
    return found


def _smallest(scaled: Values, room: Values, fits: NDArray[np.bool_], sizes: NDArray[np.int64]) -> tuple[Values, Values]:
    count = np.round(scaled)
    good = (np.abs(scaled - count) <= room) & fits & (count >= 0) & (count <= sizes)
    at = good.argmax(axis=1)
    any_ = good.any(axis=1)
    each = np.arange(at.size)
    return np.where(any_, count[each, at], np.nan), np.where(any_, sizes[at], np.nan)


def _judge(
    count: Values, size: Values, counted: tuple[Values, Values, Values], weight: float, tolerance: float
) -> Fractions | None:
    """counted: of each value its rows, those seen, and those of them that have the label."""
    rows, drawn, hits = counted
    known = np.isfinite(count)
    if rows[known].sum() < _EXPLAINED * rows.sum() or ((count > 0) & (count < size)).sum() < _FEWEST_KINDS - 2:
        return None
    rate, n = (count / size)[known], rows[known]
    m, s = drawn[known], hits[known]
    odds = np.maximum(_log_hypergeometric(s, m, n, np.round(rate * n)), _IMPOSSIBLE) - np.maximum(
        _log_binomial(s, m, rate), _IMPOSSIBLE
    )
    largest = int(size[known].max())
    # That the rows of each value can be dealt into groups of m is chance 1 in m.
    near = 0.6 * (max(tolerance, 1e-6) if weight else tolerance) * largest**2  # 0.3 M^2 fractions up to M
    by_chance = float(np.log10(size[known]).sum()) + max(0.0, -float(np.log10(near))) * int(known.sum())
    return Fractions(
        odds=float(odds.sum() / np.log(10)),
        excess=_excess(rate, m, s, largest),
        kinds=int(known.sum()),
        largest=largest,
        weight=weight,
        structured=by_chance > 10.0,
    )


def _excess(rate: Values, m: Values, s: Values, largest: int) -> float:
    total = float(m.sum())
    centre, mean = float(m @ rate) / total, float(s.sum()) / total
    spread = float(m @ (rate - centre) ** 2)
    noise = float(m @ (rate * (1 - rate))) / total
    if largest < 2 or spread <= 0.0 or noise <= 0.0:
        return 0.0
    slope = float((s - m * mean) @ (rate - centre)) / spread
    error = float(np.sqrt(noise * total / (total * spread)))
    honest = 1.0 - noise / (largest - 1) / (spread / total)
    # where all, or none, of the group had the label, all, or none, must have it here
    pure = s[rate == 0].sum() == 0 and (m - s)[rate == 1].sum() == 0
    in_line = abs(slope - 1.0) < 3 * error and abs(mean - centre) < 3 * np.sqrt(noise / total)
    return (slope - max(honest, 0.0)) / error if pure and in_line else 0.0


def _log_choose(n: Values, k: Values) -> Values:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _log_binomial(s: Values, m: Values, rate: Values) -> Values:
    return np.asarray(_log_choose(m, s) + xlogy(s, rate) + xlog1py(m - s, -rate))


def _log_hypergeometric(s: Values, m: Values, n: Values, of_them: Values) -> Values:
    """log P(s of m rows drawn from n, of which `of_them` have the label); -inf where that cannot be."""
    possible = (s <= of_them) & (m - s <= n - of_them)
    safe = np.where(possible, s, np.maximum(0.0, m - (n - of_them)))
    found = _log_choose(of_them, safe) + _log_choose(n - of_them, m - safe) - _log_choose(n, m)
    return np.where(possible, found, -np.inf)
