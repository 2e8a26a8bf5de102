from __future__ import annotations

import pytest

from modelwright.core.errors import SpecError
from modelwright.core.nouns import Task
from modelwright.evaluation import catalog


@pytest.mark.parametrize(
    ("name", "task", "canonical"),
    [
        ("f1_score", Task.BINARY, "f1"),
        ("accuracy_score", Task.MULTICLASS, "accuracy"),
        ("roc_auc_score", Task.BINARY, "roc_auc"),
        ("neg_root_mean_squared_error", Task.REGRESSION, "rmse"),
        ("mean_squared_error", Task.REGRESSION, "mse"),
        ("r2_score", Task.REGRESSION, "r2"),
        (None, Task.REGRESSION, "rmse"),
    ],
)
def test_names_of_scikit_learn_are_understood(name: str | None, task: Task, canonical: str) -> None:
    assert catalog.resolve(name, task)[0] == canonical


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(SpecError) as caught:
        catalog.resolve("f1_scor", Task.BINARY)
    assert caught.value.code == "metric.unknown"
    assert "f1_score" in caught.value.hint


def test_a_metric_of_another_task_is_refused_with_those_that_fit() -> None:
    with pytest.raises(SpecError) as caught:
        catalog.resolve("f1_score", Task.REGRESSION)
    assert caught.value.code == "metric.misfit"
    assert caught.value.message == "f1_score judges classes, but the target is a number."
    assert caught.value.hint == "try rmse, mae, r2"


@pytest.mark.parametrize("task", list(Task))
def test_the_default_set_fits_its_task(task: Task) -> None:
    assert [catalog.resolve(name, task)[0] for name in catalog.default_metrics(task)] == list(
        catalog.default_metrics(task)
    )
