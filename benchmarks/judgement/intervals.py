"""Do the 95 % intervals hold what the sealed score is an estimate of? Synthetic worlds whose truth is known.

    python benchmarks/judgement/intervals.py [RUNS] [SIZE...]

Each run draws a fresh test part of SIZE rows with a model's answers from the world. `mean` is the expectation of the
score on that many rows (the average over all runs), `truth` the score on 400,000 rows. 0.90 to 0.97 is the promise;
200 runs measure a share of 0.95 to about 0.03. `wrong` is how often a goal would be called met by the bound while the
truth lies below it, with the goal set at the truth itself, which is the worst case: at most 0.05 is the promise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.tables import Predictions
from modelwright.evaluation import catalog
from modelwright.evaluation.scores import estimate, task_of

FAR = 400_000
Drawn = tuple[NDArray[Any], Predictions, NDArray[np.int64] | None]
BINARY = (
    "roc_auc", "average_precision", "f1", "f1_macro", "f1_weighted", "precision", "recall", "accuracy",
    "balanced_accuracy", "mcc", "log_loss", "brier",
)  # fmt: skip
REGRESSION = ("rmse", "mse", "mae", "r2", "median_absolute_error", "mape", "rmsle")


@dataclass(frozen=True)
class World:
    name: str
    draw: Callable[[np.random.Generator, int], Drawn]
    metrics: tuple[str, ...]


def _expit(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-z)))


def binary(share: float, cut: float) -> Callable[[np.random.Generator, int], Drawn]:
    """An overconfident model of a target whose positives make up about `share`."""
    shift = float(np.log(share / (1 - share))) * 1.25

    def draw(rng: np.random.Generator, n: int) -> Drawn:
        z = 1.6 * rng.normal(size=n) + shift
        y = (rng.random(n) < _expit(z)).astype(np.int64)
        p = _expit(1.3 * z + 0.8 * rng.normal(size=n))
        both = np.column_stack([1 - p, p])
        return y, Predictions(classes=("no", "yes"), probabilities=both, labels=(p >= cut).astype(np.int64)), None

    return draw


def several(shares: tuple[float, ...]) -> Callable[[np.random.Generator, int], Drawn]:
    def draw(rng: np.random.Generator, n: int) -> Drawn:
        k = len(shares)
        y = rng.choice(k, size=n, p=shares)
        z = rng.normal(size=(n, k)) + np.log(shares)
        z[np.arange(n), y] += 1.8
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        names = tuple("abcdefgh"[:k])
        return y, Predictions(classes=names, probabilities=p, labels=p.argmax(axis=1)), None

    return draw


def noisy(noise: Callable[[np.random.Generator, int], NDArray[np.float64]]) -> Callable[..., Drawn]:
    """Values of 20 and more on average, so that relative errors exist, with this noise."""

    def draw(rng: np.random.Generator, n: int) -> Drawn:
        line = 3 * rng.normal(size=n) + 30
        return line + noise(rng, n), Predictions(values=line), None

    return draw


def prices(rng: np.random.Generator, n: int) -> Drawn:
    """Skewed values whose noise grows with them: a few errors make up most of the squared error."""
    log = 1 + 0.6 * rng.normal(size=n)
    return np.exp(log + rng.normal(0, 0.4, n)), Predictions(values=1.05 * np.exp(log)), None


def grouped(rng: np.random.Generator, n: int) -> Drawn:
    """Groups of 10 to 30 rows whose errors share a part: half of the variance."""
    sizes = rng.integers(10, 31, size=n)
    group = np.repeat(np.arange(n), sizes)[:n]
    line = 3 * rng.normal(size=n) + 30
    shared = rng.normal(size=n)[group] * np.exp(0.5 * rng.normal(size=n))[group]
    return line + 2 * (shared + rng.normal(size=n)), Predictions(values=line), group


def grouped_classes(rng: np.random.Generator, n: int) -> Drawn:
    """Groups of 10 to 30 rows; some groups are harder than others, and have more positives."""
    group = np.repeat(np.arange(n), rng.integers(10, 31, size=n))[:n]
    common = rng.normal(size=n)[group]
    z = 1.2 * rng.normal(size=n) + common - 1
    y = (rng.random(n) < _expit(z)).astype(np.int64)
    p = _expit(z - common + rng.normal(size=n)[group])
    both = np.column_stack([1 - p, p])
    return y, Predictions(classes=("no", "yes"), probabilities=both, labels=(p >= 0.4).astype(np.int64)), group


def in_time(rng: np.random.Generator, n: int) -> Drawn:
    """Errors in time order that remember: an autoregression of 0.7; blocks as the judge stage makes them."""
    from scipy.signal import lfilter

    from modelwright.evaluation.scores import time_blocks

    noise = lfilter([1.0], [1.0, -0.7], rng.normal(size=n + 200))[200:]
    line = 3 * rng.normal(size=n) + 30
    return line + noise, Predictions(values=line), time_blocks(n)


WORLDS = (
    World("2 classes, 50 %", binary(0.5, 0.5), BINARY),
    World("2 classes, 20 %", binary(0.2, 0.4), BINARY),
    World("2 classes, 4 %", binary(0.04, 0.25), BINARY),
    World("3 classes", several((0.5, 0.3, 0.2)), ("f1_macro", "roc_auc", "average_precision", *BINARY[4:])),
    World("5 classes, rare", several((0.6, 0.2, 0.1, 0.06, 0.04)), ("f1_macro", "roc_auc", *BINARY[4:])),
    World("normal errors", noisy(lambda rng, n: rng.normal(0, 2, n)), REGRESSION),
    World("Laplace errors", noisy(lambda rng, n: rng.laplace(0, 1.5, n)), REGRESSION),
    World("Student errors, 5 d.f.", noisy(lambda rng, n: rng.standard_t(5, n)), REGRESSION),
    World("Student errors, 4 d.f.", noisy(lambda rng, n: rng.standard_t(4, n)), REGRESSION),
    World("Student errors, 3 d.f.", noisy(lambda rng, n: rng.standard_t(3, n)), REGRESSION),
    World("errors grow with a normal", noisy(lambda rng, n: rng.normal(size=n) * np.exp(0.6 * rng.normal(size=n))),
          REGRESSION),
    World("1 % gross errors", noisy(lambda rng, n: rng.normal(size=n) * np.where(rng.random(n) < 0.01, 8, 1)),
          REGRESSION),
    World("log-normal prices", prices, REGRESSION),
    World("groups, numbers", grouped, ("rmse", "mae", "r2", "median_absolute_error")),
    World("groups, 2 classes", grouped_classes, ("roc_auc", "average_precision", "f1", "accuracy", "log_loss", "mcc")),
    World("time, numbers", in_time, ("rmse", "mae", "r2", "median_absolute_error")),
)  # fmt: skip


@dataclass(frozen=True)
class Cover:
    mean: float
    truth: float
    wrong: float
    width: float
    method: str


def measured(world: World, n: int, runs: int, seed: int = 0) -> dict[str, Cover]:
    rng = np.random.default_rng([seed, n])
    y, predicted, _ = world.draw(rng, FAR)
    truths = {}
    signs = {}
    for name in world.metrics:
        _, metric = catalog.resolve(name, task_of(predicted))
        truths[name], signs[name] = metric.score(y, predicted), metric.greater_is_better
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in world.metrics}
    methods: dict[str, str] = {}
    for run in range(runs):
        y, predicted, clusters = world.draw(rng, n)
        for name, one in estimate(y, predicted, world.metrics, seed=run, clusters=clusters).items():
            low = -np.inf if one.low is None else one.low
            found[name].append((one.value, low, np.inf if one.high is None else one.high))
            methods[name] = one.method
    covers = {}
    for name, rows in found.items():
        value, low, high = np.array(rows).T
        mean, truth = value.mean(), truths[name]
        wrong = (low > truth).mean() if signs[name] else (high < truth).mean()
        covers[name] = Cover(
            mean=float(((low <= mean) & (mean <= high)).mean()),
            truth=float(((low <= truth) & (truth <= high)).mean()),
            wrong=float(wrong),
            width=float(np.median(high - low)),
            method=methods[name],
        )
    return covers


def main(runs: int, sizes: list[int]) -> None:
    started = time.process_time()
    print("| world | rows | metric | holds the mean | holds the truth | wrong | median width | method |")
    print("|---|---:|---|---:|---:|---:|---:|---|")
    for n in sizes:
        for world in WORLDS:
            for name, one in measured(world, n, runs).items():
                print(
                    f"| {world.name} | {n} | {name} | {one.mean:.3f} | {one.truth:.3f} | {one.wrong:.3f} "
                    f"| {one.width:.3g} | {one.method} |",
                    flush=True,
                )
    print(f"\n{runs} runs each, {time.process_time() - started:.0f} s of one core")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, [int(size) for size in sys.argv[2:]] or [200, 1000, 5000])
