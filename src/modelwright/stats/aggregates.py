"""Signs that a column was summed up from the target of its own rows: too exact calibration, pure differences.

y is given for the rows that may be seen; other rows take part with their column value only (NaN in y).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_MIN_GROUPS = 12
#: R2 by products further than this below the best of them is not the best by least squares
_QUICK = 1e-6
#: one less the squared correlation from which products tell two columns apart
_TOLD_APART = 1e-6
_MAX_WINDOW = 30


def calibration_excess(
    value: Values, y: Values, binary: bool, among: NDArray[np.int64] | None = None
) -> tuple[float, float, int]:
    """(Q, log10 of its left tail, groups): how exactly sums of y follow the rows' common value.

    Rows are grouped by their value v; with sum S over the m rows seen of n, a group follows
    S = a m v + b m + c m v / n + d m / n, which holds for means, totals and counts, smoothed (Micci-Barreca 2001) or
    not; `among` groups them instead where each of its groups has one value. A value that only grows from row to row
    is a clock, whose groups are runs, and is left out. Q is the mean square of the residuals over their
    sampling variance, m p (1 - p) or m s^2: about 1 for anything that was computed without these labels, and near
    zero (the share of the labels that are unseen here) when they went into v. Groups of two and more rows.
    """
    there = value[np.isfinite(value)]
    if (np.diff(there) >= 0).all() or (np.diff(there) <= 0).all():
        return 1.0, 0.0, 0
    known = np.isfinite(value) & np.isfinite(y)
    label = value if among is None else among
    ordered = np.sort(label[known])
    if 1 + np.count_nonzero(ordered[1:] != ordered[:-1]) > 0.7 * ordered.size:  # sooner said than grouped
        return 1.0, 0.0, 0
    names, first, group = np.unique(label[known], return_index=True, return_inverse=True)
    kinds = value[known][first]
    if (kinds[group] != value[known]).any():
        return 1.0, 0.0, 0  # not one value for each group
    m = np.bincount(group).astype(np.float64)
    if kinds.size < _MIN_GROUPS or kinds.size > 0.7 * known.sum():
        return 1.0, 0.0, 0
    total = np.bincount(group, weights=y[known])
    squares = np.bincount(group, weights=(y[known] - total[group] / m[group]) ** 2)
    v = (kinds - kinds.mean()) / max(float(kinds.std()), 1e-300)
    every, rows = np.unique(label[np.isfinite(value)], return_counts=True)
    share = m / rows[np.searchsorted(every, names)]
    # Of groups seen as a whole the sums are exact, however far a value that is unseen may lie.
    whole = (m >= 2) & (share == 1.0)
    X = np.column_stack([m * v, m, share * v, share])
    sums = _Sums(X, m, total.astype(np.float64), squares.astype(np.float64))
    return min((_excess(sums, use, binary) for use in (m >= 2, whole)), key=lambda one: one[1])


@dataclass(frozen=True, slots=True)
class _Sums:
    """By group: what its sum is fitted on, its rows, the sum of y and of its squared deviations."""

    design: Values
    m: Values
    total: Values
    squares: Values


def _excess(sums: _Sums, use: NDArray[np.bool_], binary: bool) -> tuple[float, float, int]:
    if use.sum() < _MIN_GROUPS:
        return 1.0, 0.0, 0
    design, m, total, squares = sums.design[use], sums.m[use], sums.total[use], sums.squares[use]
    weight = 1.0 / np.sqrt(m)
    fitted = design @ np.linalg.lstsq(design * weight[:, None], total * weight, rcond=None)[0]
    if not binary:
        return _pooled(total - fitted, m, squares / np.maximum(m - 1, 1))
    # Where the rate is near 0 or 1 every column is exact.
    rate = fitted / m
    clear = (rate > 0.05) & (rate < 0.95)
    freedom = int(clear.sum()) - 4
    if freedom < _MIN_GROUPS - 4:
        return 1.0, 0.0, 0
    chi = float(((total - fitted)[clear] ** 2 / (m * rate * (1 - rate))[clear]).sum())
    return chi / freedom, _log_left_tail(chi, freedom), int(clear.sum())


def _pooled(residual: Values, m: Values, variance: Values) -> tuple[float, float, int]:
    """The same for numbers: variances of groups of few rows are pooled, since each alone is too uncertain.

    Groups of large variance count for less, so that a few far values do not decide; that raises the ratio, as weights
    that fall in the variance do. Weighted groups count as fewer (Satterthwaite 1946).
    """
    if float(np.median(variance)) == 0.0:  # copied rows: groups without any spread tell nothing
        spread = variance > 0.0
        residual, m, variance = residual[spread], m[spread], variance[spread]
    if variance.size < _MIN_GROUPS:
        return 1.0, 0.0, 0
    base = float(np.median(variance)) + variance
    weighted = variance / base
    freedom = int(float(weighted.sum() ** 2 / (weighted**2).sum())) - 4
    if freedom < _MIN_GROUPS - 4:
        return 1.0, 0.0, 0
    ratio = residual**2 / m / base
    q = float(ratio.sum() / weighted.sum()) * m.size / (m.size - 4)
    return q, _log_left_tail(q * freedom, freedom), m.size


def _log_left_tail(chi: float, freedom: int) -> float:
    """log10 P(chi-square <= chi) below its mean by the Chernoff bound, which is never too small a probability."""
    ratio = chi / freedom
    if ratio >= 1.0:
        return 0.0
    return float(0.5 * freedom * (1.0 - ratio + np.log(max(ratio, 1e-300))) / np.log(10))


def within_groups(value: Values, y: Values, group: NDArray[np.int64]) -> tuple[float, float]:
    """(R2 of y on the column within groups, with one line for each group; R2 across all rows).

    Leave-one-out rates are (S - y) / (n - 1): within its group such a column gives y exactly. Groups of at least five
    seen rows in which y varies; 0 where they hold under 30 rows.
    """
    known = np.isfinite(value) & np.isfinite(y)
    v, truth = value[known], y[known]
    _, g = np.unique(group[known], return_inverse=True)
    m = np.bincount(g).astype(np.float64)
    v0 = v - (np.bincount(g, weights=v) / m)[g]
    y0 = truth - (np.bincount(g, weights=truth) / m)[g]
    vv, yy, vy = (np.bincount(g, weights=product) for product in (v0 * v0, y0 * y0, v0 * y0))
    scale = max(float((v**2).mean()), 1e-300)
    use = (m >= 5) & (yy > 1e-9)
    if m[use].sum() < 30 or use.sum() < 3:
        return 0.0, 0.0
    explained = np.where(vv > 1e-18 * scale * m, vy**2 / np.maximum(vv, 1e-300), 0.0)
    overall = float(np.corrcoef(v, truth)[0, 1] ** 2) if v.std() > 0 and truth.std() > 0 else 0.0
    return float(explained[use].sum() / yy[use].sum()), overall


def running(value: Values, y: Values, group: NDArray[np.int64] | None = None) -> tuple[float, str]:
    """(R2, what) of the best running aggregate that holds y of its own row: a sum, a mean or a moving window.

    Rows in order; with `group` each group runs for itself. A sum up to the row before leaves y out and is not found.
    """
    order = np.arange(value.size) if group is None else np.argsort(group, kind="stable")
    v, truth = value[order], y[order]
    kind = np.zeros(v.size, dtype=np.int64) if group is None else group[order]
    starts = np.r_[True, kind[1:] != kind[:-1]]
    position = np.arange(v.size) - np.maximum.accumulate(np.where(starts, np.arange(v.size), 0)) + 1.0
    inside = ~starts
    step = np.where(inside, v - np.r_[0.0, v[:-1]], np.nan)
    mean_step = np.where(inside, v * position - np.r_[0.0, v[:-1]] * (position - 1), np.nan)
    found = [(_r2(step[:, None], truth), "running sum"), (_r2(mean_step[:, None], truth), "running mean")]
    base = found[0][0]
    if base > 0.05:  # the step holds the row's own y at all; which one leaves the window is asked then
        lefts = {window: _left(window, truth, kind) for window in range(2, _MAX_WINDOW + 1)}
        quick = {window: _quick_r2(step, left, truth) for window, left in lefts.items()}
        enough = max((one for one in quick.values() if one is not None), default=0.0) - _QUICK
        for window, left in lefts.items():
            told = quick[window]
            if told is None or told >= enough:
                found.append((_r2(np.column_stack([step, left]), truth), f"moving window of {window} rows"))
    return max(found, key=lambda one: one[0])


def _left(window: int, truth: Values, kind: NDArray[np.int64]) -> Values:
    """The label that leaves a window of so many rows at each row, NaN where the window is not yet full."""
    left = np.full(truth.size, np.nan)
    left[window:] = np.where(kind[window:] == kind[:-window], truth[:-window], np.nan)
    return left


def _quick_r2(first: Values, second: Values, y: Values) -> float | None:
    """`_r2` of y on two columns by their products, to less than half of `_QUICK`; None where these cannot tell."""
    known = np.isfinite(first) & np.isfinite(second) & np.isfinite(y)
    if _too_few(known, y):
        return 0.0
    centred = np.stack([first[known], second[known], y[known]])
    centred -= centred.mean(axis=1, keepdims=True)
    (aa, ab, ay), (_, bb, by), (_, _, yy) = (centred @ centred.T).tolist()
    apart = aa * bb - ab * ab
    if not (apart > _TOLD_APART * aa * bb and yy > 0.0):
        return None
    return float((ay * ay * bb - 2 * ay * by * ab + by * by * aa) / apart / yy)


def _too_few(known: NDArray[np.bool_], y: Values) -> bool:
    return bool(known.sum() < max(50, 0.3 * np.isfinite(y).sum()))


def _r2(X: Values, y: Values) -> float:
    known = np.isfinite(X).all(axis=1) & np.isfinite(y)
    if _too_few(known, y) or float(y[known].std()) == 0.0:
        return 0.0
    A, truth = X[known] - X[known].mean(axis=0), y[known] - y[known].mean()
    scale = A.std(axis=0)
    if (scale == 0).any():
        return 0.0
    A = A / scale
    if A.shape[1] == 1:
        return float((A[:, 0] @ truth) ** 2 / (A[:, 0] @ A[:, 0]) / (truth @ truth))
    residual = truth - A @ np.linalg.lstsq(A, truth, rcond=None)[0]
    return float(1.0 - (residual @ residual) / (truth @ truth))
