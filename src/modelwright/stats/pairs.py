"""Which two columns together give the target by a simple rule: sum, difference, product, ratio, exclusive-or, modulus.

All pairs are screened in closed form from matrices of moments (the correlation of y with a + b, a - b, a * b and a / b
needs only products of whole matrices), then the best few are measured exactly. Errors are on the scale of
`stats.association`: 0 is perfect, 1 is no better than knowing nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats import association, intervals

#: columns whose pairs are searched; the caller says which of more
MAX_COLUMNS = 400
_SCREEN_ROWS = 2000
_TOP = 8
_LEVELS = 12
_MODULI = range(2, 11)
_CELL_COLUMNS = 60
_GRID = 64

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """`error` of the rule `how` of two column positions; text such as `{a} - {b}` names the rule."""

    first: int
    second: int
    how: str
    error: float


def best(
    X: Matrix, y: NDArray[Any], n_classes: int, numeric: Sequence[bool], fold: NDArray[np.int64], seed: int = 0
) -> list[Pair]:
    """The pairs of columns of X (n, d) that tell y best, ascending in error; one rule for each pair.

    y: class positions or values (n_classes 0). numeric: which columns measure; the others hold codes of kinds. Missing
    is NaN. Deterministic in the seed, which draws the rows of the screen.
    """
    n, d = X.shape
    rows = np.arange(n) if n <= _SCREEN_ROWS else np.sort(np.random.default_rng(seed).choice(n, _SCREEN_ROWS, False))
    measured = [at for at in range(d) if numeric[at] and _varies(X[rows, at])]
    targets = _targets(y, n_classes)
    candidates: list[tuple[int, int, str]] = []
    if len(measured) > 1:
        filled = _filled(X[rows][:, measured])
        candidates += [(measured[a], measured[b], how) for a, b, how in _screen(filled, targets[:, rows])]
    found = [Pair(a, b, how, _error(_derived(X[:, a], X[:, b], how), y, n_classes, fold)) for a, b, how in candidates]
    found += _gates(X, y, n_classes, measured, rows)
    found += _cells(X, y, n_classes, fold, rows)
    return _one_rule_each(found)


def mistakes(pair: Pair, X: Matrix, y: NDArray[Any]) -> float:
    """Mistakes of the best limit on the pair's sum, difference, product or ratio, by rows of the rarer of two classes.

    Where a class is rare, a ranking may be nearly perfect although half of the rare rows cannot be told.
    """
    values = _derived(X[:, pair.first], X[:, pair.second], pair.how)
    known = np.isfinite(values)
    truth = y[known] == 1
    order = np.argsort(values[known], kind="stable")
    ends = np.r_[values[known][order][1:] != values[known][order][:-1], True]
    below = np.r_[0, np.cumsum(truth[order])[ends]]  # of class 1 up to each limit
    rows = np.r_[0, np.flatnonzero(ends) + 1]
    positive = int(truth.sum())
    wrong = below + (truth.size - rows) - (positive - below)
    least = min(int(wrong.min()), int((truth.size - wrong).min()))
    return float(least / max(min(positive, truth.size - positive), 1))


def _one_rule_each(found: list[Pair]) -> list[Pair]:
    seen: set[tuple[int, int]] = set()
    kept = []
    for pair in sorted(found, key=lambda one: (one.error, one.how)):
        key = (min(pair.first, pair.second), max(pair.first, pair.second))
        if key not in seen:
            seen.add(key)
            kept.append(pair)
    return kept


def _varies(column: Matrix) -> bool:
    known = column[np.isfinite(column)]
    if known.size < 0.7 * column.size or known.size == 0 or float(np.abs(known).max()) >= 1e100:
        return False
    return bool(np.ptp(known) > 0)


def _filled(X: Matrix) -> Matrix:
    return np.where(np.isfinite(X), X, np.nanmedian(np.where(np.isfinite(X), X, np.nan), axis=0))


def _targets(y: NDArray[Any], n_classes: int) -> Matrix:
    """Rows to correlate with: the values, or the membership in each of the four largest classes."""
    if n_classes == 0:
        return np.asarray(y, dtype=np.float64)[None, :]
    largest = np.argsort(-np.bincount(y, minlength=n_classes))[: 1 if n_classes == 2 else 4]
    return np.stack([(y == kind).astype(np.float64) for kind in largest])


# ---------------------------------------------------------------- numbers


def _screen(X: Matrix, targets: Matrix) -> Iterator[tuple[int, int, str]]:
    """The pairs whose rule correlates with some target most beyond either column alone."""
    d = X.shape[1]
    scale = np.abs(X).max(axis=0)
    positive = np.flatnonzero((X > 0).all(axis=0))
    whole = np.flatnonzero((np.abs(X) > 1e-12 * scale).all(axis=0))
    for target in targets:
        alone = _squared(X, target)
        base = np.maximum.outer(alone, alone)
        for sign, how in ((1.0, "{a} + {b}"), (-1.0, "{a} - {b}")):
            yield from _top(_sums(X, target, sign) - base, np.arange(d), np.arange(d), how)
        yield from _top(_products(X / scale, X / scale, target) - base, np.arange(d), np.arange(d), "{a} * {b}")
        if whole.size:
            gain = _products(X / scale, scale[whole] / X[:, whole], target) - base[:, whole]
            yield from _top(gain, np.arange(d), whole, "{a} / {b}")
        if positive.size > 1:
            logs = np.log(X[:, positive])
            goal = np.log(target) if (target > 0).all() else target
            least = base[np.ix_(positive, positive)]
            for sign, how in ((1.0, "{a} * {b}"), (-1.0, "{a} / {b}")):
                yield from _top(_sums(logs, goal, sign) - least, positive, positive, how)


def _top(
    gain: Matrix, firsts: NDArray[np.int64], seconds: NDArray[np.int64], how: str
) -> Iterator[tuple[int, int, str]]:
    gain = np.where(firsts[:, None] == seconds[None, :], -1.0, np.nan_to_num(gain, nan=-1.0))
    if "+" in how or "*" in how or "-" in how:
        gain = np.where(firsts[:, None] < seconds[None, :], gain, -1.0)
    for at in np.argsort(-gain, axis=None, kind="stable")[:_TOP]:
        a, b = np.unravel_index(at, gain.shape)
        if gain[a, b] > 0:
            yield int(firsts[a]), int(seconds[b]), how


def _squared(X: Matrix, y: Matrix) -> Matrix:
    centred, truth = X - X.mean(axis=0), y - y.mean()
    return np.asarray((centred.T @ truth) ** 2 / np.maximum((centred**2).sum(axis=0) * float(truth @ truth), 1e-300))


def _sums(X: Matrix, y: Matrix, sign: float) -> Matrix:
    """Squared correlation of y with a + sign * b for all pairs, from the covariances."""
    centred, truth = X - X.mean(axis=0), y - y.mean()
    scale = float(np.abs(centred).max()) or 1.0
    centred = centred / scale
    inner = centred.T @ centred
    with_y = centred.T @ truth
    spread = np.diag(inner)[:, None] + np.diag(inner)[None, :] + 2 * sign * inner
    found = (with_y[:, None] + sign * with_y[None, :]) ** 2
    floor = 1e-12 * (np.diag(inner)[:, None] + np.diag(inner)[None, :]) + 1e-300
    return np.asarray(np.where(spread > floor, found / (np.maximum(spread, floor) * float(truth @ truth)), 0.0))


def _products(A: Matrix, B: Matrix, y: Matrix) -> Matrix:
    """Squared correlation of y with a * b for all pairs: sums of products over rows are products of matrices."""
    n, truth = y.size, y - y.mean()
    with np.errstate(over="ignore", invalid="ignore"):
        with_y = A.T @ (truth[:, None] * B)
        spread = (A**2).T @ (B**2) - (A.T @ B) ** 2 / n
        found = with_y**2 / (np.maximum(spread, 1e-12) * float(truth @ truth))
        return np.asarray(np.where(spread > 1e-12, found, 0.0))


def _derived(a: Matrix, b: Matrix, how: str) -> Matrix:
    with np.errstate(all="ignore"):
        if "+" in how:
            return a + b
        if "-" in how:
            return a - b
        return a * b if "*" in how else np.where(b == 0, np.nan, a / np.where(b == 0, 1.0, b))


def _error(values: Matrix, y: NDArray[Any], n_classes: int, fold: NDArray[np.int64]) -> float:
    known = np.isfinite(values)
    if known.sum() < 0.7 * values.size:
        return 1.0
    values, y = values[known], y[known]
    if n_classes == 0:
        return min(_misfit(values, y), _log_misfit(values, y))
    if np.unique(y).size < n_classes:
        return 1.0
    if n_classes == 2:
        auc = intervals.auc(y == 1, values)
        return 2.0 * (1.0 - max(auc, 1.0 - auc))
    found = association.single(association.codes_of_numbers(values), y, n_classes, fold[known])
    return min(association.error(y, found, n_classes), 1.0)


def _misfit(values: Matrix, y: NDArray[Any]) -> float:
    """1 - squared correlation: the error of the best line."""
    scale = float(np.abs(values).max()) or 1.0
    return float(1.0 - _squared((values / scale)[:, None], np.asarray(y, dtype=np.float64))[0])


def _log_misfit(values: Matrix, y: NDArray[Any]) -> float:
    """The same in logarithms where both are positive: noise in proportion is no error of the rule."""
    if not ((values > 0).all() and (y > 0).all()):
        return 1.0
    return _misfit(np.log(values), np.log(y))


# ---------------------------------------------------------------- exclusive-or


def _gates(X: Matrix, y: NDArray[Any], n_classes: int, measured: list[int], rows: NDArray[np.int64]) -> list[Pair]:
    """Exclusive-or of two thresholded numbers, for two classes: a product of signs, screened at the quartiles."""
    if n_classes != 2 or len(measured) < 2:
        return []
    filled = _filled(X[rows][:, measured])
    signs = [np.where(filled > np.quantile(filled, q, axis=0), 1.0, -1.0) for q in (0.25, 0.5, 0.75)]
    S = np.concatenate(signs, axis=1)
    truth = (y[rows] == 1).astype(np.float64)
    alone = _squared(S, truth)
    gain = _products(S - S.mean(axis=0), S - S.mean(axis=0), truth) - np.maximum.outer(alone, alone)
    d, found, seen = len(measured), [], set()
    for at in np.argsort(-gain, axis=None, kind="stable")[: 6 * _TOP]:
        a, b = (int(position) % d for position in np.unravel_index(at, gain.shape))
        if a != b and (min(a, b), max(a, b)) not in seen:
            seen.add((min(a, b), max(a, b)))
            error, edges = _best_gate(X[:, measured[a]], X[:, measured[b]], y)
            how = f"({{a}} > {edges[0]:.4g}) xor ({{b}} > {edges[1]:.4g})"
            found.append(Pair(measured[a], measured[b], how, error))
    return found


def _best_gate(a: Matrix, b: Matrix, y: NDArray[Any]) -> tuple[float, tuple[float, float]]:
    """The error of the best exclusive-or over a grid of quantiles of both, from cumulated counts of the grid."""
    known = np.isfinite(a) & np.isfinite(b)
    a, b, truth = a[known], b[known], y[known] == 1
    if truth.all() or not truth.any():
        return 1.0, (0.0, 0.0)
    cuts = [np.unique(np.quantile(values, np.linspace(0, 1, _GRID + 1)[1:-1])) for values in (a, b)]
    at = [np.searchsorted(edges, values, side="left") for edges, values in zip(cuts, (a, b), strict=True)]
    shape = (cuts[0].size + 1, cuts[1].size + 1)
    rates = []
    for rows in (truth, ~truth):
        counts = np.zeros(shape)
        np.add.at(counts, (at[0][rows], at[1][rows]), 1.0)
        low = counts.cumsum(axis=0).cumsum(axis=1)
        both_low = low[:-1, :-1]
        both_high = low[-1, -1] - low[:-1, -1:] - low[-1:, :-1] + both_low
        rates.append((both_low + both_high) / max(float(counts.sum()), 1.0))
    area = 0.5 + 0.5 * np.abs(rates[0] - rates[1])
    i, j = np.unravel_index(int(area.argmax()), area.shape)
    return float(2.0 * (1.0 - area[i, j])), (float(cuts[0][i]), float(cuts[1][j]))


def _cells(X: Matrix, y: NDArray[Any], n_classes: int, fold: NDArray[np.int64], rows: NDArray[np.int64]) -> list[Pair]:
    """Pairs of kinds (or of remainders of whole numbers) whose combination gives the class."""
    if n_classes == 0:
        return []
    found: list[Pair] = []
    truth = np.eye(n_classes)[y]
    for how, coded in _codings(X, n_classes):
        names = list(coded)
        top = _purest(np.column_stack([coded[name][rows] for name in names]), truth[rows]) if len(names) > 1 else []
        for i, j in top:
            a, b = coded[names[i]], coded[names[j]]
            joined = a * (int(b.max()) + 1) + b
            predicted = association.single(joined, y, n_classes, fold)
            found.append(Pair(names[i], names[j], how, min(association.error(y, predicted, n_classes), 1.0)))
    return found


def _codings(X: Matrix, n_classes: int) -> Iterator[tuple[str, dict[int, NDArray[np.int64]]]]:
    """Codes (n,) of each column that has few values, then remainders of whole numbers by each modulus."""
    few: dict[int, NDArray[np.int64]] = {}
    whole: list[int] = []
    for at in range(X.shape[1]):
        known = X[np.isfinite(X[:, at]), at]
        if known.size < 0.7 * X.shape[0]:
            continue
        kinds = np.unique(known)
        if 2 <= kinds.size <= _LEVELS:
            few[at] = np.where(np.isfinite(X[:, at]), np.searchsorted(kinds, X[:, at]), kinds.size).astype(np.int64)
        if kinds.size > 2 and np.abs(known).max() < 2**53 and (known == np.floor(known)).all() and known.size == len(X):
            whole.append(at)
    yield "{a} with {b}", dict(list(few.items())[: 4 * _CELL_COLUMNS])
    # A remainder that gives several classes takes at least as many values.
    for k in (k for k in _MODULI if len(whole) > 1 and (n_classes == 2 or k >= n_classes)):
        yield f"({{a}}, {{b}}) modulo {k}", {at: (X[:, at] % k).astype(np.int64) for at in whole[:_CELL_COLUMNS]}


def _purest(codes: NDArray[np.int64], truth: Matrix) -> list[tuple[int, int]]:
    """The pairs whose cells are purest beyond either column's own, by products of one-hot matrices."""
    widths = codes.max(axis=0) + 1
    starts = np.concatenate([[0], np.cumsum(widths)])
    hot = np.zeros((codes.shape[0], int(starts[-1])), dtype=np.float32)
    for at in range(codes.shape[1]):
        hot[np.arange(codes.shape[0]), starts[at] + codes[:, at]] = 1.0
    counts = hot.T @ hot
    pure = np.zeros_like(counts)
    for column in truth.T.astype(np.float32):
        sums = hot.T @ (column[:, None] * hot)
        pure += sums**2 / np.maximum(counts, 1.0)
    edges = starts[:-1]
    share = np.add.reduceat(np.add.reduceat(pure, edges, axis=0), edges, axis=1) / codes.shape[0]
    cells = np.add.reduceat(np.add.reduceat((counts > 0).astype(np.float32), edges, axis=0), edges, axis=1)
    # A cell is purer than its column by chance: about one row's worth for each cell.
    share = share - cells / codes.shape[0]
    alone = np.diag(share)
    gain = np.triu(share - np.maximum.outer(alone, alone), 1)
    order = np.argsort(-gain, axis=None, kind="stable")[:_TOP]
    return [(int(at // gain.shape[1]), int(at % gain.shape[1])) for at in order if gain.flat[at] > 0]
