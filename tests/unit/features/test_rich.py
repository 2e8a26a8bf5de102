"""Features chosen inside the training rows: the same on every road, the same every time, and none where none helps."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.digests import canonical_json
from modelwright.core.nouns import ColumnType, Task
from modelwright.core.ports import FitContext, Needs
from modelwright.features import pipeline, planner
from modelwright.features.deriving import CrossMaker
from modelwright.spec.model import FeaturesSpec
from tests.unit.features.tables import run_graph, schema

N, C, B = ColumnType.NUMBER, ColumnType.CATEGORY, ColumnType.BOOLEAN
KINDS = {"price": N, "area": N, "rooms": N, "shop": C, "town": C, "new": B}
HARD = [1e308, -1e308, float("inf"), float("-inf"), float("nan"), None, -0.0, 0.0, 5e-324, -5e-324]
TREES, LINEAR = Needs(), Needs(scaled=True, imputed=True, one_hot=True)


def table(n: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "price": np.round(rng.lognormal(3, 1, n), 1),
            "area": rng.lognormal(3, 1, n),
            "rooms": rng.integers(1, 7, n).astype(float),
            "shop": [f"s{i}" for i in rng.integers(0, 12, n)],
            "town": [f"t{i}" for i in rng.integers(0, 9, n)],
            "new": rng.random(n) < 0.4,
        }
    )
    for name in ("price", "shop", "new"):
        holes = pl.Series(rng.random(n) < 0.05)
        frame = frame.with_columns(pl.when(holes).then(None).otherwise(pl.col(name)).alias(name))
    return frame


def later(n: int = 80) -> pl.DataFrame:
    """New rows: extremes in every number, unseen, empty and missing categories."""
    frame = table(n, seed=7)
    hard = [pl.Series(name, [*HARD, *frame[name].to_list()[10:]], dtype=pl.Float64) for name in ("price", "rooms")]
    area = pl.Series("area", [*HARD[::-1], *frame["area"].to_list()[10:]], dtype=pl.Float64)
    shop = pl.Series("shop", ["never seen", "", None, "s1\x1ft1", *frame["shop"].to_list()[4:]], dtype=pl.String)
    return frame.with_columns(*hard, area, shop)


def target(frame: pl.DataFrame, task: Task) -> np.ndarray:
    """Something that a ratio, a cross and a group explain."""
    rng = np.random.default_rng(3)
    ratio = np.log1p((frame["price"] / frame["area"]).fill_null(1.0).to_numpy())
    cross = (frame["shop"].fill_null("") + frame["town"]).hash(seed=1).to_numpy() % 7 / 3.0
    value = ratio + cross + rng.normal(0, 0.1, frame.height)
    if task is Task.REGRESSION:
        return value
    cuts = np.quantile(value, [0.5] if task is Task.BINARY else [0.3, 0.7])
    return np.searchsorted(cuts, value).astype(np.int64)


def learn(
    frame: pl.DataFrame, y: np.ndarray, task: Task, needs: Needs = TREES, spec: FeaturesSpec | None = None, **more: Any
) -> tuple[pipeline.FittedFeatures, Any]:
    kinds = {name: kind for name, kind in KINDS.items() if name in frame.columns}
    plan = planner.plan(schema("y", kinds), spec or FeaturesSpec(), needs, task, frame.height)
    return pipeline.fit(planner.with_recipe(plan, "rich"), frame, y, FitContext(seed=1), **more)


@pytest.mark.parametrize(("task", "needs"), [(Task.REGRESSION, TREES), (Task.MULTICLASS, LINEAR)])
def test_every_road_agrees_bit_for_bit(task: Task, needs: Needs) -> None:
    frame = table(2_400)
    fitted, matrix = learn(frame, target(frame, task), task, needs)
    assert any("rich features: " in note and "tried; out of fold" in note for note in fitted.notes)
    assert matrix.values.shape == (frame.height, len(fitted.names))
    again = pipeline.restore(json.loads(canonical_json(fitted.state())))
    row = again.row()
    assert row is not None
    for rows in (later(), frame[:50]):
        values = again.transform(rows).values
        np.testing.assert_array_equal(fitted.transform(rows).values, values)
        np.testing.assert_array_equal(np.array([row(found) for found in rows.to_dicts()]), values)
        np.testing.assert_allclose(run_graph(again, rows, KINDS), values, rtol=1e-12, atol=1e-12)
        assert not np.isinf(values).any()


def test_every_kind_of_feature_agrees_on_every_road() -> None:
    """Not only those that happen to be chosen."""
    from modelwright.features.encoding import encode
    from modelwright.features.proposing import Strong, propose
    from modelwright.features.resolving import Step

    frame = table(600)
    y = target(frame, Task.MULTICLASS)
    strong = Strong(
        ("price", "area", "rooms"), ("new",), ("shop", "town"), frozenset({"rooms"}), frozenset(), frozenset()
    )
    made: dict[str, Any] = {}
    steps = []
    grown, types = frame, dict(KINDS)
    for one in propose(strong, frame.columns, rates=True):
        for make in one.makes:
            if make.name not in made:
                made[make.name] = make.fit(grown, types)
                grown = grown.with_columns(made[make.name].extend(grown))
                types.update(made[make.name].makes)
        step = Step(one.transformer, (one.column,), {})
        fitted, _ = encode(step, grown, y, FitContext(seed=1), None)
        steps.append(pipeline._Step(step.transformer, step.columns, fitted))
    assert {step.transformer for step in steps} == {"numeric", "repeats", "frequency", "codes", "target_rate"}
    features = pipeline.FittedFeatures(KINDS, list(made.values()), steps, ())
    again = pipeline.restore(json.loads(canonical_json(features.state())))
    row = again.row()
    assert row is not None
    values = features.transform(later()).values
    np.testing.assert_array_equal(again.transform(later()).values, values)
    np.testing.assert_array_equal(np.array([row(found) for found in later().to_dicts()]), values)
    np.testing.assert_array_equal(run_graph(again, later(), KINDS), values)


def test_the_same_rows_and_seed_choose_the_same_features() -> None:
    frame = table(2_400)
    y = target(frame, Task.REGRESSION)
    first, second = (learn(frame, y, Task.REGRESSION) for _ in range(2))
    assert canonical_json(first[0].state()) == canonical_json(second[0].state())
    np.testing.assert_array_equal(first[1].values, second[1].values)


def test_no_row_sees_its_own_target() -> None:
    """Rates of a category that names each pair of rows would give a random target away."""
    n = 3_000
    frame = table(n).with_columns(shop=pl.Series([f"s{i // 3}" for i in range(n)]))
    y = np.random.default_rng(0).integers(0, 2, n)
    fitted, matrix = learn(frame, y, Task.BINARY, spec=FeaturesSpec(target_rates=True))
    for at, name in enumerate(fitted.names):
        if "rate of" in name:
            assert abs(np.corrcoef(matrix.values[:, at], y)[0, 1]) < 0.12, name


def test_noise_chooses_nothing_and_says_so() -> None:
    frame = table(2_400)
    y = np.random.default_rng(5).normal(size=frame.height)
    fitted, _ = learn(frame, y, Task.REGRESSION)
    plain, _ = pipeline.fit(
        planner.plan(schema("y", KINDS), FeaturesSpec(), TREES, Task.REGRESSION, frame.height),
        frame,
        y,
        FitContext(seed=1),
    )
    assert fitted.names == plain.names
    assert any("helped out of fold" in note for note in fitted.notes)


def test_small_tables_and_tables_without_a_target_stay_plain() -> None:
    plan = planner.plan(schema("y", KINDS), FeaturesSpec(), TREES, Task.BINARY, 1_999)
    assert planner.with_recipe(plan, "rich") == plan
    free = planner.plan(schema(None, KINDS), FeaturesSpec(), TREES, Task.CLUSTERING, 5_000)
    assert planner.with_recipe(free, "rich") == free
    frame = table(1_500)  # the learn rows of a fold of a larger table
    wide = planner.plan(schema("y", KINDS), FeaturesSpec(), TREES, Task.REGRESSION, 2_500)
    fitted, _ = pipeline.fit(
        planner.with_recipe(wide, "rich"), frame, target(frame, Task.REGRESSION), FitContext(seed=1)
    )
    assert any("under 2,000 training rows" in note for note in fitted.notes)


@pytest.mark.parametrize("columns", [["price", "area"], ["shop", "town"], ["new"]])
def test_tables_without_numbers_or_categories_are_taken(columns: list[str]) -> None:
    frame = table(2_400)
    fitted, matrix = learn(frame.select(columns), target(frame, Task.BINARY), Task.BINARY)
    assert matrix.values.shape[1] == len(fitted.names)
    assert any("rich features" in note for note in fitted.notes)


def test_wide_tables_and_many_levels_stay_bounded() -> None:
    rng = np.random.default_rng(0)
    n, width = 2_100, 250
    values = rng.normal(size=(n, width))
    frame = pl.DataFrame({f"c{i}": values[:, i] for i in range(width)})
    frame = frame.with_columns(tail=pl.Series([f"N{i}" for i in rng.integers(0, 1_900, n)]))
    kinds = {name: C if name == "tail" else N for name in frame.columns}
    plan = planner.plan(schema("y", kinds), FeaturesSpec(), TREES, Task.REGRESSION, n)
    y = values[:, 3] * values[:, 200] + rng.normal(0, 0.1, n)
    plain, _ = pipeline.fit(plan, frame, y, FitContext(seed=1))
    fitted, _ = pipeline.fit(planner.with_recipe(plan, "rich"), frame, y, FitContext(seed=1))
    assert len(fitted.names) <= len(plain.names) + 40


def test_folds_of_groups_judge_the_choice_too() -> None:
    """Rows of one group hold one answer: only folds that keep groups whole find that there is nothing to learn."""
    n = 2_400
    rng = np.random.default_rng(1)
    group = np.arange(n) % 60
    frame = table(n).with_columns(shop=pl.Series([f"g{i}" for i in group]))
    y = rng.normal(size=60)[group] + rng.normal(0, 0.1, n)
    folds = [(np.flatnonzero(group % 4 != at), np.flatnonzero(group % 4 == at)) for at in range(4)]
    fitted, _ = learn(frame.select("price", "area", "shop"), y, Task.REGRESSION, folds=folds)
    assert any("helped out of fold" in note for note in fitted.notes)


def test_a_column_of_the_name_is_not_overwritten() -> None:
    from modelwright.features.proposing import Strong, propose

    strong = Strong(("a", "b"), (), ("c", "d"), frozenset(), frozenset(), frozenset())
    taken = CrossMaker("c", "d").makes
    found = propose(strong, ["a", "b", "c", "d", *taken, "a / b"], rates=True)
    assert not {"a / b", *taken} & {make.name for one in found for make in one.makes}
    odd = Strong(("a`b", "b"), (), (), frozenset(), frozenset(), frozenset())
    assert not [one for one in propose(odd, ["a`b", "b"], rates=True) if one.kind == "arithmetic"]
