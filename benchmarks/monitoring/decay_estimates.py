"""Label-free estimates against the truth: boosted trees, windows of 2,000 rows, with and without covariate shift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from modelwright.monitoring.estimation import Reference, estimate, estimate_error

Array = NDArray[np.float64]
WINDOWS, ROWS = 12, 2_000


def _drawn(rng: np.random.Generator, n: int, shift: float) -> Array:
    X = rng.normal(size=(n, 6))
    X[:, 0] += shift
    X[:, 1] += shift / 2
    return X


def _chance(X: Array) -> Array:
    z = 1.2 * X[:, 0] + np.sin(2 * X[:, 1]) + 0.7 * X[:, 2] * X[:, 3] - 0.3
    return np.asarray(1 / (1 + np.exp(-z)))


def _true(metric: str, y: Array, s: Array) -> float:
    said = s >= 0.5
    if metric == "accuracy":
        return float((said == y).mean())
    return {
        "f1": lambda: f1_score(y, said),
        "log_loss": lambda: log_loss(y, s),
        "roc_auc": lambda: roc_auc_score(y, s),
    }[metric]()


def run() -> None:
    rng = np.random.default_rng(1)
    X = _drawn(rng, 8_000, 0.0)
    y = (rng.random(8_000) < _chance(X)).astype(int)
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(X, y)
    held = _drawn(rng, 6_000, 0.0)
    known = Reference(y=(rng.random(6_000) < _chance(held)).astype(int), scores=model.predict_proba(held)[:, 1], X=held)
    for shift in (0.0, 0.5, 1.2):
        for metric in ("accuracy", "roc_auc", "f1", "log_loss"):
            gaps: dict[str, list[float]] = {"cbpe": [], "pape": []}
            inside: dict[str, int] = {"cbpe": 0, "pape": 0}
            for window in range(WINDOWS):
                now = _drawn(rng, ROWS, shift)
                truth = (rng.random(ROWS) < _chance(now)).astype(int)
                s = model.predict_proba(now)[:, 1]
                actual = _true(metric, truth, s)
                for name, given in (("cbpe", None), ("pape", now)):
                    found = estimate(known, s, metric, X=given, level=0.9, seed=window)
                    gaps[name].append(abs(found.value - actual))
                    inside[name] += found.low <= actual <= found.high
            print(f"shift {shift:3.1f} {metric:9s} " + "   ".join(
                f"{name}: mean error {np.mean(gaps[name]):.4f}, 90 % interval holds {inside[name]}/{WINDOWS}"
                for name in gaps), flush=True)  # fmt: skip
    _numbers(rng)


def _numbers(rng: np.random.Generator) -> None:
    def drawn(n: int, shift: float) -> tuple[Array, Array]:
        X = _drawn(rng, n, shift)
        return X, 2 * X[:, 0] + np.sin(3 * X[:, 1]) + rng.normal(size=n) * (0.5 + 0.5 * np.abs(X[:, 0]))

    X, y = drawn(8_000, 0.0)
    model = HistGradientBoostingRegressor(max_iter=80, random_state=0).fit(X, y)
    held, truth = drawn(6_000, 0.0)
    errors = np.abs(truth - model.predict(held))
    for shift in (0.0, 0.5, 1.2):
        gaps, inside = [], 0
        for window in range(WINDOWS):
            now, later = drawn(ROWS, shift)
            actual = float(np.abs(later - model.predict(now)).mean())
            found = estimate_error(errors, held, now, seed=window)
            gaps.append(abs(found.value - actual))
            inside += found.low <= actual <= found.high
        print(f"numbers, shift {shift:3.1f}: mean error {np.mean(gaps):.4f} of {actual:.3f}, holds {inside}/{WINDOWS}")
