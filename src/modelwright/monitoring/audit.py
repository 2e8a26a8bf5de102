"""A small random sample of predictions that people label: the one thing that sees concept drift.

Every estimate made without labels is blind to a change of what the truth depends on; 150 labels a window are not.
The test may be looked at after each window (e-process of two proportions), and an audit that disagrees with what was
estimated without labels names concept drift.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.sequential import Proportions, add_proportions, proportions, rate_sequence

#: false alarms over the whole life of an audit, however long
ALPHA = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """`value`, `low`, `high`: error rate of all audited rows, valid at every look."""

    alarm: bool
    alarm_window: int | None
    p_value: float
    value: float
    low: float
    high: float
    rows: int
    baseline: float
    baseline_rows: int


def draw(n: int, wanted: int, seed: int) -> tuple[NDArray[np.int64], float]:
    """Positions of a uniform sample without replacement, in order, and each row's probability of being in it."""
    size = min(n, wanted)
    rows = np.sort(np.random.default_rng(seed).choice(n, size=size, replace=False)) if n else np.empty(0)
    return rows.astype(np.int64), size / n if n else 0.0


def judge_audit(baseline: NDArray[np.float64] | tuple[int, int], windows: Sequence[NDArray[np.float64]]) -> Audited:
    """`baseline`: errors (0 or 1), or (errors, rows); `windows`: the audited errors of each, in time order."""
    wrong, rows = baseline if isinstance(baseline, tuple) else (int(baseline.sum()), baseline.size)
    state, alarm_window = Proportions(errors_a=wrong, n_a=rows), None
    for number, errors in enumerate(windows):
        state = add_proportions(state, a=(0, 0), b=(int(errors.sum()), errors.size))
        if alarm_window is None and state.largest_higher >= math.log(1 / ALPHA):
            alarm_window = number
    look = proportions(state, worse="b")
    low, high = rate_sequence(state.errors_b, state.n_b)
    return Audited(
        alarm=alarm_window is not None,
        alarm_window=alarm_window,
        p_value=look.p_value,
        value=state.errors_b / state.n_b if state.n_b else math.nan,
        low=low,
        high=high,
        rows=state.n_b,
        baseline=wrong / rows if rows else math.nan,
        baseline_rows=rows,
    )


def concept_drift(audited: Audited, estimated: float, low: float, high: float) -> str:
    """What estimate and audit say together: `concept_drift`, `covariate_shift`, `agree` or `unknown`.

    `estimated` with its bounds is the error rate expected without labels.
    """
    if audited.rows == 0:
        return "unknown"
    if audited.low > high:
        return "concept_drift"
    if audited.alarm and estimated > audited.baseline and low > audited.baseline:
        return "covariate_shift"
    return "concept_drift" if audited.alarm and high < audited.value else "agree"
