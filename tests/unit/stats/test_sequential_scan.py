"""The CUSUM that estimates its own base rate: rarely wrong, soon right, and not fooled by dependence."""

from __future__ import annotations

import numpy as np

from modelwright.monitoring.decay import judge, reference_rows
from modelwright.stats.sequential_bets import restarted
from modelwright.stats.sequential_dependence import (
    as_if_known,
    inflation,
    inflation_at,
    inflation_of_beginnings,
    inflation_of_runs,
    stretches,
)
from modelwright.stats.sequential_scan import confirmed, likeliest_beginning, price_of, scan


def test_stable_streams_seldom_alarm_and_a_rise_is_found() -> None:
    rng, false, delays = np.random.default_rng(1), 0, []
    for _ in range(12):
        rates = np.where(np.arange(8_000) < 5_000, 0.1, 0.15)
        at = judge((rng.random(8_000) < rates).astype(float), 1_000, binary=True).alarm_at
        false += at is not None and at < 5_000
        delays.append(np.inf if at is None else at - 5_000)
    assert false <= 1
    assert np.median(delays) < 1_000


def test_repeated_answers_do_not_alarm() -> None:
    rng = np.random.default_rng(2)
    for _ in range(4):
        values = np.repeat(rng.random(1_200) < 0.1, 5).astype(float)
        found = scan(values, 1_000, binary=True)
        assert found.first is not None  # as if they were independent
        assert judge(values, 1_000, binary=True).alarm_at is None
    assert inflation(values) > 4


def test_independent_rows_are_hardly_charged() -> None:
    rng = np.random.default_rng(3)
    charged = [inflation((rng.random(2_000) < 0.1).astype(float)) for _ in range(60)]
    assert np.median(charged) < 1.1
    assert inflation(np.zeros(500)) == 1.0
    assert inflation_of_beginnings(np.zeros(20), 5).shape == (21,)


def test_the_beginning_is_found() -> None:
    values = (np.random.default_rng(4).random(6_000) < np.where(np.arange(6_000) < 4_000, 0.1, 0.2)).astype(float)
    assert abs(likeliest_beginning(values, 500, binary=True) - 4_000) < 200
    assert abs(likeliest_beginning(values, 500, binary=False) - 4_000) < 200


def test_short_and_empty_streams_have_no_path() -> None:
    assert scan(np.zeros(3), 3, binary=True).first is None
    assert confirmed(scan(np.zeros(3), 3, binary=True), np.zeros(3)) is None
    assert judge(np.ones(1), 1, binary=True).alarm_at is None
    assert reference_rows(1) == 1
    assert reference_rows(100_000) == 2_000
    assert reference_rows(1_000, 0.3) == 300


def test_restarted_bets_seldom_win_and_find_a_late_rise() -> None:
    rng, won = np.random.default_rng(5), 0
    for _ in range(60):
        won += restarted((rng.random(2_000) < 0.1).astype(float), 0.1).max() >= np.log(20)
    assert won / 60 <= 0.05
    late = (rng.random(4_000) < np.where(np.arange(4_000) < 3_000, 0.1, 0.25)).astype(float)
    assert restarted(late, 0.1).max() > np.log(1_000)


def test_errors_in_blocks_that_the_reference_can_hardly_show_seldom_alarm() -> None:
    rng, false = np.random.default_rng(9), 0
    for _ in range(12):
        rates = np.repeat(rng.beta(4, 36, 60), 100)
        false += judge((rng.random(6_000) < rates).astype(float), 500, binary=True).alarm_at is not None
    assert false <= 1  # 3 of these 12, were only what differs by 2.3 standard errors charged for


def test_stretches_that_differ_are_charged_at_their_own_length() -> None:
    rng = np.random.default_rng(10)
    blocks = (rng.random(6_000) < np.repeat(rng.beta(2, 18, 60), 100)).astype(float)
    alike = (rng.random(6_000) < 0.1).astype(float)
    assert inflation_at(blocks, 200) > 2.5
    assert inflation_at(alike, 200) < 1.5
    assert inflation_at(alike, 6_000) == inflation_at(alike, 500)  # as long as leaves enough batches
    assert inflation_at(np.zeros(100), 10) == inflation_at(alike[:5], 3) == 1.0


def test_short_stretches_pay_by_what_they_are_worth() -> None:
    assert price_of(np.array([700.0, 5_000.0])).tolist() == [0.0, 0.0]
    assert price_of(np.array([70.0]))[0] > price_of(np.array([350.0]))[0] > 0


def test_day_effects_that_a_short_reference_cannot_show_seldom_alarm() -> None:
    rng, false = np.random.default_rng(12), 0
    for _ in range(12):
        rates = np.repeat(rng.beta(4, 36, 20), 200)
        false += judge((rng.random(4_000) < rates).astype(float), 500, binary=True).alarm_at is not None
    assert false <= 1  # 2 to 3 of 12 before few rows were believed in part


def test_stretches_are_compared_only_where_some_length_shows_dependence() -> None:
    rng = np.random.default_rng(13)
    blocks = (rng.random(6_000) < np.repeat(rng.beta(2, 18, 60), 100)).astype(float)
    seen = stretches(blocks - blocks.mean(), 2_000)
    assert max(ratio for ratio, _ in seen) > 4
    assert min(freedom for _, freedom in seen) < 10
    assert stretches((rng.random(6_000) < 0.1) - 0.1, 2_000) == []
    assert stretches(np.zeros(100), 50) == stretches(np.zeros(0), 50) == []


def test_few_stretches_make_evidence_worth_less() -> None:
    assert as_if_known(9.0, np.inf) == 9.0
    assert 8.5 < as_if_known(9.0, 1_000.0) < 9.0
    assert as_if_known(9.0, 5.0) < 6.0
    assert as_if_known(0.0, 5.0) < 0.5


def test_one_wrong_answer_repeated_after_a_spotless_reference_is_no_decay_but_a_break_is() -> None:
    repeated = np.concatenate([np.zeros(500), np.ones(20), np.zeros(180), np.ones(20), np.zeros(180)])
    assert inflation_of_runs(repeated, 500) > 10
    assert judge(repeated, 500, binary=True).alarm_at is None
    broken = judge(np.concatenate([np.zeros(500), np.ones(300)]), 500, binary=True)
    assert broken.alarm_at is not None
    assert broken.alarm_at < 600
    assert inflation_of_runs(np.array([0.0, 1.0, 0.0]), 2) == 1.0
