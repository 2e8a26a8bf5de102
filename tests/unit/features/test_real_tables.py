"""Real tables with their traps, on every road; scikit-learn's own where the others are absent."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from modelwright.core.digests import canonical_json
from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.core.ports import FitContext, Needs
from modelwright.features import pipeline, planner
from modelwright.features.values import stored
from modelwright.spec.model import FeaturesSpec, WindowSpec
from tests.unit.features.tables import DATA, run_graph

NEEDS = [Needs(), Needs(scaled=True, imputed=True, one_hot=True)]
TABLES = {
    "telco_churn": ("Churn", Task.BINARY, {"customerID": Role.ID}, {"TotalCharges": ColumnType.NUMBER}),
    "california_housing": ("median_house_value", Task.REGRESSION, {}, {}),
    "titanic3": ("survived", Task.BINARY, {"boat": Role.IGNORED}, {"name": ColumnType.TEXT}),
    "bike_hourly": ("cnt", Task.REGRESSION, {"instant": Role.ID, "dteday": Role.TIME}, {"dteday": ColumnType.DATETIME}),
}


def read(name: str) -> tuple[pl.DataFrame, Schema, np.ndarray, Task]:
    path = DATA / f"{name}.csv"
    if not path.exists():
        return bundled(name)
    target, task, roles, types = TABLES[name]
    frame = pl.read_csv(path, infer_schema_length=None)
    if name == "bike_hourly":
        frame = frame.with_columns(pl.col("dteday").str.to_datetime("%m/%d/%Y") + pl.duration(hours=pl.col("hr")))
    columns = []
    for column in frame.columns:
        kind = types.get(column, ColumnType.NUMBER if frame[column].dtype.is_numeric() else ColumnType.CATEGORY)
        role = Role.TARGET if column == target else roles.get(column, Role.FEATURE)
        columns.append(Column(name=column, type=kind, role=role))
        frame = frame.with_columns(stored(frame[column], kind))
    y = (
        frame[target].cast(pl.Categorical).to_physical().cast(pl.Int64)
        if frame[target].dtype == pl.String
        else frame[target]
    )
    answers = y.to_numpy().astype(np.float64 if task is Task.REGRESSION else np.int64)
    return frame, Schema(columns=tuple(columns)), answers, task


def bundled(name: str) -> tuple[pl.DataFrame, Schema, np.ndarray, Task]:
    task = TABLES[name][1]
    X, y = (load_diabetes if task is Task.REGRESSION else load_breast_cancer)(return_X_y=True)
    frame = pl.DataFrame({f"x{i}": X[:, i] for i in range(X.shape[1])})
    return frame, Schema(columns=tuple(Column(name=c, type=ColumnType.NUMBER) for c in frame.columns)), y, task


@pytest.mark.parametrize("needs", NEEDS)
@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_road_agrees_on_held_out_rows(name: str, needs: Needs) -> None:
    frame, schema, y, task = read(name)
    order = np.random.default_rng(0).permutation(frame.height)
    train, test = np.sort(order[: frame.height // 2]), np.sort(order[-500:])
    plan = planner.plan(schema, FeaturesSpec(), needs, task, len(train))
    fitted, matrix = pipeline.fit(plan, frame[train], y[train], FitContext(seed=1))
    assert matrix.values.shape == (len(train), len(fitted.names))
    values = fitted.transform(frame[test]).values
    assert np.isnan(values).any() <= (not needs.imputed)
    assert len(fitted.names) < 700
    again = pipeline.restore(json.loads(canonical_json(fitted.state())))
    row = again.row()
    assert row is not None
    np.testing.assert_array_equal(np.array([row(r) for r in frame[test].to_dicts()]), values)
    if not any(column.type is ColumnType.TEXT for column in schema.features):
        types = {column.name: column.type for column in schema.columns}
        np.testing.assert_allclose(run_graph(again, frame[test], types), values, rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(not (DATA / "bike_hourly.csv").exists(), reason="the table is not at hand")
def test_windows_on_hourly_rides() -> None:
    frame, schema, y, task = read("bike_hourly")
    schema = Schema(
        columns=tuple(c if c.name != "hr" else Column(name="hr", type=ColumnType.CATEGORY) for c in schema.columns)
    )
    spec = FeaturesSpec(windows=[WindowSpec(name="same_hour", column="temp", entity="hr", window="3d")])
    frame = frame.with_columns(stored(frame["hr"], ColumnType.CATEGORY))
    half = frame.height // 2
    plan = planner.plan(schema, spec, Needs(), task, half)
    fitted, _ = pipeline.fit(plan, frame[:half], y[:half], FitContext(seed=1))
    found = fitted.transform(frame[half:]).values[:, fitted.names.index("same_hour")]
    row = frame[half + 5]
    before = frame.filter(
        (pl.col("hr") == row["hr"][0])
        & (pl.col("dteday") < row["dteday"][0])
        & (pl.col("dteday") >= row["dteday"][0] - pl.duration(days=3))
    )
    assert found[5] == pytest.approx(before["temp"].mean())
