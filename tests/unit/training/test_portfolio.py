"""Who competes: the portfolio on tables and budgets of every size, and what it would cost."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.core.ports import Needs
from modelwright.training import costs, entrants
from modelwright.training.candidates import load_family, read_params
from modelwright.training.costs import Shape

SHAPES = [
    (Shape(n_rows=300, n_columns=5), 10.0, 5),
    (Shape(n_rows=7_000, n_columns=20), 60.0, 5),
    (Shape(n_rows=40_000, n_columns=20), 60.0, 5),
    (Shape(n_rows=13_000, n_columns=16, n_outputs=7), 60.0, 5),
    (Shape(n_rows=500_000, n_columns=30), 60.0, 2),
]


def plain(entrant: entrants.Entrant) -> msgspec.Struct:
    found: msgspec.Struct = read_params(load_family(entrant.family, "."), dict(entrant.params), entrant.name)
    return found


def test_every_configuration_is_valid_and_has_a_name_of_its_own() -> None:
    names = [one.name for one in entrants.PORTFOLIO]
    assert len(set(names)) == len(names)
    assert [one.family for one in entrants.PORTFOLIO if one.kind == "forest"] == ["extra_trees", "random_forest"]
    for one in entrants.PORTFOLIO:
        assert entrants.changed_params(plain(one)).keys() <= one.params.keys()


@pytest.mark.parametrize(("shape", "whole_s", "n_folds"), SHAPES)
def test_no_configuration_plans_for_more_than_its_share(shape: Shape, whole_s: float, n_folds: int) -> None:
    fold = shape.shared((n_folds - 1) / n_folds)
    names = set()
    for one in entrants.PORTFOLIO:
        params, most_rows, why = entrants.fitted_to(one, plain(one), shape, whole_s=whole_s, n_folds=n_folds)
        assert (params is None) == bool(why)
        if params is None:
            continue
        learnt = fold.shared(most_rows / fold.n_rows) if most_rows else fold
        names.add(one.name)
        asked = read_params(load_family(one.family, "."), entrants.changed_params(params), one.name)
        assert asked == params
        assert costs.fit_s(one.family, params, learnt) * n_folds <= 0.25 * 2 * whole_s
    assert {"lightgbm", "xgboost-shallow"} <= names


def test_a_larger_budget_never_plans_fewer_rounds_and_faster_steps() -> None:
    one = entrants.PORTFOLIO[0]
    shape = Shape(n_rows=500_000, n_columns=30)
    plans = [
        entrants.fitted_to(one, plain(one), shape, whole_s=whole_s, n_folds=2)[0] for whole_s in (60.0, 120.0, 300.0)
    ]
    for less, more in pairwise(plans):
        assert less.n_estimators <= more.n_estimators
        assert less.learning_rate >= more.learning_rate
    assert plans[0].subsample == 0.5


@pytest.mark.parametrize(("whole_s", "n_folds"), [(10.0, 1), (20.0, 1), (20.0, 5), (60.0, 1)])
def test_boosters_have_room_on_large_tables_and_small_budgets(whole_s: float, n_folds: int) -> None:
    one, shape = entrants.PORTFOLIO[0], Shape(n_rows=500_000, n_columns=30)
    params, most_rows, why = entrants.fitted_to(one, plain(one), shape, whole_s=whole_s, n_folds=n_folds)
    assert not why
    assert params.n_estimators >= 40
    assert 50_000 <= (most_rows or shape.n_rows) <= shape.n_rows


def test_the_plain_baseline_learns_from_what_a_twentieth_of_the_budget_allows() -> None:
    assert [entrants.plain_rows(whole_s) for whole_s in (1.0, 10.0, 60.0, 600.0)] == [5_000, 10_000, 50_000, 50_000]


def test_a_forest_of_any_table_stays_small() -> None:
    one = next(one for one in entrants.PORTFOLIO if one.kind == "forest")
    for rows in (500, 5_000, 50_000):
        params, _, _ = entrants.fitted_to(one, plain(one), Shape(n_rows=rows, n_columns=5), whole_s=300.0, n_folds=5)
        assert rows / params.min_samples_leaf <= 600


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "catboost", "hist_gb", "extra_trees", "logistic", "mlp"])
def test_costs_grow_with_rows_columns_and_classes(family: str) -> None:
    params = load_family(family, ".").Params()
    small = costs.fit_s(family, params, Shape(n_rows=2_000, n_columns=10))
    assert 0.001 < small < costs.fit_s(family, params, Shape(n_rows=8_000, n_columns=10))
    assert small < costs.fit_s(family, params, Shape(n_rows=2_000, n_columns=40))
    if family not in ("extra_trees", "mlp"):
        assert small < costs.fit_s(family, params, Shape(n_rows=2_000, n_columns=10, n_outputs=5))


def test_a_family_of_the_users_own_has_a_cost_too() -> None:
    assert costs.fit_s("mine:make", None, Shape(n_rows=1_000, n_columns=10)) > 0


def test_the_width_follows_what_a_family_needs() -> None:
    kinds = {"a": ColumnType.NUMBER, "b": ColumnType.CATEGORY, "c": ColumnType.TEXT}
    columns = [Column(name=name, type=kind) for name, kind in kinds.items()]
    schema = Schema(columns=(*columns, Column(name="y", type=ColumnType.NUMBER, role=Role.TARGET)))
    assert entrants.width(schema, Needs()) == 102
    assert entrants.width(schema, Needs(one_hot=True)) > entrants.width(schema, Needs())


def test_every_task_has_enough_competitors() -> None:
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION):
        serving = [one for one in entrants.PORTFOLIO if task in load_family(one.family, ".").tasks]
        assert len(serving) >= 12


def test_too_few_rows_to_stop_early_get_few_rounds() -> None:
    shape = Shape(n_rows=200, n_columns=5)
    for one in entrants.PORTFOLIO[:3]:
        params, _, _ = entrants.fitted_to(one, plain(one), shape, whole_s=60.0, n_folds=5)
        rounds = getattr(params, "n_estimators", 0) or params.iterations
        assert rounds * params.learning_rate == pytest.approx(5.0, abs=0.1)
