"""Tests that may be looked at after every observation: states go in, states come out, nothing is kept elsewhere.

Each test grows evidence against a null. An e-value of at least 1 / alpha at any time, chosen freely, happens under the
null with a probability of at most alpha (Ville's inequality): peeking costs nothing. `p_value` is the always-valid one,
min(1, 1 / largest e-value). The rate and category tests hold for every sample size; the test of two means holds in
the limit and says nothing before MIN_ROWS a side; that of two proportions is half of each kind.

    state = Proportions()
    for errors, rows in batches:
        state = add_proportions(state, a=(errors_a, rows_a), b=(errors_b, rows_b))
        if proportions(state, worse="b").p_value <= 0.01: stop
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: the asymptotic sequence is not asked earlier: with fewer rows a heavy tail still shows
MIN_ROWS = 100
#: at this many rows a side the bounds of two means are tightest
_TUNED_ROWS, _TUNED = 1_000, 6.0
#: the normal mixture of two rates is not asked with fewer errors (or fewer right answers) in both arms together
_MIN_ERRORS = 20
_BETS = 10
_LOG_MOST = 700.0


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a look says: the difference is b minus a; `low` and `high` hold at all times together."""

    difference: float | None
    low: float | None
    high: float | None
    log_e: float
    p_value: float
    n_a: int = 0
    n_b: int = 0
    level: float = 0.95
    method: str = ""


def _p(log_e: float) -> float:
    return 1.0 if log_e <= 0 else math.exp(-min(log_e, _LOG_MOST))


# ---------------------------------------------------------------- a rate against a bound: betting


class Bets(msgspec.Struct, frozen=True, kw_only=True):
    """Log wealth of bets of different sizes that a bounded stream's mean is above `bound`."""

    bound: float
    log_wealth: tuple[float, ...] = ()
    n: int = 0
    largest: float = 0.0  # log e-value at its highest: the evidence that stands


def bets(bound: float) -> Bets:
    """A fresh e-process against `every conditional mean is at most bound`, 0 < bound < 1."""
    return Bets(bound=min(max(bound, 1e-9), 1 - 1e-9), log_wealth=(0.0,) * _BETS)


def bet(state: Bets, values: Array) -> Bets:
    """Go on with values within 0 and 1.

    Source: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86;
    a mixture over fixed bets is an e-process by linearity.
    """
    return bet_path(state, values)[0]


def bet_path(state: Bets, values: Array) -> tuple[Bets, Array]:
    """Also the log e-value after each of the values."""
    if values.size == 0:
        return state, np.empty(0)
    # wealth stays positive up to 1 / bound; small bets find small excesses, large ones large excesses
    shares = np.geomspace(0.002, 0.6, _BETS) / state.bound
    gains = np.empty((_BETS, values.size))
    for row, share in enumerate(shares):
        np.log1p(share * (values - state.bound), out=gains[row])
    paths = np.cumsum(gains, axis=1) + np.array(state.log_wealth)[:, None]
    top = paths.max(axis=0)
    mixed = top + np.log(np.exp(paths - top).mean(axis=0))
    largest = max(state.largest, float(mixed.max()))
    wealth = tuple(float(value) for value in paths[:, -1])
    return Bets(bound=state.bound, log_wealth=wealth, n=state.n + values.size, largest=largest), mixed


# ---------------------------------------------------------------- two proportions


