"""Parts of a total block; a formula that may be physics is asked about; measured physics is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelwright.checks.data.combination import PLUGIN
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Severity, Task

_rng = np.random.default_rng(3)
_N = 800
_A, _B = _rng.lognormal(3, 0.4, _N), _rng.lognormal(1, 0.5, _N)
_X = _rng.normal(size=_N)


def _judge(columns: dict[str, Any], y: Any, task: Task = Task.REGRESSION) -> list[Finding]:
    return list(PLUGIN.run(table(columns | {"x": _X, "y": y}, target="y", task=task)))


def test_an_exact_product_is_asked_about() -> None:
    for y in (_A * _B, _A / _B):
        (found,) = _judge({"volts": _A, "amperes": _B}, y)
        assert found.severity is Severity.MEDIUM
        assert not found.blocking
        assert found.subject == "columns:amperes,volts"


def test_a_name_that_says_result_blocks() -> None:
    (found,) = _judge({"total_price": _A, "pieces": _B}, _A / _B)
    assert found.blocking


def test_a_measured_product_passes() -> None:
    assert not _judge({"width": _A, "height": _B}, _A * _B * np.exp(_rng.normal(0, 0.03, _N)))


def test_parts_of_a_total_block() -> None:
    for y in (_A + _B, _A - _B):
        (found,) = _judge({"first": _A, "second": _B}, y)
        assert found.blocking


def test_exclusive_or_blocks_but_not_with_noise() -> None:
    label = (np.median(_A) < _A) ^ (np.median(_B) < _B)
    (found,) = _judge({"first": _A, "second": _B}, label.astype(int), Task.BINARY)
    assert found.blocking
    noisy = label ^ (_rng.random(_N) < 0.1)
    assert not _judge({"first": _A, "second": _B}, noisy.astype(int), Task.BINARY)


def test_a_limit_on_a_ratio_is_high_and_does_not_block() -> None:
    (found,) = _judge({"debt": _A, "income": _B}, (_A / _B > 8).astype(int), Task.BINARY)
    assert found.severity is Severity.HIGH
    assert not found.blocking


def test_two_strong_signs_of_a_rare_class_are_no_rule() -> None:
    rng = np.random.default_rng(8)
    first, second = rng.normal(size=6000), rng.normal(size=6000)
    score = 2 * first + 1.5 * second + rng.normal(0, 0.9, 6000)
    rare = (score > np.quantile(score, 0.99)).astype(int)
    columns = {"first": first, "second": second, "x": rng.normal(size=6000), "y": rare}
    assert not list(PLUGIN.run(table(columns, target="y")))
    exact = (first + second > np.quantile(first + second, 0.97)).astype(int)
    (found,) = PLUGIN.run(table(columns | {"y": exact}, target="y"))
    assert found.blocking
