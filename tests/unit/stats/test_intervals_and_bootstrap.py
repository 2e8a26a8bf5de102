from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from modelwright.stats import bootstrap, distances, intervals


def test_wilson_matches_a_published_example() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263, 0.2553 to 0.3662.
    low, high = intervals.wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(("hits", "n", "bound"), [(0, 10, 0.0), (10, 10, 1.0)])
def test_wilson_touches_the_end_it_has_reached(hits: int, n: int, bound: float) -> None:
    assert bound in intervals.wilson(hits, n)


def test_auc_equals_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    score = np.round(rng.normal(size=300) + y, 1)
    assert intervals.auc(y == 1, score) == pytest.approx(roc_auc_score(y, score))
    assert intervals.auc_influence(y == 1, score)[0] == pytest.approx(roc_auc_score(y, score))


def test_delong_covers_the_true_auc() -> None:
    rng = np.random.default_rng(1)
    true = 0.7602  # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2)
    hits = 0
    for _ in range(300):
        y = (np.arange(150) < 50).astype(int)
        _, low, high = intervals.delong(y, rng.normal(size=150) + y)
        hits += low <= true <= high
    assert 0.91 <= hits / 300 <= 0.985


def test_a_perfect_auc_on_few_rows_is_no_certainty() -> None:
    y = np.array([0] * 30 + [1] * 10)
    value, low, high = intervals.delong(y, y.astype(float))
    assert value == high == 1.0
    assert low < 0.75


def test_bca_covers_a_skewed_mean() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(300):
        rows = np.column_stack([np.ones(80), rng.exponential(size=80)])
        low, high = bootstrap.mean_interval(rows, lambda sums: sums[:, 1] / sums[:, 0], level=0.95, seed=seed)
        hits += low <= 1.0 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_blocks_give_the_interval_of_rows() -> None:
    values = np.random.default_rng(3).normal(size=50_000)
    rows = np.column_stack([np.ones(values.size), values])
    low, high = bootstrap.mean_interval(rows, lambda sums: sums[:, 1] / sums[:, 0], level=0.95, seed=0)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / values.size**0.5, rel=0.12)


def test_distances_are_zero_only_without_change() -> None:
    same = np.array([100.0, 200.0, 300.0])
    assert distances.psi(same, same) == 0.0
    assert distances.js(same, same) == pytest.approx(0.0, abs=1e-9)
    assert distances.js(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1.0)
    assert distances.psi(same, same[::-1]) > 0.2
