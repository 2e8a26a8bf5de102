"""How many rows a model is tried on: counted in its parts, equal for equal models, said where it is few."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest

from modelwright.core.nouns import Task
from modelwright.evaluation.effort import Effort, effort, steps_of, visits_of
from modelwright.registry.model import Model
from tests.unit.evaluation.evaluation_models import churn, fitted


def many(model: Model, times: int) -> Model:
    return dataclasses.replace(model, members=model.members * times)


@pytest.mark.parametrize("family", ["logistic", "lightgbm", "random_forest", "knn"])
def test_one_cheap_model_is_tried_on_all_rows_and_says_nothing(family: str) -> None:
    found = effort(fitted(family), churn().frame)
    assert found.note(churn().frame.height, 5_000, 1) == ""
    assert found.disturbed >= min(churn().frame.height, 200)


def test_more_members_are_tried_on_fewer_rows_and_say_so() -> None:
    model, frame = fitted("lightgbm"), churn().frame
    assert visits_of(many(model, 10).members) == pytest.approx(10 * visits_of(model.members))
    assert steps_of(many(model, 10).members) == pytest.approx(10 * steps_of(model.members))
    # A share of a large table costs what the rows asked cost, not what the table has.
    found = [effort(many(model, times), frame) for times in (1, 10, 100, 1000, 100_000)]
    for less, more in pairwise(found):
        assert (more.permuted, more.disturbed, more.grids, more.explained) <= (
            less.permuted,
            less.disturbed,
            less.grids,
            less.explained,
        )
    last = found[-1]
    assert (last.permuted, last.repeats, last.disturbed, last.grids, last.explained) == (150, 3, 100, 25, 50)
    said = last.note(60_000, 300_000, 25)
    assert said == (
        "Measured on a sample of the 60000 test rows, as the model has 25 members: importance on 150, "
        "robustness on 100, dependence on 25, contributions on 50. "
        "The train scores are of a sample of 2000 of 300000 rows."
    )
    assert Effort().note(60_000, 300_000, 1) == ""


@pytest.mark.parametrize("task", list(Task)[:3])
def test_equal_models_are_tried_on_equally_many_rows(task: Task) -> None:
    assert effort(fitted("lightgbm", task), churn(task).frame) == effort(fitted("lightgbm", task), churn(task).frame)