class Proportions(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of two arms, and the largest e-values there were, for each direction."""

    errors_a: int = 0
    n_a: int = 0
    errors_b: int = 0
    n_b: int = 0
    largest_higher: float = 0.0  # log e-value that b is higher
    largest_lower: float = 0.0
    largest_either: float = 0.0


def add_proportions(state: Proportions, *, a: tuple[int, int], b: tuple[int, int]) -> Proportions:
    """`a` and `b` are (errors, rows) of what is new."""
    for errors, rows in (a, b):
        if not 0 <= errors <= rows:
            raise ValueError(f"{errors} errors of {rows} rows")
    counts = (state.errors_a + a[0], state.n_a + a[1], state.errors_b + b[0], state.n_b + b[1])
    higher, lower = _with_normal(_proportions_log_e(*counts), *counts)
    xa, na, xb, nb = counts
    return Proportions(
        errors_a=xa,
        n_a=na,
        errors_b=xb,
        n_b=nb,
        largest_higher=max(state.largest_higher, higher),
        largest_lower=max(state.largest_lower, lower),
        largest_either=max(state.largest_either, float(np.logaddexp(higher, lower)) - math.log(2)),
    )


def _proportions_log_e(xa: int, na: int, xb: int, nb: int) -> tuple[float, float]:
    """Log e-values that b's rate is higher and that it is lower: mixture likelihood of two rates by the largest
    likelihood of one common rate, an e-process for any order of arrival, because the largest is never below the true.

    Source: Wasserman, Ramdas and Balakrishnan (2020), Universal inference, PNAS 117; the numerator mixes a common
    rate (Jeffreys) and log odds ratios of one sign.
    """
    if na == 0 or nb == 0:
        return 0.0, 0.0
    null = _log_likelihood(xa + xb, na + nb)
    higher, lower = _mixture(xa, na, xb, nb)
    return higher - null, lower - null


def _with_normal(exact: tuple[float, float], xa: int, na: int, xb: int, nb: int) -> tuple[float, float]:
    """Half the wealth on the exact test, half on the normal mixture, which pays far less once counts are large."""
    x, n = xa + xb, na + nb
    normal = (0.0, 0.0)
    if min(na, nb) >= MIN_ROWS and min(x, n - x) >= _MIN_ERRORS:
        variance = x / n * (1 - x / n)
        error = variance * (1 / na + 1 / nb)
        normal = _normal_log_e(xb / nb - xa / na, error, _TUNED * 2 * variance / _TUNED_ROWS)
    return tuple(float(np.logaddexp(a, b)) - math.log(2) for a, b in zip(exact, normal, strict=True))  # type: ignore[return-value]


_RATIOS = np.geomspace(0.05, 3.0, 12)
_NODES = np.linspace(-6.0, 6.0, 31)


def _mixture(xa: int, na: int, xb: int, nb: int) -> tuple[float, float]:
    """Log of the mean likelihood over log odds ratios, above 0 and below, and base logits (density
    sech(z / 2) / 2 pi, Jeffreys' own).

    The integral over the base is taken by trapezoids around its peak, wherever the data put that.
    """
    ratios = np.concatenate([_RATIOS, -_RATIOS])
    base = np.full(ratios.size, math.log((xa + xb + 0.5) / (na + nb - xa - xb + 0.5)))
    bend = np.ones(ratios.size)
    for _ in range(12):
        one, two = _expit(base), _expit(base + ratios)
        slope = xa + xb - na * one - nb * two - np.tanh(base / 2) / 2
        bend = na * one * (1 - one) + nb * two * (1 - two) + 0.25 / np.cosh(base / 2) ** 2 + 1e-9
        base = base + np.clip(slope / bend, -1.0, 1.0)
    width = 1 / np.sqrt(bend)
    z = base[:, None] + width[:, None] * _NODES[None, :]
    moved = z + ratios[:, None]
    log = xa * z - na * np.logaddexp(0.0, z) + xb * moved - nb * np.logaddexp(0.0, moved)
    log += -np.logaddexp(z / 2, -z / 2) - math.log(math.pi) + np.log(width * (_NODES[1] - _NODES[0]))[:, None]
    by_ratio = np.logaddexp.reduce(log, axis=1) - math.log(_RATIOS.size)
    n = _RATIOS.size
    return float(np.logaddexp.reduce(by_ratio[:n])), float(np.logaddexp.reduce(by_ratio[n:]))


def _expit(z: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(z / 2)))


def _log_likelihood(x: int, n: int) -> float:
    inside = 0 < x < n
    return x * math.log(x / n) + (n - x) * math.log(1 - x / n) if inside else 0.0


def proportions(state: Proportions, *, worse: str = "either", level: float = 0.95) -> Look:
    """Is b's rate different (`either`), higher (`b`) or lower (`a`) than a's?"""
    log_e = {"b": state.largest_higher, "a": state.largest_lower, "either": state.largest_either}[worse]
    low_a, high_a = rate_sequence(state.errors_a, state.n_a, (1 + level) / 2)
    low_b, high_b = rate_sequence(state.errors_b, state.n_b, (1 + level) / 2)
    known = state.n_a > 0 and state.n_b > 0
    difference = state.errors_b / state.n_b - state.errors_a / state.n_a if known else None
    return Look(
        difference=difference, low=low_b - high_a, high=high_b - low_a, log_e=log_e, p_value=_p(log_e),
        n_a=state.n_a, n_b=state.n_b, level=level, method="universal inference and normal mixture",
    )  # fmt: skip


def rate_sequence(errors: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Confidence sequence of one rate: the rates that Jeffreys' mixture has not refuted by 1 / (1 - level).

    Source: Robbins (1970), Annals of Mathematical Statistics 41; the beta-binomial mixture martingale.
    """
    if n == 0:
        return 0.0, 1.0
    mixed = math.lgamma(errors + 0.5) + math.lgamma(n - errors + 0.5) - math.lgamma(n + 1.0) - math.log(math.pi)
    bar = mixed + math.log(1 - level)
    centre = errors / n

    def kept(p: float) -> bool:
        value = (errors * math.log(p) if errors else 0.0) + ((n - errors) * math.log1p(-p) if n > errors else 0.0)
        return value >= bar

    low = _edge(kept, centre, 0.0) if errors else 0.0
    high = _edge(kept, centre, 1.0) if errors < n else 1.0
    return low, high


def _edge(kept: Any, inside: float, outside: float) -> float:
    inside = min(max(inside, 1e-15), 1 - 1e-15)
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if 0 < middle < 1 and kept(middle) else (inside, middle)
    return outside


# ---------------------------------------------------------------- two means


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    n: int = 0
    mean: float = 0.0
    spread: float = 0.0  # sum of squared distances from the mean


class Means(msgspec.Struct, frozen=True, kw_only=True):
    a: Moments = Moments()
    b: Moments = Moments()
    largest_higher: float = 0.0
    largest_lower: float = 0.0
    largest_either: float = 0.0


def add_means(state: Means, *, a: Array, b: Array) -> Means:
    """Go on with new values of each arm. For latencies give their logarithms: their tails are then tame."""
    one, two = _joined(state.a, a), _joined(state.b, b)
    higher, lower = _means_log_e(one, two)
    return Means(
        a=one,
        b=two,
        largest_higher=max(state.largest_higher, higher),
        largest_lower=max(state.largest_lower, lower),
        largest_either=max(state.largest_either, float(np.logaddexp(higher, lower)) - math.log(2)),
    )


def _joined(known: Moments, values: Array) -> Moments:
    """Welford's update by batches (Chan, Golub and LeVeque 1983)."""
    if values.size == 0:
        return known
    mean = float(values.mean())
    n, gap = known.n + values.size, mean - known.mean
    spread = known.spread + float(((values - mean) ** 2).sum()) + gap * gap * known.n * values.size / n
    return Moments(n=n, mean=known.mean + gap * values.size / n, spread=spread)


def _squared_error(state: Means | tuple[Moments, Moments]) -> float:
    one, two = (state.a, state.b) if isinstance(state, Means) else state
    return sum(arm.spread / max(arm.n - 1, 1) / max(arm.n, 1) for arm in (one, two))


def _means_log_e(one: Moments, two: Moments) -> tuple[float, float]:
    if min(one.n, two.n) < MIN_ROWS:
        return 0.0, 0.0
    error = _squared_error((one, two))
    return (0.0, 0.0) if error <= 0 else _normal_log_e(two.mean - one.mean, error, _prior(one, two))


def _normal_log_e(difference: float, error: float, prior: float) -> tuple[float, float]:
    """Log e-values that a difference with squared standard error `error` is above 0 and below: a half-normal mixture
    of variance `prior` (mSPRT).

    Source: Johari, Koomen, Pekelis and Walsh (2022), Operations Research 70; valid in the limit with estimated
    variances by Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52.
    """
    from scipy.special import log_ndtr

    both = 0.5 * (difference * difference / error * prior / (prior + error) - math.log1p(prior / error))
    z = difference * math.sqrt(prior / (error * (prior + error)))
    return both + math.log(2) + float(log_ndtr(z)), both + math.log(2) + float(log_ndtr(-z))


def _prior(one: Moments, two: Moments) -> float:
    """Variance of the mixture: the difference that _TUNED_ROWS a side could just tell."""
    return sum(arm.spread / max(arm.n - 1, 1) for arm in (one, two)) * _TUNED / _TUNED_ROWS


def means(state: Means, *, worse: str = "either", level: float = 0.95) -> Look:
    """Is b's mean different (`either`), higher (`b`) or lower (`a`) than a's?"""
    log_e = {"b": state.largest_higher, "a": state.largest_lower, "either": state.largest_either}[worse]
    low = high = difference = None
    if min(state.a.n, state.b.n) >= MIN_ROWS:
        difference, error = state.b.mean - state.a.mean, _squared_error(state)
        prior = _prior(state.a, state.b)
        half = 0.0
        if error > 0:
            half = math.sqrt(
                error * (prior + error) / prior * (2 * math.log(1 / (1 - level)) + math.log1p(prior / error))
            )
        low, high = difference - half, difference + half
    return Look(
        difference=difference, low=low, high=high, log_e=log_e, p_value=_p(log_e),
        n_a=state.a.n, n_b=state.b.n, level=level, method="normal mixture (mSPRT), asymptotic",
    )  # fmt: skip


# ---------------------------------------------------------------- categories: predictions, assignment


class Categories(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by category (classes, or bins of a score) of two arms; `a` may be fixed shares instead."""

    a: tuple[int, ...] = ()
    b: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()
    largest: float = 0.0


def add_categories(state: Categories, *, b: Sequence[int], a: Sequence[int] = ()) -> Categories:
    """Go on with new counts. With `shares` set b is tested against them (sample-ratio mismatch, a frozen reference);
    else both arms against one common distribution."""
    now_b = _summed(state.b, b)
    if state.shares:
        log_e = _dirichlet(now_b) - sum(
            n * math.log(max(p, 1e-300)) for n, p in zip(now_b, state.shares, strict=True) if n
        )
        return Categories(b=now_b, shares=state.shares, largest=max(state.largest, log_e))
    now_a = _summed(state.a, a)
    pooled = [x + y for x, y in zip(now_a, now_b, strict=True)]
    total = max(sum(pooled), 1)
    null = sum(n * math.log(n / total) for n in pooled if n)
    log_e = _dirichlet(now_a) + _dirichlet(now_b) - null
    return Categories(a=now_a, b=now_b, largest=max(state.largest, log_e))


def _summed(known: tuple[int, ...], new: Sequence[int]) -> tuple[int, ...]:
    return tuple(x + int(y) for x, y in zip(known, new, strict=True)) if known else tuple(int(y) for y in new)


def _dirichlet(counts: Sequence[int]) -> float:
    """Log likelihood of a sequence with these counts, mixed over Jeffreys' distributions (Krichevsky and Trofimov)."""
    k, n = len(counts), sum(counts)
    return (
        math.lgamma(k / 2) - math.lgamma(n + k / 2) + sum(math.lgamma(x + 0.5) for x in counts) - k * math.lgamma(0.5)
    )


def categories(state: Categories) -> Look:
    """`difference` is the total variation between the arms' shares, 0 to 1."""
    n_a, n_b = sum(state.a), sum(state.b)
    other = state.shares or tuple(x / n_a for x in state.a if n_a)
    difference = None
    if n_b and other:
        difference = 0.5 * sum(abs(x / n_b - p) for x, p in zip(state.b, other, strict=True))
    return Look(
        difference=difference, low=None, high=None, log_e=max(state.largest, 0.0), p_value=_p(state.largest),
        n_a=n_a, n_b=n_b, method="Dirichlet mixture e-process",
    )  # fmt: skip


def binned(values: Array, edges: Array) -> tuple[int, ...]:
    """Counts of a score between inner edges: what `add_categories` takes. Few bins (5) find shifts soonest."""
    return tuple(int(n) for n in np.bincount(np.searchsorted(edges, values, side="right"), minlength=edges.size + 1))


#: state structs by name, for whoever keeps them in a journal
STATES: Mapping[str, type[msgspec.Struct]] = {
    "bets": Bets,
    "proportions": Proportions,
    "means": Means,
    "categories": Categories,
}
