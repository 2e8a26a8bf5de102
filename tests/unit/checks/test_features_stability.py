"""Drift is told from chance, in small parts as in large ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.checks.features._shared import Thirds, table
from modelwright.checks.features.relevance import PLUGIN as RELEVANCE
from modelwright.checks.features.stability import PLUGIN
from modelwright.checks.strengths import table as with_target
from modelwright.core.nouns import Finding, Role, Severity


def _judge(columns: Mapping[str, Any], n: int) -> list[Finding]:
    rows = np.random.default_rng(1).permutation(n)
    split = Thirds(train=rows[: n // 2], val=rows[n // 2 : 3 * n // 4], test=rows[3 * n // 4 :])
    return list(PLUGIN.run(replace(table(columns), split=split)))


@pytest.mark.parametrize("n", [400, 3000])
def test_thirty_steady_columns_are_silent(n: int) -> None:
    rng = np.random.default_rng(n)
    numbers = {f"x{k}": rng.lognormal(size=n) for k in range(20)}
    kinds = {f"k{k}": rng.choice([f"v{j}" for j in range(2 + 6 * k)], n) for k in range(10)}
    assert _judge(numbers | kinds, n) == []


def test_columns_that_move_through_the_file() -> None:
    rng = np.random.default_rng(2)
    kind = np.where(rng.random(2000) < np.linspace(0.1, 0.9, 2000), "new", "old")
    found = _judge(
        {"moves": rng.normal(size=2000) + np.linspace(0, 2, 2000), "kind": kind, "x": rng.random(2000)}, 2000
    )
    assert sorted(one.subject for one in found) == ["column:kind", "column:moves"]
    assert {one.severity for one in found} == {Severity.LOW}


def test_time_orders_the_rows() -> None:
    rng = np.random.default_rng(3)
    when = rng.permutation(1500)
    values = {"t": when, "x": rng.normal(size=1500) + when / 500, "y": rng.integers(0, 2, 1500)}
    (found,) = PLUGIN.run(with_target(values, target="y", roles={"t": Role.TIME}))
    assert found.subject == "column:x"
    assert found.severity is Severity.MEDIUM
    assert "in time" in found.message


def test_odd_columns() -> None:
    n = 400
    columns = {"same": [1.0] * n, "none": pl.Series([None] * n, dtype=pl.Float64), "all": [str(i) for i in range(n)]}
    assert _judge(columns, n) == []
    assert _judge({"few": [1.0, 2.0] * 5}, 10) == []


def test_relevance_is_evidence_only() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=500)
    y = (x + rng.normal(size=500) > 0).astype(int)
    (found,) = RELEVANCE.run(with_target({"x": x, "noise": rng.normal(size=500), "y": y}, target="y"))
    assert found.severity is Severity.INFO
    assert next(iter(found.observed)) == "x"
