"""Groups of columns, the two errors of a refit, and verdicts corrected for the number of items."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Column, ColumnType, Estimate, Schema
from modelwright.training.ablation import Ablated, corrected, with_refit_noise
from modelwright.training.feature_groups import feature_groups


def _schema(frame: pl.DataFrame) -> Schema:
    return Schema(columns=tuple(Column(name=name, type=ColumnType.NUMBER) for name in frame.columns))


def _frame(**columns: object) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame({name: rng.normal(size=200) if one is None else one for name, one in columns.items()})


def test_names_that_begin_alike_belong_together() -> None:
    names = ["pay_0", "pay_2", "bill_total", "bill_max", "StreamingTV", "StreamingMovies", "is_a", "is_b", "age"]
    frame = _frame(**dict.fromkeys(names))
    assert feature_groups(frame, _schema(frame)) == {
        "pay*": ("pay_0", "pay_2"),
        "bill*": ("bill_total", "bill_max"),
        "Streaming*": ("StreamingTV", "StreamingMovies"),
    }


def test_columns_that_move_together_belong_together() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=300)
    frame = pl.DataFrame({"long": a, "wide": np.exp(a), "other": rng.normal(size=300), "still": np.ones(300)})
    assert feature_groups(frame, _schema(frame)) == {"long and what moves with it": ("long", "wide")}


def test_all_columns_together_are_no_group() -> None:
    frame = _frame(**dict.fromkeys([f"f{number}" for number in range(6)]))
    assert feature_groups(frame, _schema(frame)) == {}


@pytest.mark.parametrize("columns", [{}, {"empty": [None] * 5}, {"a": [1.0], "b": [2.0]}])
def test_odd_tables_have_no_groups(columns: dict[str, list[float | None]]) -> None:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))
    assert feature_groups(frame, _schema(frame)) == {}


def _difference(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=1000, method="delong")


def test_what_is_lost_without_it_is_what_it_adds() -> None:
    adds, p = with_refit_noise(_difference(-0.1, 0.0196), (0.0, 0))
    assert adds.value == pytest.approx(0.1)
    assert adds.low == pytest.approx(0.0804, abs=1e-4)
    assert p < 1e-9


def test_the_error_of_refitting_widens_the_interval() -> None:
    certain = with_refit_noise(_difference(-0.01, 0.008), (0.0, 0))
    noisy = with_refit_noise(_difference(-0.01, 0.008), (0.004, 3))
    assert certain[1] < 0.05 < noisy[1]
    assert certain[0].low is not None
    assert noisy[0].low is not None
    assert noisy[0].low < 0 < certain[0].low


def test_no_difference_at_all_is_no_effect() -> None:
    adds, p = with_refit_noise(_difference(0.0, 0.0), (0.0, 0))
    assert (adds.value, p) == (0.0, 1.0)
    assert with_refit_noise(Estimate(value=0.2), (0.0, 0))[1] == 1.0


def _item(p: float | None, value: float = 0.1) -> Ablated:
    return Ablated(kind="column", name="a", adds=Estimate(value=value), p_value=p)


def test_verdicts_are_corrected_by_holms_steps() -> None:
    found = corrected([_item(0.03), _item(0.01), _item(0.04, -0.1), _item(None), _item(0.001, -0.1)])
    assert [one.p_value for one in found] == pytest.approx([0.06, 0.03, 0.06, None, 0.004])
    none, hurts = "no measurable effect", "hurts"
    assert [one.verdict for one in found] == [none, "helps", none, "not measured", hurts]
