"""Fitted features: bound by name, whole after a restore, and with an answer for every value."""

# ruff: noqa: DTZ001 - naive UTC is the storage of a datetime column
from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Role, Task
from modelwright.core.ports import FitContext, Needs
from modelwright.features import pipeline, planner
from modelwright.spec.model import FeaturesSpec, WindowSpec
from tests.unit.features.tables import TYPES, run_graph, sample, schema

NEEDS = [Needs(), Needs(imputed=True), Needs(scaled=True, imputed=True, one_hot=True)]
SPEC = FeaturesSpec(
    derived={
        "per": "size / rooms",
        "big": "size > 60",
        "level": '"high" if rooms > 4 else "low"',
        "old": "days_between(sold, date('2022-01-01'))",
    },
    crosses=[["kind", "level"]],
    target_rates=True,
)
Y = (np.arange(240) % 3 == 0).astype(np.int64)


def learn(
    spec: FeaturesSpec = SPEC, needs: Needs = NEEDS[0], **roles: Role
) -> tuple[pipeline.FittedFeatures, pl.DataFrame]:
    frame = sample()
    plan = planner.plan(schema("y", **roles), spec, needs, Task.BINARY, frame.height)
    return pipeline.fit(plan, frame, Y, FitContext(seed=1))[0], frame


@pytest.mark.parametrize("needs", NEEDS)
def test_table_row_and_graph_agree_after_a_restore(needs: Needs) -> None:
    spec = FeaturesSpec(derived=SPEC.derived, crosses=SPEC.crosses, target_rates=True, ignore=["note"])
    frame = sample()
    plan = planner.plan(schema("y", note=Role.IGNORED), spec, needs, Task.BINARY, frame.height)
    fitted, _ = pipeline.fit(plan, frame, Y, FitContext(seed=1))
    again = pipeline.restore(json.loads(canonical_json(fitted.state())))
    fresh = sample(seed=5)
    values = fitted.transform(fresh).values
    np.testing.assert_array_equal(again.transform(fresh).values, values)
    row = again.row()
    assert row is not None
    np.testing.assert_array_equal(np.array([row(r) for r in fresh.to_dicts()]), values)
    np.testing.assert_allclose(run_graph(again, fresh, TYPES), values, rtol=1e-12)
    assert (again.names, again.categorical, again.columns) == (fitted.names, fitted.categorical, fitted.columns)
    assert np.isnan(values).any() != needs.imputed
    assert again.describe() == fitted.describe()


def test_columns_are_bound_by_name() -> None:
    fitted, frame = learn()
    shuffled = frame.select(frame.columns[::-1]).with_columns(extra=pl.lit(1))
    np.testing.assert_array_equal(fitted.transform(shuffled).values, fitted.transform(frame).values)
    with pytest.raises(ModelError, match="'kind' is missing") as caught:
        fitted.transform(frame.drop("kind"))
    assert caught.value.code == "model.missing_column"
    row = fitted.row()
    assert row is not None
    with pytest.raises(ModelError, match="'kind' is missing"):
        row(frame.drop("kind").to_dicts()[0])


def test_other_dtypes_and_all_null_columns_are_read() -> None:
    fitted, frame = learn()
    other = frame.with_columns(
        pl.col("rooms").cast(pl.Int8),
        pl.col("kind").cast(pl.Categorical),
        pl.col("new").cast(pl.Int64),
        pl.col("sold").dt.replace_time_zone("UTC"),
        pl.col("size").cast(pl.String),
    )
    np.testing.assert_array_equal(fitted.transform(other).values, fitted.transform(frame).values)
    nothing = pl.DataFrame({name: [None] * frame.height for name in frame.columns})
    assert fitted.transform(nothing).values.shape == (240, len(fitted.names))
    assert fitted.transform(frame[:0]).values.shape == (0, len(fitted.names))


ODD_ROWS = [
    {"size": float("inf"), "rooms": 2**70, "new": 1, "place": 3, "kind": 2.0, "note": None, "sold": "2021-03-04T05:06"},
    {"size": "12.5", "rooms": True, "new": "yes", "place": "", "kind": True, "note": "", "sold": "soon"},
    {"size": "1_0", "rooms": float("nan"), "new": "?", "place": None, "kind": None, "note": "x", "sold": None},
    {
        "size": 10**400,
        "rooms": -1,
        "new": 2,
        "place": "zzz",
        "kind": "é",
        "note": "Ä " * 9,
        "sold": datetime(2021, 1, 1, tzinfo=UTC),
    },
]


@pytest.mark.parametrize("needs", NEEDS)
def test_odd_values_have_the_same_answer_in_a_row_and_a_table(needs: Needs) -> None:
    fitted, _ = learn(needs=needs)
    row = fitted.row()
    assert row is not None
    for odd in ODD_ROWS:
        values = row(odd)
        assert not np.isinf(values).any()
        if isinstance(odd["size"], int):
            continue  # 10**400 fits in no table
        frame = pl.DataFrame({name: [cell] for name, cell in odd.items()})
        np.testing.assert_array_equal(fitted.transform(frame).values[0], values)


def test_empty_and_constant_columns_are_dropped_with_a_note() -> None:
    frame = sample().with_columns(size=pl.lit(None, dtype=pl.Float64), kind=pl.lit("same"), new=pl.lit(True))
    plan = planner.plan(schema("y"), FeaturesSpec(), Needs(), Task.BINARY, frame.height)
    fitted, _ = pipeline.fit(plan, frame, Y, FitContext(seed=1))
    assert any("missing: size" in note for note in fitted.notes)
    assert any("same value: new, kind" in note for note in fitted.notes)
    assert not {"size", "kind", "new"} & set(fitted.columns)
    only = planner.plan(schema("y", {"kind": ColumnType.CATEGORY}), FeaturesSpec(), Needs(), Task.BINARY, 240)
    with pytest.raises(ModelError) as caught:
        pipeline.fit(only, frame, Y, FitContext(seed=1))
    assert caught.value.code == "features.none"


