"""What a rule can see in few rows: said before traffic moves, and as the tests themselves see it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelwright.registry.rollout_plan import plan
from modelwright.registry.rollout_power import findings, power
from modelwright.stats import sequential


def test_few_rows_are_named_with_the_rows_that_would_do() -> None:
    made = plan("canary", (2,), steps="50", stops=("error_rate>0.02",), min_rows=100)
    (one,) = power(made)
    assert one["weak"] is True
    assert 0.05 < one["smallest"] < 0.12
    (said,) = findings(made)
    assert said["code"] == "rollout.low_power"
    assert f"--min-rows {one['rows_for_more']}" in said["message"]
    enough = plan("canary", (2,), steps="50", stops=("error_rate>0.02",), min_rows=one["rows_for_more"])
    assert findings(enough) == []


def test_the_smallest_difference_stops_about_half_of_the_time() -> None:
    (one,) = power(plan("canary", (2,), steps="50", stops=("error_rate>0.02",), min_rows=400))
    rng, stopped = np.random.default_rng(1), 0
    for _ in range(100):
        failed = (rng.random(400) < 0.02 + one["smallest"]).astype(float)
        stopped += sequential.bet(sequential.bets(0.02), failed).largest >= -math.log(0.01)
    assert 25 <= stopped <= 90


@pytest.mark.parametrize(
    ("rule", "unit"),
    [
        ("error_rate>champion+0.01", "rate"),
        ("latency_p99>50ms", "rate"),
        ("latency_p95>champion+5ms", "rate"),
        ("prediction_shift>0.1", "moved_share"),
        ("absolute_error>champion+3", "standard_deviations"),
        ("reward<0.5", "rate"),
    ],
)
def test_more_rows_see_less(rule: str, unit: str) -> None:
    few, many = (power(plan("canary", (2,), steps="50", stops=(rule,), min_rows=n))[0] for n in (150, 3_000))
    assert few["unit"] == many["unit"] == unit
    assert many["smallest"] < few["smallest"]


def test_rows_that_can_show_nothing_say_so() -> None:
    (said,) = findings(plan("canary", (2,), steps="50", stops=("absolute_error>champion+3",), min_rows=10))
    assert "nothing at all" in said["message"]
    assert power(plan("bandit", (2,), steps=None, stops=("error_rate>0.02",))) == []
