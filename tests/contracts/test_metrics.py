"""Every metric: within bounds, best when perfect, blind to the order of rows, weights count as repeats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelwright.core import plugins
from modelwright.core.nouns import Task
from modelwright.core.tables import Predictions
from modelwright.evaluation import scores

NAMES = plugins.names("metrics")
CASES = [(name, task) for name in NAMES for task in sorted(plugins.load("metrics", name).tasks)]


def make(task: Task, n: int = 120, *, perfect: bool = False, seed: int = 0) -> tuple[NDArray[Any], Predictions]:
    rng = np.random.default_rng(seed)
    if task in (Task.BINARY, Task.MULTICLASS):
        k = 2 if task is Task.BINARY else 4
        y = rng.integers(0, k, n)
        y[:k] = np.arange(k)
        p = np.eye(k)[y] if perfect else rng.dirichlet(np.ones(k), n) + 0.3 * np.eye(k)[y]
        p = p / p.sum(axis=1, keepdims=True)
        return y, Predictions(classes=tuple("abcd"[:k]), probabilities=p, labels=p.argmax(axis=1).astype(np.int64))
    if task is Task.REGRESSION:
        y = rng.normal(10, 3, n)
        return y, Predictions(values=y if perfect else y + rng.normal(0, 1, n))
    if task is Task.CLUSTERING:
        labels = rng.integers(0, 3, n)
        points = labels[:, None] * 10.0 + rng.normal(0, 0.01 if perfect else 4.0, (n, 2))
        return points, Predictions(labels=labels)
    values = np.where(np.arange(n) < n * 0.05, 9.0, 1.0) if perfect else rng.random(n)
    return np.zeros((n, 0)), Predictions(values=values)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_within_bounds_and_best_when_perfect(name: str, task: Task) -> None:
    metric = plugins.load("metrics", name)
    low, high = metric.bounds
    y, predictions = make(task)
    value = metric.score(y, predictions)
    best = metric.score(*make(task, perfect=True))
    assert low <= value <= high
    assert best > value if metric.greater_is_better else best < value
    assert best == pytest.approx(high if metric.greater_is_better else low, abs=0.01)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_blind_to_the_order_of_rows(name: str, task: Task) -> None:
    metric = plugins.load("metrics", name)
    y, predictions = make(task)
    order = np.random.default_rng(1).permutation(len(y))
    assert metric.score(y[order], predictions.rows(order)) == pytest.approx(metric.score(y, predictions), rel=1e-9)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_even_weights_change_nothing(name: str, task: Task) -> None:
    metric = plugins.load("metrics", name)
    y, predictions = make(task)
    weighted = metric.score(y, predictions, np.full(len(y), 2.0))
    assert weighted == pytest.approx(metric.score(y, predictions), rel=1e-6)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_interval_is_finite_seeded_and_holds_the_value(name: str, task: Task) -> None:
    metric = plugins.load("metrics", name)
    y, predictions = make(task)
    found = scores.estimate_one(y, predictions, metric, level=0.95, seed=3)
    assert found == scores.estimate_one(y, predictions, metric, level=0.95, seed=3)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("name", "task"), CASES)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows_give_a_number(name: str, task: Task, n: int) -> None:
    metric = plugins.load("metrics", name)
    y, predictions = make(task, n=6)
    rows = np.arange(n)
    assert np.isfinite(scores.estimate_one(y[rows], predictions.rows(rows), metric, level=0.9, seed=0).value)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_unique(name: str) -> None:
    others = {alias for other in NAMES if other != name for alias in (other, *plugins.load("metrics", other).aliases)}
    assert not others & {name, *plugins.load("metrics", name).aliases}
