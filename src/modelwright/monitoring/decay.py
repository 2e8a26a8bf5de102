"""Has a model become worse than it was? Detectors over the errors of labelled rows, in time order.

The errors are 0 or 1 (classes) or within 0 and 1 (ranks of a number's errors). Two detectors share one budget of false
alarms, 1 % of streams of 10,000 stable labels: a CUSUM by likelihood ratio that estimates its own base rate
(`stats.sequential_scan`), and an e-process of bets against the highest rate that the reference still allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.intervals import wilson
from modelwright.stats.sequential_bets import restarted
from modelwright.stats.sequential_dependence import inflation, inflation_of_beginnings, inflation_of_runs
from modelwright.stats.sequential_scan import THRESHOLD, Scan, confirmed, likeliest_beginning, scan

Array = NDArray[np.float64]

#: without a reference the first fifth of the labels is one, within these
_SHARE, _FEWEST, _MOST = 0.2, 100, 2_000
#: the e-process's part of the budget: half for the reference's bound, half for the bets
_E_ALPHA = 0.002
#: a reference that is worth fewer independent rows gives no bound to bet against
_E_WORTH = 50
#: how often its blocks may become longer
_ROUNDS = 6
#: a rise by less than this share of the reference's rate is no decay, however sure
LEAST_RISE = 0.02
#: rows that say how the model does now
_CURRENT = 2_000
LEAST_ROWS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A mean of errors with its interval; `n` counts rows, `worth` how many independent ones they are."""

    value: float
    low: float
    high: float
    n: int
    worth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """Rows are positions among the labelled rows in time order."""

    alarm_at: int | None
    detector: str  # which one alarmed first: cusum | e_process; cusum where none did
    change_at: int | None
    reference: int  # rows of the reference
    baseline: Rate
    current: Rate
    current_from: int
    improved_at: int | None
    improved_from: int | None
    inflation: float
    evidence: float  # largest evidence of the CUSUM, in nats, where it needs `needed`
    needed: float
    log_e: float
    e_alarm_at: int | None
    cusum_alarm_at: int | None
    smallest_rise: float  # that would be found within 1,000 rows, about


def reference_rows(n: int, asked: float | None = None) -> int:
    """Rows of the reference: a number of rows, a share below 1, or by default a fifth."""
    if asked is None:
        asked = max(1, int(min(max(n * _SHARE, min(_FEWEST, n / 3)), _MOST)))
    rows = int(n * asked) if asked < 1 else int(asked)
    return max(1, min(rows, n))


def rate(values: Array, inflated: float | None = None, level: float = 0.95) -> Rate:
    """Wilson's interval with the rows that dependence leaves; bounded values are taken as shares of an error."""
    n = values.size
    if n == 0:
        return Rate(value=math.nan, low=0.0, high=1.0, n=0, worth=0.0)
    worth = n / (inflation(values) if inflated is None else inflated)
    mean = float(values.mean())
    low, high = wilson(mean * worth, worth, level)
    return Rate(value=mean, low=low, high=high, n=n, worth=worth)


def judge(values: Array, reference: int, *, binary: bool, share: float = 1.0, level: float = 0.95) -> Decay:
    """Look for decay after the first `reference` of the values; `share` of the budget is this stream's."""
    inflated = inflation_of_beginnings(values, reference)
    base = rate(values[:reference], float(inflated[reference]), level)
    up = _only_worse(scan(values, reference, binary=binary, inflated=inflated, share=share), values, base.value)
    crossing = confirmed(up, values)
    cusum_at = None if crossing is None else int(up.looks[crossing]) - 1
    e_at, log_e = _bets(values, reference, base, inflated, share)
    alarm_at = min((at for at in (cusum_at, e_at) if at is not None), default=None)
    change = None
    if alarm_at is not None:
        began = int(up.began[crossing]) if crossing is not None else reference
        end = min(values.size, alarm_at + 1 + max(alarm_at + 1 - began, 0))
        change = likeliest_beginning(values[:end], reference, binary=binary)
    better_at, better_from = _improvement(values, reference, inflated, base.value, binary=binary)
    start = change if change is not None else _unchanged_from(reference, better_from)
    start = max(start, values.size - _CURRENT) if values.size > start else 0
    return Decay(
        alarm_at=alarm_at,
        detector="e_process" if e_at is not None and alarm_at == e_at and e_at != cusum_at else "cusum",
        change_at=change,
        reference=reference,
        baseline=base,
        current=rate(values[start:], level=level),
        current_from=start,
        improved_at=better_at,
        improved_from=better_from,
        inflation=float(inflated[reference]),
        evidence=float(up.evidence.max(initial=0.0)),
        needed=float(up.threshold[-1]) if up.threshold.size else THRESHOLD,
        log_e=log_e,
        e_alarm_at=e_at,
        cusum_alarm_at=cusum_at,
        smallest_rise=_smallest(base.value, reference, float(inflated[reference])),
    )


