"""Has the mean of a stream risen? A CUSUM by likelihood ratio that estimates its own base rate as it goes.

For each moment t and each possible beginning k of a change, the rows before k are compared with the rows since k by the
two-sample likelihood ratio (Siegmund and Venkatraman (1995), Annals of Statistics 23; Lai and Xing (2010), Sequential
Analysis 29: both rates unknown). What the base rate's own estimate is worth is thereby part of the statistic: a short
reference only makes the detector slower, never wrong more often. Beginnings are searched on a geometric grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.sequential_dependence import (
    as_if_known,
    inflation,
    inflation_at,
    inflation_of_runs,
    stretches,
)

Array = NDArray[np.float64]

#: neighbouring window lengths differ by this factor; the best one in between loses under 2 % of its evidence
_GRID = 1.15
_SHORTEST = 5
#: longer streams are looked at after every so many rows, not after each
_MOST_LOOKS = 200_000
#: what a window worth less than _FREE independent rows pays for being one of many: nats per factor e of length. It is
#: chosen so that windows of about 600 rows, where a rise from 10 to 15 % is found, pay least; short ones have evidence
#: to spare.
_SHORTER_PAYS, _FREE = 2.5, 700
#: threshold at 10,000 rows and growth with the logarithm of the rows seen, in nats; benchmarks/monitoring/decay.py
#: draws streams of many rates and reference lengths, and these keep all of them together under 1 % of streams
THRESHOLD, GROWTH = 8.0, 0.8
_AT_ROWS = 10_000
#: evidence against so many rows before a change counts half, against twice as many four fifths; at least so much
_YOUNG, _LEAST_BELIEVED = 800, 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The path of the statistic. `looks` are numbers of rows seen; `evidence` is in nats, already divided by what the
    rows' dependence inflates their variance by, and comparable with `threshold`."""

    looks: NDArray[np.int64]
    evidence: Array
    began: NDArray[np.int64]  # rows before the likeliest beginning, at each look
    threshold: Array
    raw: Array  # nats before dependence and the price of short windows
    paid: Array  # that price

    @property
    def first(self) -> int | None:
        """Position in `looks` of the first crossing."""
        over = np.flatnonzero(self.evidence >= self.threshold)
        return int(over[0]) if over.size else None


def threshold(rows: Array, share: float = 1.0) -> Array:
    """Nats to cross after so many rows, for a `share` of the budget of 1 % of streams in 10,000 rows."""
    longer = np.log(np.maximum(rows, _AT_ROWS) / _AT_ROWS)
    return np.asarray(THRESHOLD + GROWTH * longer - np.log(share))


def scan(values: Array, reference: int, *, binary: bool, inflated: Array | None = None, share: float = 1.0) -> Scan:
    """Search `values` (within 0 and 1; larger is worse) for a rise after the first `reference` rows.

    `inflated` (n + 1,): how much the variance of a mean is inflated by dependence, as the first so many rows say.
    """
    n = values.size
    stride = max(1, n // _MOST_LOOKS)
    looks = np.arange(reference + _SHORTEST, n + 1, stride, dtype=np.int64)
    if looks.size == 0:
        empty = np.empty(0)
        return Scan(looks=looks, evidence=empty, began=looks, threshold=empty, raw=empty, paid=empty)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = None if binary else np.concatenate([[0.0], np.cumsum(values * values)])
    best, began = np.zeros(looks.size), looks.copy()
    raw, paid = np.zeros(looks.size), np.zeros(looks.size)
    for lag in (*_lags(n - reference), 0):
        start = np.full(looks.size, reference, dtype=np.int64) if lag == 0 else looks - lag
        usable = start >= reference
        t, k = looks[usable], start[usable]
        found = _binary(sums, k, t) if squares is None else _bounded(sums, squares, k, t)
        widened = np.ones(t.size) if inflated is None else inflated[k]
        price = price_of((t - k) / widened)
        net = found / widened - price
        here = np.flatnonzero(usable)
        better = net > best[here]
        chosen = here[better]
        best[chosen], began[chosen], raw[chosen], paid[chosen] = net[better], k[better], found[better], price[better]
    bars = threshold(looks.astype(np.float64), share)
    return Scan(looks=looks, evidence=best, began=began, threshold=bars, raw=raw, paid=paid)


def price_of(worth: Array) -> Array:
    """Nats that windows pay which are worth so many independent rows."""
    return np.asarray(_SHORTER_PAYS * np.log(np.maximum(_FREE / np.maximum(worth, 1.0), 1.0)))


def _lags(most: int) -> list[int]:
    lags: list[int] = []
    length = float(_SHORTEST)
    while length <= most:
        if not lags or int(length) != lags[-1]:
            lags.append(int(length))
        length *= _GRID
    return lags


def _binary(sums: Array, k: NDArray[np.int64], t: NDArray[np.int64]) -> Array:
    """Likelihood ratio of two binomial rates against one, in nats; 0 where the rate did not rise."""
    before, since, whole = sums[k], sums[t] - sums[k], sums[t]
    ratio = _entropy(before, k) + _entropy(since, t - k) - _entropy(whole, t)
    return np.where(since * k > before * (t - k), np.maximum(ratio, 0.0), 0.0)


def _entropy(errors: Array, rows: NDArray[np.int64]) -> Array:
    n = rows.astype(np.float64)
    right = n - errors
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            np.where(errors > 0, errors * np.log(errors / n), 0.0) + np.where(right > 0, right * np.log(right / n), 0.0)
        )


