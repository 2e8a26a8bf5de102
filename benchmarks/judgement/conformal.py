"""Conformal intervals and sets over repeated draws: does the coverage asked for arrive, overall and in each class.

`python benchmarks/judgement/conformal.py [REPEATS]`. Each repeat draws a table, predicts 4,000 rows by five-fold
cross-fitting, fits the model on all of them, and judges 1,000 further rows: what a run does, without the search.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.tables import Predictions
from modelwright.evaluation import conformal

Draw = Callable[[np.random.Generator], tuple[NDArray[Any], NDArray[Any]]]
_N, _TEST = 4_000, 1_000


def even(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    X = rng.normal(size=(_N + _TEST, 6))
    return X, X @ np.arange(6) + rng.normal(size=len(X))


def uneven(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    X = rng.normal(size=(_N + _TEST, 6))
    level = np.exp(0.5 * X[:, 0])
    return X, 5 * level + level * rng.normal(size=len(X))


def heavy(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    X = rng.normal(size=(_N + _TEST, 6))
    return X, X[:, 0] + rng.standard_t(2, size=len(X))


def classes(share: tuple[float, ...]) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        y = rng.choice(len(share), _N + _TEST, p=share)
        centres = np.random.default_rng(0).normal(size=(len(share), 6))
        return centres[y] + 1.2 * rng.normal(size=(len(y), 6)), y

    return draw


def once(draw: Draw, seed: int, *, is_class: bool) -> tuple[float, float, float]:
    """Coverage, size, and the least coverage of a group."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import cross_val_predict

    X, y = draw(np.random.default_rng(seed))
    model = LogisticRegression(max_iter=200) if is_class else Ridge()
    method = "predict_proba" if is_class else "predict"
    out = cross_val_predict(model, X[:_N], y[:_N], cv=5, method=method)
    model.fit(X[:_N], y[:_N])
    new = getattr(model, method)(X[_N:])
    names = tuple(str(k) for k in range(int(y.max()) + 1)) if is_class else ()

    def answers(found: NDArray[Any]) -> Predictions:
        return Predictions(classes=names, probabilities=found) if is_class else Predictions(values=found)

    judged = conformal.judge(conformal.learn(y[:_N], answers(out), 0.9), y[_N:], answers(new))
    return judged.coverage.value, judged.size, judged.worst_coverage or 0.0


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    cases = {
        "numbers, even noise": (even, False),
        "numbers, noise grows with the answer": (uneven, False),
        "numbers, heavy tails": (heavy, False),
        "two classes, even": (classes((0.5, 0.5)), True),
        "two classes, 8 % positive": (classes((0.92, 0.08)), True),
        "four classes, uneven": (classes((0.6, 0.25, 0.1, 0.05)), True),
    }
    print("| case | mean coverage | within its sampling error | mean size | worst group, mean |")
    print("|---|---:|---:|---:|---:|")
    started = time.process_time()
    for name, (draw, is_class) in cases.items():
        found = np.array([once(draw, seed, is_class=is_class) for seed in range(repeats)])
        # two standard errors: of the judged rows and of the quantile's own rows
        slack = 2 * np.sqrt(0.9 * 0.1 * (1 / _TEST + 1 / _N))
        within = float((np.abs(found[:, 0] - 0.9) <= slack).mean())
        coverage, size, worst = found.mean(axis=0)
        print(f"| {name} | {coverage:.3f} | {within:.0%} | {size:.2f} | {worst:.3f} |", flush=True)
    print(f"\n{repeats} repeats each, asked for 90 %; CPU {time.process_time() - started:.0f} s.")


if __name__ == "__main__":
    main()
