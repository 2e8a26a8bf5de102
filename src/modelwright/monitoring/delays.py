"""How long labels take, how complete they are, and the metric that is weighted for those that are still missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.monitoring.decay import Rate
from modelwright.stats.intervals import wilson

Array = NDArray[np.float64]

#: a class with fewer labels is given the curve of all
_OWN_CURVE = 30
#: a label is never counted more than so many times
_MOST_WEIGHT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayCurve:
    """Share of predictions whose label has arrived by an age in seconds: a step function, `shares` after `ages`."""

    ages: Array
    shares: Array

    def at(self, ages: Array) -> Array:
        where = np.searchsorted(self.ages, ages, side="right")
        return np.concatenate([[0.0], self.shares])[where]

    @property
    def final(self) -> float:
        return float(self.shares[-1]) if self.shares.size else 0.0

    def age_of(self, share: float) -> float | None:
        """The age by which this share of those that ever come has come."""
        if not self.shares.size or self.final <= 0:
            return None
        return float(self.ages[min(int(np.searchsorted(self.shares, share * self.final - 1e-12)), self.ages.size - 1)])


def delay_curve(delays: Array, ages: Array) -> DelayCurve:
    """`delays`: seconds until the label, NaN where none has come; `ages`: seconds since the prediction.

    Source: Kaplan and Meier (1958), JASA 53: predictions without a label are censored at their age, so that young
    ones do not make labels look rarer than they are.
    """
    known = np.isfinite(delays)
    time = np.where(known, np.minimum(np.maximum(delays, 0.0), np.maximum(ages, delays)), ages)
    order = np.lexsort((~known, time))
    time, event = time[order], known[order]
    steps, first = np.unique(time, return_index=True)
    at_risk = time.size - first
    arrived = np.add.reduceat(event.astype(np.float64), first) if time.size else np.empty(0)
    survived = np.cumprod(1 - arrived / np.maximum(at_risk, 1).astype(np.float64))
    kept = arrived > 0
    return DelayCurve(ages=steps[kept], shares=np.asarray(1 - survived[kept], dtype=np.float64))


def reversed_curve(delays: Array, ages: Array) -> DelayCurve:
    """Among labels that ever come within the longest age seen: the share that has come by an age.

    For files that hold labels only. Source: Lagakos, Barraj and De Gruttola (1988), Biometrika 75: in reversed time
    the late labels that cannot have come yet are a left truncation, which Kaplan and Meier's product takes.
    """
    known = np.isfinite(delays) & (delays <= ages)
    d, w = delays[known], ages[known]
    if d.size == 0:
        return DelayCurve(ages=np.empty(0), shares=np.empty(0))
    steps, counts = np.unique(d, return_counts=True)
    by_delay, by_age = np.sort(d), np.sort(w)
    # at risk at u in reversed time: the label came by u, and could have come as late as u
    at_risk = np.searchsorted(by_delay, steps, side="right") - np.searchsorted(by_age, steps, side="left")
    later = np.cumprod((1 - counts / np.maximum(at_risk, counts))[::-1])[::-1]
    return DelayCurve(ages=steps, shares=np.asarray(np.concatenate([later[1:], [1.0]]), dtype=np.float64))


def completeness(delays: Array, curve: DelayCurve) -> float | None:
    """Labels that have come by labels that will; None where nothing is known."""
    expected = curve.final * delays.size
    return min(1.0, float(np.isfinite(delays).sum()) / expected) if expected > 0 else None


def weighted_rate(errors: Array, weights: Array, level: float = 0.95) -> Rate:
    """Weighted mean with Wilson's interval on the rows that unequal weights leave (Kish 1965)."""
    if errors.size == 0:
        return Rate(value=float("nan"), low=0.0, high=1.0, n=0, worth=0.0)
    worth = float(weights.sum() ** 2 / np.dot(weights, weights))
    mean = float(np.average(errors, weights=weights))
    low, high = wilson(mean * worth, worth, level)
    return Rate(value=mean, low=low, high=high, n=errors.size, worth=worth)


def arrival_weights(delays: Array, ages: Array, groups: NDArray[np.int64]) -> Array:
    """By how much each labelled row counts: the inverse of the probability that a row of its group (what was
    predicted) and age has its label by now. Unlabelled rows get 0."""
    known = np.isfinite(delays)
    weights = np.zeros(delays.size)
    whole = delay_curve(delays, ages)
    for group in np.unique(groups):
        rows = groups == group
        curve = delay_curve(delays[rows], ages[rows]) if (rows & known).sum() >= _OWN_CURVE else whole
        here = rows & known
        weights[here] = np.minimum(1 / np.maximum(curve.at(ages[here]), 1e-6), _MOST_WEIGHT)
    return weights
