"""Groups that nobody named and that are served badly: found on some of the judged rows, confirmed on others.

The rows are all that the model has answered without having learned from them: out-of-fold development rows and the
sealed ones. The sealed rows alone would be too few to confirm a slice of 3 %: of 1,000 they hold 30. Each third
confirms what the other two have found, so every row is used and none confirms what it has itself suggested. Of classes
a slice is also confirmed where all rows together show more wrong answers than chance allows in any of the slices tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.judgement import WeakSlice
from modelwright.core.nouns import Estimate, Task
from modelwright.evaluation import slice_search
from modelwright.evaluation.slice_codes import Coded, encode
from modelwright.evaluation.slice_search import Candidate, Losses, Mask
from modelwright.stats import intervals

Array = NDArray[np.float64]

#: false discovery rate among the slices tested; with nothing to find, the rate of runs that report anything
ALPHA = 0.05
MAX_ROWS = 20_000
MAX_COLUMNS = 100
_MIN_ROWS = 200
#: two thirds search, for they must tell one slice from millions; a third confirms the few that were found
_PARTS = 3
_PER_PART = 4
_MOST = 5
_KEY_BINS = 30
_RIDGE = 2.0
_STEPS = 4
_FITTED_ROWS = 6_000
#: classes told apart where there are many
_CLASSES = 6
#: absolute errors above this quantile count as this quantile, so that a few huge ones do not make a slice
_CAP = 0.95
#: what a confirmed slice's loss must be on the confirming half, over the whole's
_CONFIRMED_RATIO = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Rows with honest answers. loss: (n,) 0 or 1 for classes, the absolute error for numbers. truth: class positions
    or values."""

    frame: pl.DataFrame
    columns: Sequence[str]
    loss: Array
    truth: NDArray[np.generic]
    task: Task

    def take(self, rows: NDArray[np.int64]) -> Judged:
        return replace(self, frame=self.frame[rows], loss=self.loss[rows], truth=self.truth[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    candidate: Candidate
    rows: NDArray[np.int64]  # those that confirm
    p: float
    weight: float
    overall: float  # adjusted p-value of all rows against all slices tried; 1 where it says nothing


def weak_slices(judged: Judged, *, seed: int = 0, level: float = 0.95) -> tuple[WeakSlice, ...]:
    """At most five slices, confirmed ones first; empty where there are fewer than 200 rows.

    A slice must be worse than rows of the same difficulty: what error is expected of a row follows from an additive
    model of the answer, so that rows near the border between classes, which every model gets wrong more often, and
    large values, whose errors are large, do not make a slice. p-values: Benjamini and Hochberg (1995) with weights by
    search rank (Genovese, Roeder and Wasserman, 2006, Biometrika 93): the search says which slices are worth testing.
    """
    if judged.loss.size < _MIN_ROWS or not len(judged.columns):
        return ()
    rng = np.random.default_rng(child_seed(seed, "weak slices"))
    order = rng.permutation(judged.loss.size)[:MAX_ROWS]
    if order.size < judged.loss.size:
        judged, order = judged.take(np.sort(order)), np.argsort(np.argsort(order))
    parts = [np.sort(one) for one in np.array_split(order, _PARTS)]
    columns = encode(judged.frame, list(judged.columns)[:MAX_COLUMNS])
    known = _difficulty(judged, columns, np.sort(order[:_FITTED_ROWS]))
    tested: list[_Tested] = []
    everyone, tries = np.sort(order), slice_search.tries(columns)
    whole = _losses(judged, known, everyone, everyone)[0]
    taken = [column.take(everyone) for column in columns]
    for number, held in enumerate(parts):
        mine = np.sort(np.concatenate([one for other, one in enumerate(parts) if other != number]))
        searched, confirming = _losses(judged, known, mine, held)
        found = slice_search.search([column.take(mine) for column in columns], searched, _PER_PART)
        for rank, candidate in enumerate(found):
            rows = candidate.rows([column.take(held) for column in columns])
            p = _p_value(confirming, rows, judged.task)
            overall = 1.0
            if judged.task.is_classification:
                overall = slice_search.chance(whole, candidate.rows(taken), tries[len(candidate.parts)])
            weight = 0.5 ** (rank + 1) / _PARTS
            tested.append(_Tested(candidate=candidate, rows=held, p=p, weight=weight, overall=overall))
    return _reported(tested, columns, judged, level)


# ---------------------------------------------------------------- what is expected of a row


def _losses(
    judged: Judged, difficulty: Array, mine: NDArray[np.int64], other: NDArray[np.int64]
) -> tuple[Losses, Losses]:
    """Loss, excess and variance on the searching rows and on the others, by what the searching rows expect."""
    loss = judged.loss
    if not judged.task.is_classification:
        loss = np.minimum(loss, float(np.quantile(loss[mine], _CAP)))
    edges = np.unique(np.quantile(difficulty[mine], np.linspace(0, 1, _KEY_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, difficulty)
    counts = np.bincount(bins[mine], minlength=edges.size + 1)
    sums = np.bincount(bins[mine], weights=loss[mine], minlength=edges.size + 1)
    usual = (sums + 5 * float(loss[mine].mean())) / (counts + 5)
    found = []
    for rows in (mine, other):
        actual, expected = loss[rows], usual[bins[rows]]
        expected = expected * (float(actual.mean()) / max(float(expected.mean()), 1e-300))
        if judged.task.is_classification:
            expected = np.clip(expected, 1e-6, 1 - 1e-6)
            variance = expected * (1 - expected)
        else:  # the spread of an error grows with its size
            variance = expected**2 * max(float(((actual / np.maximum(expected, 1e-300)) - 1).var()), 1e-12)
        found.append(
            Losses(
                loss=actual,
                excess=actual - expected,
                variance=variance,
                is_rate=judged.task.is_classification,
            )
        )
    return found[0], found[1]


def _difficulty(judged: Judged, columns: Sequence[Coded], mine: NDArray[np.int64]) -> Array:
    """How sure an additive model is of each row: (n,). It knows each column's steps and levels, and no conjunction."""
    design = _design(columns, judged.loss.size)
    if not judged.task.is_classification:
        return _linear(design, np.asarray(judged.truth, dtype=np.float64), mine)
    truth = np.asarray(judged.truth, dtype=np.int64)
    classes, counts = np.unique(truth[mine], return_counts=True)
    classes = np.sort(classes[np.argsort(-counts, kind="stable")[:_CLASSES]])
    if classes.size < 2:
        return np.zeros(judged.loss.size)
    if classes.size == 2:
        return _logistic(design, truth == classes[1], mine)
    scores = np.stack([_logistic(design, truth == one, mine) for one in classes], axis=1)
    scores.sort(axis=1)
    return np.asarray(scores[:, -1] - np.maximum(scores[:, -2], -4.0))


def _design(columns: Sequence[Coded], n: int) -> NDArray[np.float32]:
    sizes = [int(column.steps.max()) + 1 for column in columns]
    design = np.zeros((n, sum(sizes) + len(columns) + 1), dtype=np.float32)
    rows, offset = np.arange(n), 0
    for column, size in zip(columns, sizes, strict=True):
        design[rows, offset + column.steps] = 1.0
        if column.level is not None:
            design[:, offset + size] = column.level
        offset += size + 1
    design[:, -1] = 1.0
    return design


def _linear(design: NDArray[np.float32], y: Array, mine: NDArray[np.int64]) -> Array:
    """Answers (n,) of a ridge regression on the ranks of y, which no outlier can bend."""
    X = design[mine]
    ranks = (np.argsort(np.argsort(y[mine], kind="stable"), kind="stable") / mine.size).astype(np.float32)
    gram = X.T @ X
    gram[np.diag_indices_from(gram)] += _RIDGE
    return np.asarray(design @ np.linalg.solve(gram, X.T @ ranks), dtype=np.float64)


def _logistic(design: NDArray[np.float32], positive: Mask, mine: NDArray[np.int64]) -> Array:
    """Log-odds (n,) of a ridge logistic regression fitted on the rows `mine`, by Newton's steps."""
    X, y = design[mine], positive[mine].astype(np.float32)
    beta = np.zeros(X.shape[1], dtype=np.float32)
    ridge = np.full(X.shape[1], _RIDGE, dtype=np.float32)
    ridge[-1] = 1e-3
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(X @ beta, -15, 15)))
        weight = np.maximum(p * (1 - p), 1e-3)
        gram = (X * weight[:, None]).T @ X
        gram[np.diag_indices_from(gram)] += ridge
        beta = beta + np.linalg.solve(gram, X.T @ (y - p) - ridge * beta)
    return np.asarray(design @ beta, dtype=np.float64)


# ---------------------------------------------------------------- confirming


def _p_value(losses: Losses, rows: Mask, task: Task) -> float:
    """One-sided: no more loss in the slice than expected. Classes: binomial at the mean expected rate, which for rates
    that differ is the cautious side (Hoeffding, 1956); numbers: Welch's test on capped errors."""
    from scipy.special import bdtrc

    n = int(rows.sum())
    if n < slice_search.MIN_ROWS // 2 or n == rows.size:
        return 1.0
    loss = losses.loss
    if float(loss[rows].mean()) < _CONFIRMED_RATIO * float(loss.mean()):
        return 1.0
    if task.is_classification:
        wrong = float(loss[rows].sum())
        expected = wrong - float(losses.excess[rows].sum())
        return float(bdtrc(wrong - 1, n, min(max(expected / n, 1e-9), 1 - 1e-9))) if wrong >= 1 else 1.0
    relative = losses.excess / np.sqrt(losses.variance)
    if float(np.ptp(relative[rows])) == 0.0 and float(np.ptp(relative[~rows])) == 0.0:
        return 1.0
    return _welch(relative[rows], relative[~rows])


def _welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """One-sided p that the mean of `a` is no greater than that of `b` (Welch, 1947)."""
    from scipy.special import stdtr

    parts = np.array([a.var(ddof=1) / a.size, b.var(ddof=1) / b.size])
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([a.size, b.size]) - 1)).sum()
    return float(stdtr(freedom, (b.mean() - a.mean()) / np.sqrt(parts.sum())))


