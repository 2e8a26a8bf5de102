"""Of a long table rules look at some rows, find the same, and say so; of others all rows, and nothing is said."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.run import MANY_ROWS, run_checks
from modelwright.checks.strengths import table
from modelwright.core import plugins
from modelwright.core.nouns import Finding


def shops(n: int) -> DataEvidence:
    """A running mean of the answer within each shop, a column with wild values, one that is mostly missing."""
    rng = np.random.default_rng(5)
    shop = rng.integers(0, n // 40, n)
    y = (rng.random(n) < 0.4).astype(int)
    frame = pl.DataFrame({"shop": shop, "y": y})
    so_far = frame.select(pl.col("y").cum_sum().over("shop") / pl.col("y").cum_count().over("shop")).to_series()
    wild = np.where(rng.random(n) < 0.002, 1e6, rng.normal(size=n))
    gone = pl.Series(np.where(rng.random(n) < 0.8, np.nan, rng.normal(size=n)), nan_to_null=True)
    columns = {"so_far": so_far.to_numpy(), "wild": wild, "gone": gone, "shop": shop, "y": y}
    return table(columns, target="y")


@pytest.mark.parametrize("n", [20_000, 120_000])
def test_the_same_is_found_in_a_long_table_and_it_says_how_many_rows_told(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {name: plugins.load("checks.data", name) for name in ("aggregate", "missing", "outliers")}
    monkeypatch.setattr(plugins, "load_all", lambda _seam: (rules, {}))
    found: dict[tuple[str, str], Finding] = {(one.code, one.subject): one for one in run_checks("data", shops(n))}
    leak = found["leak.aggregate", "column:so_far"]
    assert leak.blocking
    assert leak.observed["kind"] == "running mean"
    missing = found["data.missing", "column:gone"]
    assert "rows_looked_at" not in (missing.evidence or {})  # counted in all rows, however many
    if n > MANY_ROWS:
        assert leak.evidence["rows_looked_at"] == 100_000
        assert leak.evidence["of"] == n
    else:
        assert not any("rows_looked_at" in (one.evidence or {}) for one in found.values())
