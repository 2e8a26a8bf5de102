"""Weak slices: planted ones are found and confirmed, and where there is nothing nothing is said."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from modelwright.core.nouns import Task
from modelwright.evaluation.weak_slices import Judged, weak_slices


def judged(task: Task, worse: float, n: int = 5000, seed: int = 0) -> Judged:
    """`plan = basic and age <= 25`, about 5 % of the rows, with an error of `worse` times the usual one."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, n)
    plan = rng.choice(["basic", "plus", "pro"], n)
    gaps = pl.Series(np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)), nan_to_null=True)
    frame = pl.DataFrame({"age": age, "plan": plan, "income": rng.lognormal(10, 1, n), "score": gaps})
    weak = (age <= 27.3) & (plan == "basic")
    signal = frame["income"].log().to_numpy()
    if task is Task.REGRESSION:
        loss = np.abs(rng.standard_t(3, n)) * np.where(weak, worse, 1.0)
        return Judged(frame=frame, columns=frame.columns, loss=loss, truth=signal, task=task)
    truth = (signal > 10).astype(np.int64) + (signal > 11) * (task is Task.MULTICLASS)
    loss = (rng.random(n) < 0.1 * np.where(weak, worse, 1.0)).astype(np.float64)
    return Judged(frame=frame, columns=frame.columns, loss=loss, truth=truth, task=task)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_a_planted_slice_is_found_and_confirmed(task: Task) -> None:
    found = weak_slices(judged(task, 3.0), seed=1)
    assert found
    assert found[0].confirmed
    assert set(found[0].columns) == {"age", "plan"}
    assert "plan = basic" in found[0].condition
    assert found[0].difference < 0
    assert found[0].estimate.value > 1.5 * found[0].whole
    assert found[0].p_value is not None
    assert found[0].p_value < 0.05


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_nothing_planted_nothing_confirmed(task: Task) -> None:
    assert not any(one.confirmed for seed in range(2) for one in weak_slices(judged(task, 1.0, 3000, seed), seed=seed))


def test_missing_values_are_a_condition() -> None:
    one = judged(Task.BINARY, 1.0)
    rng = np.random.default_rng(5)
    gone: NDArray[np.bool_] = one.frame["score"].is_null().to_numpy()
    loss = (rng.random(gone.size) < np.where(gone, 0.3, 0.08)).astype(np.float64)
    found = weak_slices(Judged(frame=one.frame, columns=one.columns, loss=loss, truth=one.truth, task=one.task))
    assert found[0].condition == "score is missing"


def test_the_border_between_the_classes_is_no_slice() -> None:
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({f"x{k}": rng.normal(size=5000) for k in range(4)})
    p = 1 / (1 + np.exp(-2 * frame["x0"].to_numpy()))
    truth = (rng.random(5000) < p).astype(np.int64)
    loss = (truth != (p > 0.5)).astype(np.float64)
    found = weak_slices(Judged(frame=frame, columns=frame.columns, loss=loss, truth=truth, task=Task.BINARY))
    assert not any(one.confirmed for one in found)


def test_odd_tables_are_answered() -> None:
    rng = np.random.default_rng(0)
    n = 400
    frame = pl.DataFrame(
        {
            "constant": np.ones(n),
            "gone": pl.Series([None] * n, dtype=pl.Float64),
            "ids": [f"id{k}" for k in range(n)],
            "flag": rng.random(n) < 0.5,
            "when": pl.Series(np.arange(n) * 86_400_000_000).cast(pl.Datetime("us")),
        }
    )
    truth = rng.integers(0, 2, n)
    for loss in (np.zeros(n), np.ones(n), rng.integers(0, 2, n).astype(np.float64)):
        weak_slices(Judged(frame=frame, columns=frame.columns, loss=loss, truth=truth, task=Task.BINARY))
        weak_slices(Judged(frame=frame, columns=["gone"], loss=loss, truth=truth, task=Task.BINARY))
    few = Judged(frame=frame.head(10), columns=["flag"], loss=np.ones(10), truth=truth[:10], task=Task.BINARY)
    assert weak_slices(few) == ()
    one_class = Judged(frame=frame, columns=["flag", "when"], loss=loss, truth=np.zeros(n), task=Task.BINARY)
    weak_slices(one_class)
