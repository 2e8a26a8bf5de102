from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from modelwright.stats import bootstrap, intervals, studentised


def _log_mean(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(sums[:, 1] / sums[:, 0]))


def test_bootstrap_t_covers_a_mean_of_squares_where_bca_does_not() -> None:
    rng = np.random.default_rng(0)
    held, true = np.zeros(2), 5 / 3  # variance of Student's law with 5 degrees of freedom
    for seed in range(100):
        square = rng.standard_t(5, 200) ** 2
        rows = np.column_stack([np.ones(200), square])
        found = studentised.interval(rows, _log_mean, level=0.95, seed=seed)
        assert found is not None
        stretch = studentised.tail_stretch(square, level=0.95, seed=seed)
        held[0] += found[0] <= np.log(true) <= found[1] + stretch
        low, high = bootstrap.mean_interval(rows, lambda sums: sums[:, 1] / sums[:, 0], level=0.95, seed=seed)
        held[1] += low <= true <= high
    assert held[0] / 100 >= 0.88
    assert held[0] > held[1]


def test_no_spread_is_no_interval() -> None:
    rows = np.column_stack([np.ones(50), np.ones(50)])
    assert studentised.interval(rows, _log_mean, level=0.95, seed=0) is None


def test_a_normal_tail_moves_nothing_and_a_heavy_one_does() -> None:
    rng = np.random.default_rng(1)
    assert studentised.tail_stretch(rng.normal(size=5000) ** 2, level=0.95, seed=0) == 0.0
    heavy = rng.standard_t(3, 5000) ** 2
    assert studentised.tail_shape(heavy) > 0.4
    assert studentised.tail_stretch(heavy, level=0.95, seed=0) > 0.0


@pytest.mark.parametrize("values", [np.zeros(500), np.ones(500), np.arange(10.0), np.array([0.0] * 499 + [1e300])])
def test_odd_values_are_no_trouble(values: NDArray[np.float64]) -> None:
    assert np.isfinite(studentised.tail_stretch(values, level=0.95, seed=0))


def test_influences_of_a_cluster_add_up() -> None:
    psi = np.repeat(np.random.default_rng(2).normal(size=40), 10)
    alone, _ = intervals.influence_error(psi)
    together, freedom = intervals.influence_error(psi, np.repeat(np.arange(40), 10))
    assert freedom == 39
    assert together > 3 * alone
