"""Do the reported 95 % intervals cover the truth 95 % of the time? Measured on small splits against a large hold-out.

    python benchmarks/interval_coverage.py [RUNS]

One cheap model is fit once per draw on 400 rows; its score on about 15,000 further rows stands for the truth. A
fresh test part of a few hundred rows, as a run would seal, gives the interval. The share of draws whose interval
holds the truth should be 0.95; with 200 draws the share itself is known to about 0.03. A hold-out is not infinite:
what it adds to the miss is below a tenth of the interval's width.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.tables import Predictions
from modelwright.evaluation import catalog
from modelwright.evaluation.scores import estimate, task_of

LEARN, HELD = 400, 15_000


@dataclass(frozen=True)
class Pool:
    """A large table that stands for the world: features with an intercept, and the target."""

    name: str
    X: NDArray[np.float64]
    y: NDArray[np.float64]
    metrics: tuple[str, ...]


def adults(n: int = 40_000, share: float = -1.9) -> Pool:
    """Unequal classes (about one in six), a few strong and many weak columns, an interaction no line can follow."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 10))
    logit = 1.2 * X[:, 0] - 0.9 * X[:, 1] + 0.6 * X[:, 2] * X[:, 3] + 0.1 * X[:, 4:].sum(axis=1) + share
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    names = (
        "roc_auc",
        "average_precision",
        "f1",
        "accuracy",
        "balanced_accuracy",
        "recall",
        "log_loss",
        "brier",
        "mcc",
    )
    return Pool("binary, 17 % positive", np.column_stack([np.ones(n), X]), y, names)


def loads(n: int = 40_000) -> Pool:
    """Values with normal noise and an interaction no line can follow."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 8))
    y = 3 * X[:, 0] - 2 * X[:, 1] + X[:, 2] * X[:, 3] + 0.3 * X[:, 4:].sum(axis=1) + rng.normal(0, 2, n)
    return Pool(
        "regression, plain", np.column_stack([np.ones(n), X]), y, ("r2", "rmse", "mae", "median_absolute_error")
    )


def prices(n: int = 40_000) -> Pool:
    """Skewed values whose noise grows with them: a few errors make up most of the squared error."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, 8))
    y = np.exp(1.0 + 0.5 * X[:, 0] + 0.3 * X[:, 1] * X[:, 2] + 0.1 * X[:, 3:].sum(axis=1) + rng.normal(0, 0.3, n))
    return Pool(
        "regression, heavy tails", np.column_stack([np.ones(n), X]), y, ("r2", "rmse", "mae", "median_absolute_error")
    )


def predictions(pool: Pool, weights: NDArray[np.float64], rows: NDArray[np.int64]) -> Predictions:
    line = pool.X[rows] @ weights
    if pool.name.startswith("regression"):
        return Predictions(values=line)
    p = 1 / (1 + np.exp(-np.clip(line, -30, 30)))
    both = np.column_stack([1 - p, p])
    return Predictions(classes=("no", "yes"), probabilities=both, labels=(p >= 0.3).astype(np.int64))


def fitted(pool: Pool, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Least squares, or a dozen Newton steps for classes, with a light ridge."""
    X, y = pool.X[rows], pool.y[rows]
    ridge = np.eye(X.shape[1])
    if pool.name.startswith("regression"):
        return np.linalg.solve(X.T @ X + ridge, X.T @ y)
    weights = np.zeros(X.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-X @ weights))
        hessian = (X * (p * (1 - p))[:, None]).T @ X + ridge
        weights += np.linalg.solve(hessian, X.T @ (y - p) - weights)
    return weights


def measured(pool: Pool, n_test: int, runs: int) -> dict[str, tuple[float, float]]:
    """By metric: share of intervals that hold the truth, and their mean width."""
    rng = np.random.default_rng(n_test)
    held: dict[str, list[tuple[bool, float]]] = {name: [] for name in pool.metrics}
    for run in range(runs):
        order = rng.permutation(pool.y.size)
        learn, test, far = np.split(order[: LEARN + n_test + HELD], [LEARN, LEARN + n_test])
        weights = fitted(pool, learn)
        near, truth = predictions(pool, weights, test), predictions(pool, weights, far)
        kind = np.float64 if near.values is not None else np.int64
        found = estimate(pool.y[test].astype(kind), near, pool.metrics, seed=run)
        for name in pool.metrics:
            _, metric = catalog.resolve(name, task_of(near))
            score, one = metric.score(pool.y[far].astype(kind), truth), found[name]
            assert one.low is not None
            assert one.high is not None
            held[name].append((one.low <= score <= one.high, one.high - one.low))
    return {
        name: (float(np.mean([h for h, _ in all_])), float(np.mean([w for _, w in all_])))
        for name, all_ in held.items()
    }


def main(runs: int) -> None:
    started = time.process_time()
    print("| table | test rows | metric | coverage | mean width |")
    print("|---|---:|---|---:|---:|")
    for pool in (adults(), loads(), prices()):
        for n_test in (150, 600):
            for name, (share, width) in measured(pool, n_test, runs).items():
                print(f"| {pool.name} | {n_test} | {name} | {share:.3f} | {width:.3g} |", flush=True)
    print(f"\n{runs} draws each, {time.process_time() - started:.0f} s of one core")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
