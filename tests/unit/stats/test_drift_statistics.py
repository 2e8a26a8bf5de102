"""Two-sample tests, effects and dispersions against theory and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modelwright.stats import drift_dispersion, drift_effects, drift_tests
from modelwright.stats.multiple_testing import benjamini_hochberg, weighted_bonferroni

TENTHS = np.full(10, 0.1)


def test_chi_square_is_that_of_the_textbook() -> None:
    ours, theirs = np.array([30.0, 50.0, 20.0]), np.array([300.0, 400.0, 300.0])
    statistic = drift_tests.chi_square(ours[None], theirs / 1_000, 1_000.0)[0]
    expected = stats.chi2_contingency(np.stack([ours, theirs]))
    assert statistic == pytest.approx(expected.statistic)
    assert drift_tests.chi_square_p(float(statistic), 2) == pytest.approx(expected.pvalue)


def test_chi_square_keeps_its_level_and_its_power() -> None:
    rng = np.random.default_rng(0)
    reference = rng.multinomial(20_000, TENTHS, 2_000) / 20_000
    clean = rng.multinomial(500, TENTHS, 2_000).astype(float)
    statistics = drift_tests.chi_square(clean, reference, np.full(2_000, 20_000.0))
    assert 0.03 < (statistics > stats.chi2.ppf(0.95, 9)).mean() < 0.07
    moved = np.diff(stats.norm.cdf(stats.norm.ppf(np.linspace(0, 1, 11)) - 0.32))
    drifted = drift_tests.chi_square(rng.multinomial(500, moved, 500).astype(float), TENTHS, 20_000.0)
    assert (drifted > stats.chi2.ppf(1 - 0.01 / 50, 9)).mean() > 0.95


def test_small_cells_are_merged_with_their_neighbours() -> None:
    shares = np.array([0.5, 0.001, 0.001, 0.4, 0.098])
    assert drift_tests.merged_cells(shares, 100).tolist() == [0, 1, 4]
    assert drift_tests.merged_cells(np.array([1.0]), 100).tolist() == [0]
    assert drift_tests.merged_cells(shares, 3).tolist() == [0]


def test_share_p_is_exact_for_few_and_normal_for_many() -> None:
    assert drift_tests.share_p(3, 100, 0, 10_000) == pytest.approx((1 / 101) ** 3, rel=1e-6)
    assert drift_tests.share_p(0, 100, 0, 10_000) == 1.0
    assert drift_tests.share_p(120, 1_000, 1_000, 10_000) == pytest.approx(0.0245, abs=0.003)
    assert drift_tests.share_p(80, 1_000, 1_000, 10_000) == 1.0


def test_the_smallest_visible_psi_is_about_47_by_rows() -> None:
    assert drift_tests.detectable_psi(470, 1e9, 9, 1e-4) == pytest.approx(0.1, rel=0.03)
    assert drift_tests.detectable_psi(2_376, 1e9, 9, 1e-4) == pytest.approx(0.02, rel=0.03)


def test_adjusted_p_values_are_those_of_scipy() -> None:
    p = np.random.default_rng(1).random(40) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    assert weighted_bonferroni([0.01, 0.5], [0.5, 0.5]) == pytest.approx(0.02)


@pytest.mark.parametrize("n", [100, 500, 5_000])
def test_effects_are_free_of_what_chance_shows(n: int) -> None:
    rng = np.random.default_rng(n)
    found = [drift_effects.psi_effect(rng.multinomial(n, TENTHS).astype(float), TENTHS, 1e6) for _ in range(300)]
    assert np.mean([each.value for each in found]) < 1.2 * 9 / n
    assert np.mean([each.low > 0 for each in found]) < 0.1
    moved = np.diff(stats.norm.cdf(stats.norm.ppf(np.linspace(0, 1, 11)) - 0.5))
    true = float(((moved - TENTHS) * np.log(moved / TENTHS)).sum())
    shifted = [drift_effects.psi_effect(rng.multinomial(n, moved).astype(float), TENTHS, 1e6) for _ in range(300)]
    assert np.mean([each.value for each in shifted]) == pytest.approx(true, rel=0.25)
    assert np.mean([each.low < true for each in shifted]) > 0.9


def test_distance_is_in_interquartile_ranges() -> None:
    widths = np.array([1.0] * 9 + [0.0])
    moved = np.roll(TENTHS, 0) * 0
    moved[1:] = 1 / 9
    effect = drift_effects.wasserstein_effect(moved * 10_000, TENTHS, widths, 5.0, 1e6)
    assert effect.value == pytest.approx(0.1, abs=0.01)
    assert 0.05 < effect.low < effect.value


def test_dispersion_keeps_the_level_where_blocks_differ() -> None:
    """Random effects between blocks: the scaled law holds at 1e-3 where theory's p-value is wrong by far."""
    rng = np.random.default_rng(3)
    ratios = (1 + 3 * rng.chisquare(2, (30, 40))) * rng.chisquare(9, (30, 40)) / 9
    made = drift_dispersion.dispersions(ratios, np.full(30, 9.0), 500, np.zeros(30), np.full(30, 40))
    fresh = (1 + 3 * rng.chisquare(2, 4_000)) * rng.chisquare(9, 4_000)
    p = np.array([made[0].p(float(each), 9, 500) for each in fresh])
    theory = stats.chi2.sf(fresh, 9)
    assert (theory < 1e-3).mean() > 0.3
    assert (p < 1e-2).mean() < 0.04
    assert made[0].at(100) < made[0].at(500) == made[0].at(5_000)


def test_independent_rows_are_left_to_theory() -> None:
    ratios = np.random.default_rng(4).chisquare(9, (50, 40)) / 9
    made = drift_dispersion.dispersions(ratios, np.full(50, 9.0), 500, np.zeros(50), np.full(50, 40))
    assert all(each.scale < 1.05 for each in made)


def test_the_tail_is_taken_only_from_p_values_that_are_too_small() -> None:
    rng = np.random.default_rng(5)
    assert drift_dispersion.tail(rng.random(2_000)) is None
    assert drift_dispersion.tail([0.1] * 10) is None
    heavy = drift_dispersion.tail(rng.random(2_000) ** 2)
    assert heavy is not None
    assert heavy.p(1e-6) > 1e-4
    assert heavy.p(0.9) == 0.9
