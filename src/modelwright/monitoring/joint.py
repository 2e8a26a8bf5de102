"""Joint shift: can a classifier tell the window's rows from the reference's? Its rank test on rows it has not seen.

Univariate tests are silent where only a correlation breaks. Source: Rabanser et al. (2019), Failing Loudly; Lopez-Paz
& Oquab (2017). Two halves: each model judges the other half, so its p-value is that of a rank sum given the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_ROWS, LEAST_ROWS = 20_000, 200
#: an AUC nearer to 1/2 than this has no practical size
FLOOR_AUC = 0.53
_ROUNDS = 40
_PARAMS = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 20, "lambda_l2": 1.0,
    "max_bin": 63, "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1, "num_threads": 1,
    "verbosity": -1, "deterministic": True, "force_col_wise": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """AUC of telling the two apart, its z and one-sided p-value (twice the smaller half's), and what told them."""

    auc: float
    z: float
    p: float
    top: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sides:
    """Numeric rows (NaN for missing, label codes from 0 in the columns named by `labels`) of both sides."""

    reference: Floats
    current: Floats
    labels: Sequence[int]


def tell_apart(sides: Sides, seed: int, names: Sequence[str] = (), *, rounds: int = _ROUNDS) -> Told:
    """With `names`, also the columns whose shuffling costs most of the AUC."""
    X = np.vstack([sides.reference, sides.current])
    y = np.concatenate([np.zeros(len(sides.reference)), np.ones(len(sides.current))])
    rng = np.random.default_rng(seed)
    half = np.zeros(y.size, dtype=bool)
    for kind in (0, 1):
        rows = rng.permutation(np.flatnonzero(y == kind))
        half[rows[: rows.size // 2]] = True
    results = [_half(X, y, learn, sides.labels, seed, rounds) for learn in (half, ~half)]
    aucs, zs = [auc for auc, _ in results], [z for _, z in results]
    from scipy.special import ndtr

    p = min(1.0, 2.0 * float(ndtr(-max(zs))))
    top = _top(X, y, half, sides.labels, seed, names) if names else ()
    return Told(float(np.mean(aucs)), float(np.mean(zs)), p, top)


def _fitted(
    X: Floats, y: Floats, learn: NDArray[np.bool_], rows: Floats, labels: Sequence[int], seed: int, rounds: int
) -> Floats:
    from modelwright.stats.lightgbm_fitting import fit_predict

    params = {**_PARAMS, "seed": seed, **({"categorical_column": list(labels)} if labels else {})}
    weight = float((y[learn] == 0).sum()) / max(float(y[learn].sum()), 1.0)
    return fit_predict((X[learn], y[learn]), rows, {**params, "scale_pos_weight": weight}, rounds)[:, 0]


def _half(
    X: Floats, y: Floats, learn: NDArray[np.bool_], labels: Sequence[int], seed: int, rounds: int
) -> tuple[float, float]:
    scores = _fitted(X, y, learn, X[~learn], labels, seed, rounds)
    return rank_test(scores, y[~learn])


def rank_test(scores: Floats, y: Floats) -> tuple[float, float]:
    """AUC and its z under no difference, ties counted (the permutation distribution's normal form)."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    ones = float(y.sum())
    zeros = y.size - ones
    auc = (float(ranks[y == 1].sum()) - ones * (ones + 1) / 2) / max(ones * zeros, 1.0)
    _, tied = np.unique(scores, return_counts=True)
    n = float(y.size)
    ties = float((tied.astype(float) ** 3 - tied).sum()) / max(n * (n - 1), 1.0)
    variance = ((n + 1) - ties) / (12.0 * max(ones * zeros, 1.0))
    return auc, (auc - 0.5) / float(np.sqrt(max(variance, 1e-12)))


def _top(
    X: Floats, y: Floats, half: NDArray[np.bool_], labels: Sequence[int], seed: int, names: Sequence[str]
) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    judged = rng.permutation(np.flatnonzero(~half))[:800]
    base = X[judged]
    copies = [base]
    for at in range(X.shape[1]):
        shuffled = base.copy()
        shuffled[:, at] = rng.permutation(shuffled[:, at])
        copies.append(shuffled)
    scores = _fitted(X, y, half, np.vstack(copies), labels, seed, _ROUNDS).reshape(len(copies), -1)
    whole = rank_test(scores[0], y[judged])[0]
    losses = [whole - rank_test(each, y[judged])[0] for each in scores[1:]]
    order = np.argsort(losses)[::-1][:5]
    return tuple(names[at] for at in order.tolist() if losses[at] > 0.005)