def _adjusted(tested: Sequence[_Tested]) -> list[float]:
    """Weighted Benjamini-Hochberg: comparable with ALPHA."""
    scaled = np.array([one.p / one.weight for one in tested])
    order = np.argsort(scaled, kind="stable")
    ranked = scaled[order] / np.arange(1, scaled.size + 1)
    lowest = np.minimum.accumulate(ranked[::-1])[::-1]
    found = np.empty(scaled.size)
    found[order] = np.minimum(lowest, 1.0)
    # two ways to be confirmed share the error between them
    return [min(1.0, 2 * value, 2 * one.overall) for value, one in zip(found.tolist(), tested, strict=True)]


def _reported(
    tested: Sequence[_Tested],
    columns: Sequence[Coded],
    judged: Judged,
    level: float,
) -> tuple[WeakSlice, ...]:
    """Confirmed ones by p-value, then the best unconfirmed; of those that overlap, the first."""
    if not tested:
        return ()
    adjusted = _adjusted(tested)
    order = sorted(range(len(tested)), key=lambda at: (adjusted[at] >= ALPHA, adjusted[at], at))
    kept: list[WeakSlice] = []
    masks: list[Mask] = []
    for at in order:
        one = tested[at]
        everywhere = one.candidate.rows(columns)
        if any(slice_search.overlap(everywhere, other) > 0.5 for other in masks):
            continue
        made = _weak(one, columns, everywhere, judged, level)
        if made is None:
            continue
        kept.append(WeakSlice(**{**made, "p_value": adjusted[at], "confirmed": adjusted[at] < ALPHA}))
        masks.append(everywhere)
    return tuple(kept[:_MOST])


def _weak(
    one: _Tested,
    columns: Sequence[Coded],
    everywhere: Mask,
    judged: Judged,
    level: float,
) -> dict[str, Any] | None:
    """The slice on the rows that confirm it, in the words of the report."""
    rows, whole = one.rows[everywhere[one.rows]], judged.loss[one.rows]
    if rows.size < 2:
        return None
    loss = judged.loss[rows]
    value, usual = float(loss.mean()), float(whole.mean())
    if value <= usual:
        return None
    if judged.task.is_classification:
        low, high = intervals.wilson(float(loss.sum()), rows.size, level)
        metric, method = "error_rate", "wilson"
    else:
        low, high = intervals.mean(loss, level)
        metric, method = "mae", "student"
    estimate = Estimate(
        value=value, low=max(0.0, min(low, value)), high=max(high, value), level=level, n=int(rows.size), method=method
    )
    return {
        "condition": one.candidate.text(columns),
        "columns": tuple(columns[column].name for column, _ in one.candidate.parts),
        "n": int(rows.size),
        "share": rows.size / whole.size,
        "metric": metric,
        "estimate": estimate,
        "whole": usual,
        "difference": usual - value,
    }
