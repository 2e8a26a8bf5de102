"""The user's own step is judged by what it does: learning from unseen rows, from labels, copying, or looking back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from modelwright.checks.data.preprocessing import PLUGIN
from modelwright.checks.evidence import UserStep
from modelwright.checks.strengths import table
from modelwright.core.nouns import Finding, Severity

Step = Callable[[pl.DataFrame], pl.DataFrame]


def _raw() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    n = 400
    frame = pl.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.lognormal(10, 1, n),
            "city": rng.choice(["x", "y", "z"], n, p=[0.6, 0.3, 0.1]),
            "y": rng.integers(0, 2, n),
        }
    )
    return pl.concat([frame, frame[:20]])


def _judge(step: Step) -> list[Finding]:
    raw = _raw()
    evidence = table(step(raw).to_dict(as_series=False), target="y")
    user = UserStep(section="data.prepare", hook="steps:prepare", run=step, frame=raw)
    return list(PLUGIN.run(replace(evidence, steps=(user,))))


def _column(expression: pl.Expr) -> Step:
    return lambda frame: frame.with_columns(expression.alias("made"))


_income, _y = pl.col("income"), pl.col("y")
_LEARNS: dict[str, Step] = {
    "scale": _column((_income - _income.mean()) / _income.std()),
    "median": _column(pl.when(pl.col("age") > 70).then(None).otherwise(_income).fill_null(_income.median())),
    "mode": _column(pl.when(pl.col("age") > 70).then(pl.col("city").mode().first()).otherwise(pl.col("city"))),
    "frequency": _column(pl.len().over("city")),
    "next row": _column(_income.shift(-1)),
}
_FROM_TARGET: dict[str, Step] = {
    "rate": _column(_y.mean().over("city")),
    "leave one out": _column((_y.sum().over("city") - _y) / (pl.len().over("city") - 1)),
    "running with own": _column(_y.cum_sum().over("city")),
}
_HONEST: dict[str, Step] = {
    "stateless": _column(_income.log()),
    "past rows": _column(_income.shift(1).over("city")),
    "past labels": _column(_y.cum_sum().shift(1).over("city")),
    "filter": lambda frame: frame.filter(pl.col("age") > 20),
    "dedupe": lambda frame: frame.unique(maintain_order=True),
    "shuffle": lambda frame: frame.sample(fraction=1.0, shuffle=True, seed=1),
    "unfold": lambda frame: frame.with_columns(part=pl.lit([1, 2])).explode("part"),
}


@pytest.mark.parametrize("name", _LEARNS)
def test_learning_from_all_rows_is_high(name: str) -> None:
    found = _judge(_LEARNS[name])
    assert [(one.code, one.subject, one.severity) for one in found] == [
        ("leak.preprocessing", "column:made", Severity.HIGH)
    ]
    assert not found[0].blocking


@pytest.mark.parametrize("name", _FROM_TARGET)
def test_columns_made_from_the_target_block(name: str) -> None:
    found = _judge(_FROM_TARGET[name])
    assert [(one.subject, one.blocking) for one in found] == [("column:made", True)]


@pytest.mark.parametrize("name", _HONEST)
def test_honest_steps_pass(name: str) -> None:
    assert _judge(_HONEST[name]) == []


def test_copied_rows_block() -> None:
    found = _judge(lambda frame: pl.concat([frame, frame.filter(_y == 1), frame.filter(_y == 1)]))
    assert [(one.subject, one.blocking) for one in found] == [("rows", True)]


def test_rows_kept_by_what_all_hold_are_named() -> None:
    found = _judge(lambda frame: frame.filter(_income < _income.quantile(0.95)))
    assert [(one.subject, one.severity) for one in found] == [("rows", Severity.HIGH)]


def test_a_step_that_fails_when_called_again_is_undecided() -> None:
    calls: list[int] = []

    def fragile(frame: pl.DataFrame) -> pl.DataFrame:
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("no more")
        return frame

    found = _judge(fragile)
    assert [(one.code, one.undecided) for one in found] == [("leak.preprocessing", True)]


def test_a_step_that_refuses_columns_of_one_value_is_judged() -> None:
    def step(frame: pl.DataFrame) -> pl.DataFrame:
        values = frame["days"].to_numpy().astype(float)
        if values[::3].std() == 0 or (values == values.max()).mean() > 0.99:
            raise ValueError("a column of one value cannot be scaled")
        return frame.with_columns(pl.Series("made", values - values.mean()))

    raw = _raw()
    raw = raw.with_columns(days=pl.when(pl.int_range(pl.len()) % 11 == 0).then(pl.col("age")).otherwise(999))
    evidence = table(step(raw).to_dict(as_series=False), target="y")
    user = UserStep(section="data.prepare", hook="steps:prepare", run=step, frame=raw)
    found = list(PLUGIN.run(replace(evidence, steps=(user,))))
    assert [(one.subject, one.severity) for one in found] == [("column:made", Severity.HIGH)]
