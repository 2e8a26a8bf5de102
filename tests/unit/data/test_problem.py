"""What kind of problem a table poses, and what cannot be learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import DataError
from modelwright.core.nouns import Task
from modelwright.core.tables import Dataset, RawTable
from modelwright.data.conform import conform
from modelwright.data.problem import analyse
from modelwright.data.schema import infer
from modelwright.data.target import encode
from modelwright.spec.model import DataSpec, FeaturesSpec, ModelSpec, Spec


def spec(target: str | None = "y", **model: Any) -> Spec:
    return Spec(data=DataSpec(source="x"), features=FeaturesSpec(target=target), model=ModelSpec(**model))


def table(n: int = 400, **columns: Any) -> pl.DataFrame:
    random = np.random.default_rng(0)
    return pl.DataFrame({"a": random.normal(size=n), "b": random.normal(size=n), **columns})


def dataset(frame: pl.DataFrame, given: Spec) -> Dataset:
    return conform(RawTable(frame=frame, digest="b3:0", source="x"), infer(frame, given.features, {}))


def posed(values: list[Any], **model: Any) -> Any:
    given = spec(**model)
    return analyse(dataset(table(len(values), y=values), given), given)


@pytest.mark.parametrize(
    ("values", "task", "metric", "positive"),
    [
        (["yes", "no", "no"] * 100, Task.BINARY, "roc_auc", "yes"),
        ([1] * 5 + [0] * 295, Task.BINARY, "average_precision", "1"),
        (["big", "small", "small"] * 100, Task.BINARY, "roc_auc", "big"),
        ([True, False] * 150, Task.BINARY, "roc_auc", "true"),
        (["a", "b", "c"] * 100, Task.MULTICLASS, "f1_macro", None),
        ([0, 1, 2] * 100, Task.MULTICLASS, "f1_macro", None),
        ([i * 0.25 for i in range(300)], Task.REGRESSION, "rmse", None),
    ],
)
def test_task_metric_and_positive(values: list[Any], task: Task, metric: str, positive: str | None) -> None:
    problem = posed(values)
    assert (problem.task, problem.metric, problem.positive) == (task, metric, positive)
    assert problem.reason
    assert problem.metric_reason


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (["a"] * 50, "data.one_class"),
        ([None] * 50, "data.target_missing"),
        ([1.5, 2.5, 3.5, 4.5], "data.too_few_rows"),
        ([f"text {i}" for i in range(50)], "data.too_many_classes"),
        (["a"] * 30 + ["b"] * 30 + ["c"], "data.rare_class"),
    ],
)
def test_what_cannot_be_learned_from(values: list[Any], code: str) -> None:
    with pytest.raises(DataError) as caught:
        posed(values)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_task_that_does_not_fit_is_refused_with_the_one_that_does() -> None:
    with pytest.raises(DataError, match="regression") as caught:
        posed(["a", "b"] * 50, task=Task.REGRESSION)
    assert "binary" in caught.value.hint


def test_no_target_means_clustering() -> None:
    given = spec(None)
    assert analyse(dataset(table(), given), given).task is Task.CLUSTERING


def test_a_rule_of_one_column_is_said() -> None:
    given, values = spec(), ["yes" if i % 3 == 0 else "no" for i in range(300)]
    frame = table(300, y=values).with_columns(pl.Series("told", [1.0 + (v == "yes") for v in values]))
    problem = analyse(dataset(frame, given), given)
    assert "'told' alone" in problem.simpler
    assert posed(values).simpler == ""


def test_a_constant_is_said() -> None:
    assert "always answering 'no'" in posed((["no"] * 200 + ["yes"]) * 5).simpler


def test_a_target_that_follows_the_row_order_is_said() -> None:
    drift = ["yes" if (i * 7919) % 1000 < i else "no" for i in range(1000)]
    assert any("changes along the file" in note for note in posed(drift).notes)
    assert any("sorted by" in note for note in posed(["a"] * 300 + ["b"] * 300).notes)
    random = np.random.default_rng(1)
    assert posed(random.normal(size=1000).tolist()).notes == ()


def test_encode_puts_the_positive_class_second_and_counts_rows_without_target() -> None:
    given = spec()
    found = dataset(table(100, y=[None, "yes", "no", "no"] * 25), given)
    problem = analyse(found, given)
    kept, y, classes = encode(found, problem)
    assert classes == ("no", "yes")
    assert y is not None
    assert y.tolist() == [1, 0, 0] * 25
    assert kept.n_rows == 75
    assert "25 of 100 rows have no 'y'" in kept.notes[-1]


def test_whole_number_labels_keep_their_order() -> None:
    given = spec()
    found = dataset(table(360, y=list(range(12)) * 30), given)
    _, y, classes = encode(found, analyse(found, given))
    assert classes == tuple(str(i) for i in range(12))
    assert y is not None
    assert y[:12].tolist() == list(range(12))