@pytest.mark.parametrize("needs", NEEDS)
def test_many_levels_and_many_columns_stay_sane(needs: Needs) -> None:
    n = 20_000
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"id": [f"u{i}" for i in rng.integers(0, 15_000, n)], "page": [f"p{i}" for i in rng.integers(0, 400, n)]}
    )
    types = {"id": ColumnType.CATEGORY, "page": ColumnType.CATEGORY}
    plan = planner.plan(schema("y", types), FeaturesSpec(), needs, Task.BINARY, n)
    fitted, matrix = pipeline.fit(plan, frame, rng.integers(0, 2, n), FitContext(seed=1))
    assert matrix.values.shape[1] <= 40
    assert any("id" in name and "rate" in name for name in fitted.names)
    unseen = fitted.transform(
        pl.DataFrame({"id": ["new"], "page": [None]}, schema={"id": pl.String, "page": pl.String})
    )
    assert np.isfinite(unseen.values[0, [at for at, name in enumerate(fitted.names) if "rate" in name]]).all()


def test_a_very_wide_table() -> None:
    width = 3_000
    values = np.random.default_rng(0).normal(size=(20, width))
    frame = pl.DataFrame({f"c{i}": values[:, i] for i in range(width)})
    plan = planner.plan(
        schema(None, dict.fromkeys(frame.columns, ColumnType.NUMBER)),
        FeaturesSpec(),
        Needs(scaled=True),
        Task.REGRESSION,
        20,
    )
    fitted, matrix = pipeline.fit(plan, frame, values[:, 0], FitContext(seed=1))
    assert matrix.values.shape == (20, width)
    assert len("".join(fitted.describe())) < 2_000


@pytest.mark.parametrize("needs", NEEDS)
def test_many_category_columns_do_not_multiply(needs: Needs) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"c{i}": pl.Series(rng.integers(0, 40, 60)).cast(pl.String) for i in range(600)})
    types = dict.fromkeys(frame.columns, ColumnType.CATEGORY)
    plan = planner.plan(schema("y", types), FeaturesSpec(), needs, Task.BINARY, 60)
    fitted, matrix = pipeline.fit(plan, frame, rng.integers(0, 2, 60), FitContext(seed=1))
    assert matrix.values.shape[1] <= 2 * 600
    assert any("600 category columns" in note for note in fitted.notes)


def test_windows_need_the_table_and_continue_from_training() -> None:
    spec = FeaturesSpec(windows=[WindowSpec(name="past", column="size", entity="kind", window="5rows")])
    fitted, frame = learn(spec, sold=Role.TIME)
    assert fitted.row() is None
    assert {"sold", "kind", "size"} <= set(fitted.columns)
    with pytest.raises(ModelError) as caught:
        run_graph(fitted, frame, TYPES)
    assert caught.value.code == "graph.unsupported"
    again = pipeline.restore(json.loads(canonical_json(fitted.state())))
    late = frame[:4].with_columns(sold=pl.lit(datetime(2030, 1, 1)), kind=pl.lit("flat"))
    values = again.transform(late).values[:, fitted.names.index("past")]
    known = frame.filter(kind="flat").drop_nulls(["sold", "size"]).sort("sold")["size"].tail(5)
    np.testing.assert_allclose(values, known.mean())


def test_training_rows_transform_to_what_they_were_fitted_on_but_for_target_rates() -> None:
    spec = FeaturesSpec(
        windows=[WindowSpec(name="past", column="size", entity="kind", window="90d")], target_rates=True
    )
    frame = sample()
    plan = planner.plan(schema("y", sold=Role.TIME), spec, Needs(), Task.BINARY, frame.height)
    fitted, matrix = pipeline.fit(plan, frame, Y, FitContext(seed=1))
    later = fitted.transform(frame)
    for at, name in enumerate(fitted.names):
        same = np.array_equal(later.values[:, at], matrix.values[:, at], equal_nan=True)
        assert same != ("rate" in name), name


def added(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(twice=pl.col("size") * 2, first=pl.col("note").str.slice(0, 3))


def test_custom_columns_run_only_when_rows_are_transformed() -> None:
    spec = FeaturesSpec(custom="tests.unit.features.test_pipeline:added")
    fitted, frame = learn(spec)
    assert fitted.hooks == ("tests.unit.features.test_pipeline:added",)
    assert "twice" in fitted.names
    assert fitted.row() is None
    again = pipeline.restore(json.loads(canonical_json(fitted.state())))
    np.testing.assert_array_equal(again.transform(frame).values, fitted.transform(frame).values)


def test_regression_and_many_classes_get_their_rates() -> None:
    frame = sample()
    plan = planner.plan(schema("y"), FeaturesSpec(target_rates=True), Needs(), Task.MULTICLASS, 240)
    many, _ = pipeline.fit(plan, frame, np.arange(240) % 4, FitContext(seed=1))
    assert sum("kind: rate of class" in name for name in many.names) == 4
    one, _ = pipeline.fit(plan, frame, np.arange(240.0), FitContext(seed=1))
    assert sum("kind: mean target" in name for name in one.names) == 1


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 9},
        {"inputs": []},
        {"steps": [{"transformer": "numeric", "columns": ["nope"], "state": {}}]},
        {"makers": [{"kind": "python", "state": {}}]},
        {"steps": 3},
    ],
)
def test_a_damaged_state_is_refused(damage: dict[str, object]) -> None:
    fitted, _ = learn()
    with pytest.raises(ModelError):
        pipeline.restore({**fitted.state(), **damage})
