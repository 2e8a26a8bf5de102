"""Single columns: leaks are named with what survives, honest leaders are left alone, poor tables raise nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from modelwright.checks import names
from modelwright.checks.data import missingness, post_event, target_copy
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Severity, Task
from modelwright.stats import association, resampled, separation

N = 900


def _found(columns: Mapping[str, object], task: Task = Task.BINARY) -> list[Finding]:
    evidence = table(columns, target="y", task=task)
    rules = (target_copy.PLUGIN, post_event.PLUGIN, missingness.PLUGIN)
    return [one for rule in rules for one in rule.run(evidence)]


def _grave(found: list[Finding]) -> set[str]:
    return {one.subject for one in found if one.severity.rank >= Severity.HIGH.rank}


def _honest(seed: int = 0) -> tuple[np.random.Generator, dict[str, object], np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, 4))
    y = (X[:, 0] + 0.7 * X[:, 1] + rng.normal(0, 1, N) > 0.5).astype(int)
    return rng, {f"x{at}": X[:, at] for at in range(4)}, y


@pytest.mark.parametrize("form", ["text", "flips", "gaps", "jitter", "inverse"])
def test_disguised_copies_are_named(form: str) -> None:
    rng, columns, y = _honest()
    made = {
        "text": np.where(y == 1, "approved", "rejected"),
        "flips": np.where(rng.random(N) < 0.04, 1 - y, y),
        "gaps": pl.Series([int(v) if keep else None for v, keep in zip(y, rng.random(N) > 0.2, strict=True)]),
        "jitter": y * 3 + rng.normal(0, 0.1, N),
        "inverse": 5 - 2 * y,
    }
    assert _grave(_found({**columns, "k": made[form], "y": y})) == {"column:k"}


def test_leaks_that_cover_for_one_another_are_all_named() -> None:
    rng, columns, y = _honest(1)
    a, b = np.where(y == 1, 7, 2) + rng.integers(0, 2, N), 30 * y + rng.normal(0, 2, N)
    found = _found({**columns, "a": a, "b": b, "y": y})
    assert _grave(found) == {"column:a", "column:b"}
    one = found[0]
    assert one.blocking
    assert one.evidence["dropped_together"] == ["a", "b"]
    left = one.evidence["score_without"]
    assert left["low"] < left["value"] < left["high"] < 0.95
    assert one.evidence["counter_proof"]["dropped"] == left
    assert abs(one.evidence["counter_proof"]["shuffled_target"]["value"] - 0.5) < 0.1


def test_an_amount_that_is_zero_before_the_event_is_named() -> None:
    rng, columns, y = _honest(2)
    paid = np.where((y == 1) & (rng.random(N) < 0.7), rng.lognormal(3, 1, N), 0.0)
    assert _grave(_found({**columns, "v": paid, "y": y})) == {"column:v"}


def test_an_honest_leader_is_at_most_asked_about() -> None:
    rng, columns, _ = _honest(3)
    main = rng.normal(size=N)
    y = (main + rng.normal(0, 0.2, N) > 0).astype(int)
    assert not _grave(_found({**columns, "main": main, "y": y}))


def test_the_last_value_of_a_slow_series_is_no_copy() -> None:
    rng = np.random.default_rng(4)
    walk = np.cumsum(rng.normal(size=N + 1))
    columns = {"last": walk[:-1], "hour": np.arange(N) % 24, "y": walk[1:]}
    assert not _grave(_found(columns, Task.REGRESSION))


def test_numbers_in_other_units_and_in_texts_are_named() -> None:
    rng, columns, _ = _honest(5)
    y = rng.gamma(2, 20, N)
    for copy in (np.log(y), [f"EUR {value:.2f}" for value in y], np.round(y / 4) * 4):
        assert _grave(_found({**columns, "k": copy, "y": y}, Task.REGRESSION)) == {"column:k"}


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("callDuration", True),
        ("loan_duration", False),
        ("settlement_amount", True),
        ("days_since_last_cancel", False),
        ("income", False),
    ],
)
def test_names_are_read_by_their_words(name: str, after: bool) -> None:
    assert names.is_after(name) is after


def test_names_made_from_the_target_are_heard() -> None:
    assert names.is_like_target("churn_reason", "churned")
    assert not names.is_like_target("previous_churn_count", "churned")


def test_poor_tables_give_findings_never_errors() -> None:
    for n in (10, 70):
        y = (np.arange(n) % 2).astype(int)
        empty = pl.Series([None] * n, dtype=pl.Float64)
        _found({"empty": empty, "same": np.ones(n), "many": [f"t{at}" for at in range(n)], "y": y})


def test_intervals_hold_the_error() -> None:
    rng = np.random.default_rng(6)
    y = rng.integers(0, 2, 500)
    p = np.clip(0.5 + 0.2 * (y - 0.5) + rng.normal(0, 0.2, 500), 0, 1)
    low, high = resampled.error_interval(y, np.column_stack([1 - p, p]), 2)
    assert low < association.error(y, np.column_stack([1 - p, p]), 2) < high


def test_separation_tells_codes_from_measurements() -> None:
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, 300)
    assert separation.is_apart(y + rng.normal(0, 0.03, 300), y, 3)
    assert not separation.is_apart(y + rng.normal(0, 0.3, 300), y, 3)
    assert separation.is_exact_code(y * 5 + 1, y, 3)
    assert separation.marked_class((y == 2).astype(int), y, 3) == 2
