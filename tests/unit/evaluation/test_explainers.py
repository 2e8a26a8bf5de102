"""Explanations are about raw columns, add up where they say so, and find what the model uses."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.core.plugins import load
from modelwright.evaluation.explain import explain_row
from modelwright.features import pipeline
from tests.unit.evaluation.evaluation_models import TYPES, churn, crossed, fitted
from tests.unit.registry.bundle_parts import model

FAMILIES = ("logistic", "lightgbm", "random_forest")


def margin(p: float) -> float:
    return float(np.log(p / (1 - p)))


@pytest.mark.parametrize("family", ["logistic", "lightgbm"])
def test_contributions_add_up_to_the_margin(family: str) -> None:
    made, frame = fitted(family), churn().frame
    for row in (0, 7, 123):
        found = load("explainers", "contributions").explain(made, frame, row)
        total = found["base"] + sum(found["contributions"].values())
        answer = made.predict(frame.slice(row, 1)).probabilities[0, 1]
        assert total == pytest.approx(margin(answer), abs=1e-9)
        assert found["exact"]
        assert found["space"] == "log-odds of yes"


def test_contributions_of_a_forest_and_of_values_add_up_to_the_answer() -> None:
    frame = churn(Task.REGRESSION).frame
    for family in ("ridge", "lightgbm", "random_forest"):
        made = fitted(family, Task.REGRESSION)
        found = load("explainers", "contributions").explain(made, frame, 5)
        total = found["base"] + sum(found["contributions"].values())
        assert total == pytest.approx(made.predict(frame.slice(5, 1)).values[0], rel=1e-9)


def test_contributions_are_given_to_the_raw_columns_whatever_their_names() -> None:
    """`plan`, `plan fee`, `plan=basic` and `plan is missing` would be taken for each other by name."""
    made, frame = fitted("lightgbm"), churn().frame
    member = made.members[0]
    vector = np.asarray(member.fitted.contributions(member.features.transform(frame[3:4]).values))[0]
    found = load("explainers", "contributions").explain(made, frame, 3)["contributions"]
    assert set(found) == set(TYPES) & set(member.features.columns)
    for column in found:
        mine = [
            value for owners, value in zip(member.features.sources, vector[:-1], strict=True) if owners == (column,)
        ]
        assert found[column] == pytest.approx(sum(mine), abs=1e-12)
    by_change = {}
    for column in found:  # a column the model ignores for this row contributes nothing; one it uses does
        typical = frame[3:4].with_columns(frame[column][11:12].alias(column))
        by_change[column] = abs(
            made.predict(typical).probabilities[0, 1] - made.predict(frame[3:4]).probabilities[0, 1]
        )
    assert found["plan=basic"] != found["plan"]
    assert sum(by_change.values()) > 0


def test_sources_survive_the_files_and_name_every_raw_column_of_a_cross() -> None:
    features = model(crossed(), ("logistic",)).members[0].features
    restored = pipeline.restore(features.state())
    assert restored.sources == features.sources
    assert len(features.sources) == len(features.names)
    crosses = [name for name, owners in zip(features.names, features.sources, strict=True) if len(owners) == 2]
    assert crosses
    assert all(" x " in name for name in crosses)
    assert {owners for owners in features.sources if len(owners) == 2} == {("plan", "plan is missing")}


def test_a_cross_shares_its_contribution_between_its_columns() -> None:
    table = crossed()
    made = model(table, ("logistic",))
    found = load("explainers", "contributions").explain(made, table.frame, 2)
    answer = made.predict(table.frame.slice(2, 1)).probabilities[0, 1]
    assert set(found["contributions"]) <= set(TYPES)
    assert found["base"] + sum(found["contributions"].values()) == pytest.approx(margin(answer), abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["permutation", "partial_dependence", "occlusion"])
def test_what_the_model_uses_is_found(family: str, name: str) -> None:
    made, frame = fitted(family), churn().frame
    found = load("explainers", name).explain(made, frame, 4)
    assert not found["exact"]
    parts = {column: abs(value) for column, value in found["contributions"].items()}
    if name != "occlusion":  # that one speaks of a single row, where any column may weigh little
        assert parts["tenure"] > 3 * parts["noise"]
        assert parts["tenure"] > 3 * parts["plan is missing"]
    assert sum(parts.values()) > 0
    msgspec.json.encode(found)


def test_partial_dependence_falls_where_the_truth_falls() -> None:
    curve = load("explainers", "partial_dependence").explain(fitted("lightgbm"), churn().frame, 0)["curves"]["tenure"]
    assert curve["values"] == sorted(curve["values"])
    assert curve["answers"][0] - curve["answers"][-1] > 0.3


def test_occlusion_is_the_change_against_a_typical_value() -> None:
    made, frame = fitted("logistic"), churn().frame
    bare = load("explainers", "occlusion").explain(made, frame, 9)
    field = next(one for one in made.signature.inputs if one.name == "noise")
    assert field.low is None  # these signatures know no ranges, so that typical is missing
    hidden = frame.slice(9, 1).with_columns(pl.lit(None, dtype=pl.Float64).alias("noise"))
    change = made.predict(frame.slice(9, 1)).probabilities[0, 1] - made.predict(hidden).probabilities[0, 1]
    assert bare["contributions"]["noise"] == pytest.approx(change, abs=1e-12)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_a_row_is_explained_by_the_best_means_there_is(task: Task) -> None:
    table = churn(task)
    for family in ("lightgbm", "knn"):
        found = explain_row(fitted(family, task), table.frame, 1)
        assert found["exact"] == (family == "lightgbm")
        parts = [abs(one["contribution"]) for one in found["contributions"]]
        assert parts == sorted(parts, reverse=True)
        assert found["contributions"][0]["column"] in TYPES
        assert "value" in found["contributions"][0]
        msgspec.json.encode(found)
    with pytest.raises(ModelError, match="no row 600"):
        explain_row(fitted("lightgbm", task), table.frame, 600)