def _unchanged_from(reference: int, better_from: int | None) -> int:
    return reference if better_from is None else better_from


def _only_worse(found: Scan, values: Array, base: float) -> Scan:
    """Evidence counts only where the rows since the beginning are worse than the reference was: a return to the
    reference after a good time is no decay."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    since = (sums[found.looks] - sums[found.began]) / np.maximum(found.looks - found.began, 1)
    worse = since > base * (1 + LEAST_RISE)
    return Scan(
        looks=found.looks,
        evidence=np.where(worse, found.evidence, 0.0),
        began=found.began,
        threshold=found.threshold,
        raw=found.raw,
        paid=found.paid,
    )


def _improvement(
    values: Array, reference: int, inflated: Array, base: float, *, binary: bool
) -> tuple[int | None, int | None]:
    turned = 1.0 - values
    found = scan(turned, reference, binary=binary, inflated=inflated)
    found = _only_better(found, turned, 1.0 - base)
    crossing = confirmed(found, turned)
    if crossing is None:
        return None, None
    at = int(found.looks[crossing])
    end = min(values.size, 2 * at - int(found.began[crossing]))
    return at - 1, likeliest_beginning(turned[:end], reference, binary=binary)


def _only_better(found: Scan, turned: Array, base: float) -> Scan:
    sums = np.concatenate([[0.0], np.cumsum(turned)])
    since = (sums[found.looks] - sums[found.began]) / np.maximum(found.looks - found.began, 1)
    kept = np.where(since > base, found.evidence, 0.0)
    return Scan(
        looks=found.looks,
        evidence=kept,
        began=found.began,
        threshold=found.threshold,
        raw=found.raw,
        paid=found.paid,
    )


def _bets(values: Array, reference: int, base: Rate, inflated: Array, share: float) -> tuple[int | None, float]:
    """First row at which the e-process stands, and its largest log value. Dependent rows are bet on in blocks, and an
    alarm stands only where blocks as long as the rows until then ask for come to it too."""
    charged, log_e = float(inflated[reference]), 0.0
    for _ in range(_ROUNDS):
        length = 1 if charged < 1.2 else math.ceil(4 * charged)
        count = (values.size - reference) // length
        worth = reference / charged
        if count < 2 or worth < _E_WORTH:
            return None, log_e
        blocks = values[reference : reference + count * length].reshape(count, length).mean(axis=1)
        _, bound = wilson(base.value * worth, worth, 1 - _E_ALPHA * share)
        path = restarted(blocks, bound)
        log_e = float(path.max())
        over = np.flatnonzero(path >= math.log(2 / (_E_ALPHA * share)))
        if not over.size:
            return None, log_e
        at = reference + (int(over[0]) + 1) * length - 1
        asked = max(float(inflated[at + 1]), inflation_of_runs(values[: at + 1], reference))
        if asked <= max(charged, 1.2):
            return at, log_e
        charged = asked
    return None, log_e


def _smallest(base: float, reference: int, inflated: float) -> float:
    """The rise whose evidence in 1,000 rows is about what an alarm needs, when nothing else is known than the
    reference; it becomes smaller as stable labels arrive."""
    rows = 1_000.0
    worth = rows * reference / (rows + reference) / inflated
    rate_now = max(base, 0.5 / max(reference, 1))
    return min(1.0 - rate_now, math.sqrt(2 * 9.0 * rate_now * (1 - rate_now) / max(worth, 1.0)))


def windows(values: Array, size: int, inflated: float, level: float = 0.95) -> list[dict[str, Any]]:
    """The rate in windows of `size` rows, the last one shorter."""
    found = []
    for start in range(0, values.size, size):
        part = rate(values[start : start + size], inflated, level)
        found.append({"start": start, "rows": part.n, "value": part.value, "low": part.low, "high": part.high})
    return found
