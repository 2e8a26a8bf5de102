"""Every simple rule of two columns is found among innocent ones, and nothing is found where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelwright.stats import association, pairs

N, D = 1200, 10
Values = NDArray[np.float64]


def _find(X: Values, y: NDArray[Any], n_classes: int) -> list[pairs.Pair]:
    return pairs.best(X, y, n_classes, [True] * X.shape[1], association.folds(y.size, 0))


def _table(kind: str) -> Values:
    rng = np.random.default_rng(4)
    drawn: dict[str, Callable[[], Values]] = {
        "normal": lambda: rng.normal(size=(N, D)),
        "positive": lambda: rng.lognormal(1, 0.8, (N, D)),
        "bits": lambda: rng.integers(0, 2, (N, D)).astype(float),
        "counts": lambda: rng.integers(0, 500, (N, D)).astype(float),
    }
    found: Values = drawn[kind]()
    return found


@pytest.mark.parametrize(
    ("kind", "rule", "n_classes", "most"),
    [
        ("normal", lambda a, b: a > b, 2, 0.0),
        ("normal", lambda a, b: a * b > 0.4, 2, 0.0),
        ("positive", lambda a, b: a / b > 1.5, 2, 0.0),
        ("bits", lambda a, b: a != b, 2, 0.0),
        ("normal", lambda a, b: (a > 0.3) ^ (b > -0.8), 2, 0.06),
        ("counts", lambda a, b: (a + b) % 3, 3, 0.01),
        ("normal", lambda a, b: a + b, 0, 1e-9),
        ("normal", lambda a, b: a * b, 0, 1e-9),
        ("positive", lambda a, b: a / b, 0, 1e-9),
        ("normal", lambda a, b: 1.7e15 + 1e9 * a - 1e9 * b, 0, 1e-6),
    ],
)
def test_the_pair_is_found_by_its_rule(
    kind: str, rule: Callable[[Values, Values], Any], n_classes: int, most: float
) -> None:
    X = _table(kind)
    y = np.asarray(rule(X[:, 3], X[:, 7]))
    first = _find(X, y.astype(np.int64) if n_classes else y, n_classes)[0]
    assert {first.first, first.second} == {3, 7}
    assert first.error <= most + 1e-12


@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_noise_has_no_pair(n_classes: int) -> None:
    rng = np.random.default_rng(9)
    y: NDArray[Any] = rng.integers(0, n_classes, N) if n_classes else rng.normal(size=N)
    assert all(pair.error > 0.6 for pair in _find(_table("normal"), y, n_classes))


def test_constant_missing_and_huge_columns_are_left_out() -> None:
    X = _table("normal")
    X[:, 0], X[:, 1], X[:, 2] = 1.0, np.nan, 1e200
    X[::9, 4] = np.nan
    found = _find(X, (X[:, 5] > X[:, 6]).astype(np.int64), 2)
    assert {found[0].first, found[0].second} == {5, 6}
    assert not {0, 1, 2} & {at for pair in found for at in (pair.first, pair.second)}