def _bounded(sums: Array, squares: Array, k: NDArray[np.int64], t: NDArray[np.int64]) -> Array:
    """The same for means of values within 0 and 1: the binomial ratio by the dispersion of the rows before (quasi-
    likelihood, McCullagh and Nelder 1989, section 9): its tails are those of counts, not of a normal."""
    mean = np.clip(sums[k] / k, 1e-9, 1 - 1e-9)
    dispersion = np.clip((squares[k] / k - mean * mean) / (mean * (1 - mean)), 0.02, 1.0)
    return np.asarray(_binary(sums, k, t) / dispersion)


def confirmed(found: Scan, values: Array) -> int | None:
    """Position in `looks` of the first crossing that also stands when dependence is estimated from all rows so far,
    the step taken out: rows that depend on each other over longer than the reference can show are seen here."""
    over = np.flatnonzero(found.evidence >= found.threshold)
    at = 0
    while at < over.size:
        here = int(over[at])
        t, k = int(found.looks[here]), int(found.began[here])
        if _weighed(float(found.raw[here]), float(found.paid[here]), values, k, t) >= found.threshold[here]:
            return here
        at = int(np.searchsorted(over, here + max(1, (t - k) // 20, over.size // 400), side="left"))
    return None


def _weighed(raw: float, paid: float, values: Array, k: int, t: int) -> float:
    """Nats that are left of the evidence under the least favourable view of the rows' dependence. Few rows before a
    change show little of it: a single day that differs is a step, and so they are believed in part."""
    rest = values[:t].copy()
    rest[:k] -= rest[:k].mean()
    rest[k:] -= rest[k:].mean()
    plain = max(inflation(rest), inflation_at(values[:k], t - k), inflation_of_runs(values[:t], k))
    believed = max(_LEAST_BELIEVED, 1 / (1 + (_YOUNG / k) ** 2))
    left = np.inf
    for ratio, freedom in ((plain, np.inf), *stretches(rest, max(k, t - k))):
        price = max(paid, float(price_of(np.array((t - k) / ratio))))
        left = min(left, believed * as_if_known(raw / ratio, freedom) - price)
    return float(left)


def likeliest_beginning(values: Array, reference: int, *, binary: bool) -> int:
    """The row from which a rise most likely holds, searched at every row from `reference` on."""
    n = values.size
    if n - reference < 2:
        return reference
    sums = np.concatenate([[0.0], np.cumsum(values)])
    k = np.arange(max(reference, 1), n, dtype=np.int64)
    t = np.full(k.size, n, dtype=np.int64)
    if binary:
        return int(k[np.argmax(_binary(sums, k, t))])
    return int(k[np.argmax(_bounded(sums, np.concatenate([[0.0], np.cumsum(values * values)]), k, t))])
