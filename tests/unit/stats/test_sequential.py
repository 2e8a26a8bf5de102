"""Sequential tests keep their promise when looked at again and again, and naive peeking does not."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from modelwright.stats import sequential
from modelwright.stats.sequential import (
    STATES,
    Bets,
    Categories,
    Means,
    Proportions,
    add_categories,
    add_means,
    add_proportions,
    bet,
    bet_path,
    bets,
    binned,
    categories,
    means,
    proportions,
    rate_sequence,
)

LOOKS = [50, 100, 200, 400, 800, 1_600, 3_200]


def _counted(rng: np.random.Generator, p_a: float, p_b: float) -> list[tuple[int, int, int, int]]:
    """Errors and rows of both arms, new at each look."""
    new = np.diff([0, *LOOKS])
    return [(int(rng.binomial(n, p_a)), int(n), int(rng.binomial(n, p_b)), int(n)) for n in new]


def _peeked(batches: list[tuple[int, int, int, int]]) -> bool:
    """A z test at 5 % at every look."""
    xa = na = xb = nb = 0
    for a, n, b, m in batches:
        xa, na, xb, nb = xa + a, na + n, xb + b, nb + m
        pooled = (xa + xb) / (na + nb)
        error = math.sqrt(pooled * (1 - pooled) * (1 / na + 1 / nb))
        if error > 0 and abs(xb / nb - xa / na) / error > 1.96:
            return True
    return False


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_two_equal_rates_are_told_apart_as_rarely_as_promised(rate: float) -> None:
    rng = np.random.default_rng(11)
    stopped = peeked = 0
    for _ in range(150):
        batches, state = _counted(rng, rate, rate), Proportions()
        peeked += _peeked(batches)
        for a, n, b, m in batches:
            state = add_proportions(state, a=(a, n), b=(b, m))
        stopped += proportions(state).p_value <= 0.05
    assert stopped / 150 <= 0.05
    assert peeked / 150 > 0.1


def test_a_doubled_error_rate_is_found_in_its_direction() -> None:
    rng, found = np.random.default_rng(3), 0
    for _ in range(40):
        state = Proportions()
        for a, n, b, m in _counted(rng, 0.05, 0.1):
            state = add_proportions(state, a=(a, n), b=(b, m))
        found += proportions(state, worse="b").p_value <= 0.01
        assert proportions(state, worse="a").p_value > 0.01
    assert found >= 36


def test_the_e_value_of_two_rates_has_mean_at_most_one() -> None:
    """Exactly: over all outcomes of 12 and 9 rows at equal rates."""
    from scipy.stats import binom

    for rate in (0.02, 0.3, 0.5):
        total = np.zeros(2)
        for xa in range(13):
            for xb in range(10):
                weight = binom.pmf(xa, 12, rate) * binom.pmf(xb, 9, rate)
                total += weight * np.exp(sequential._proportions_log_e(xa, 12, xb, 9))
        assert (total > 0).all()
        assert (total <= 1.0).all()


def test_many_rows_do_not_blunt_the_test() -> None:
    state = add_proportions(Proportions(), a=(100_000, 1_000_000), b=(103_000, 1_000_000))
    assert proportions(state, worse="b").p_value < 1e-4
    equal = add_proportions(Proportions(), a=(100_000, 1_000_000), b=(100_100, 1_000_000))
    assert proportions(equal).p_value > 0.5


def test_a_rate_stays_within_its_sequence() -> None:
    rng, left = np.random.default_rng(8), 0
    for _ in range(200):
        errors = np.cumsum(rng.random(2_000) < 0.1)
        bounds = [rate_sequence(int(errors[n - 1]), n) for n in (20, 60, 200, 700, 2_000)]
        left += any(not low <= 0.1 <= high for low, high in bounds)
    assert left / 200 <= 0.05
    assert rate_sequence(0, 0) == (0.0, 1.0)
    assert rate_sequence(0, 50)[0] == 0.0
    assert rate_sequence(50, 50)[1] == 1.0


def test_equal_means_with_a_skewed_tail_are_told_apart_as_rarely_as_promised() -> None:
    rng, stopped = np.random.default_rng(5), 0
    for _ in range(200):
        state = Means()
        for size in np.diff([0, *LOOKS]):
            state = add_means(state, a=rng.exponential(1.0, size), b=rng.exponential(1.0, size))
        stopped += means(state).p_value <= 0.05
    assert stopped / 200 <= 0.05


def test_a_slower_arm_is_found_and_bounded() -> None:
    rng, state = np.random.default_rng(6), Means()
    for _ in range(20):
        state = add_means(state, a=rng.normal(1.0, 0.5, 100), b=rng.normal(1.15, 0.5, 100))
    look = means(state, worse="b")
    assert look.p_value < 0.01
    assert look.low is not None
    assert look.high is not None
    assert 0 < look.low < 0.15 < look.high
    assert means(state, worse="a").p_value > 0.5


def test_batches_and_single_values_give_the_same_moments() -> None:
    values = np.random.default_rng(1).normal(1e6, 1.0, 500)
    whole = add_means(Means(), a=values, b=values)
    piece = Means()
    for part in np.array_split(values, 50):
        piece = add_means(piece, a=part, b=part)
    assert piece.a.mean == pytest.approx(whole.a.mean)
    assert piece.a.spread == pytest.approx(whole.a.spread, rel=1e-6)


def test_a_bet_against_a_true_bound_seldom_wins() -> None:
    rng, won = np.random.default_rng(2), 0
    for _ in range(200):
        state = bet(bets(0.1), (rng.random(3_000) < 0.1).astype(float))
        won += state.largest >= math.log(20)
    assert won / 200 <= 0.05
    worse = bet(bets(0.1), (rng.random(3_000) < 0.15).astype(float))
    assert worse.largest > math.log(1_000)


def test_a_bet_goes_on_where_it_stopped() -> None:
    values = (np.random.default_rng(4).random(400) < 0.2).astype(float)
    whole, path = bet_path(bets(0.15), values)
    halves = bet(bet(bets(0.15), values[:150]), values[150:])
    assert halves.largest == pytest.approx(whole.largest)
    assert path[-1] == pytest.approx(np.logaddexp.reduce(np.array(whole.log_wealth)) - math.log(10))
    assert isinstance(bet(whole, np.empty(0)), Bets)


def test_predictions_that_shift_are_found_and_others_are_not() -> None:
    rng, stopped = np.random.default_rng(9), 0
    edges = np.array([0.2, 0.4, 0.6, 0.8])
    for _ in range(150):
        state = Categories()
        for size in np.diff([0, *LOOKS]):
            state = add_categories(state, a=binned(rng.random(size), edges), b=binned(rng.random(size), edges))
        stopped += categories(state).p_value <= 0.05
    assert stopped / 150 <= 0.05
    state = Categories()
    for _ in range(10):
        state = add_categories(state, a=binned(rng.random(300), edges), b=binned(rng.random(300) ** 1.5, edges))
    assert categories(state).p_value < 0.01


def test_a_split_that_is_not_as_declared_is_found() -> None:
    fair = add_categories(Categories(shares=(0.5, 0.5)), b=(10_020, 9_980))
    unfair = add_categories(Categories(shares=(0.5, 0.5)), b=(10_400, 9_600))
    assert categories(fair).p_value == 1.0
    assert categories(unfair).p_value < 0.001


def test_states_travel_as_json() -> None:
    state = add_proportions(Proportions(), a=(1, 10), b=(4, 10))
    back = msgspec.json.decode(msgspec.json.encode(state), type=STATES["proportions"])
    assert back == state


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="5 errors of 3 rows"):
        add_proportions(Proportions(), a=(5, 3), b=(0, 0))
