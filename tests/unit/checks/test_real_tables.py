"""The named traps are caught and clean tables with strong honest columns stay unflagged."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import sklearn.datasets

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.run import run_checks
from modelwright.core.nouns import Column, ColumnType, Finding, Role, Schema, Severity, Task
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset

DATA = Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development tables are not here")


def findings(frame: pl.DataFrame, target: str, task: Task) -> tuple[Finding, ...]:
    columns, series = [], []
    for name in frame.columns:
        column = frame[name]
        if name == target and task.is_classification:
            column = column.cast(pl.String)
        number = column.dtype.is_numeric()
        role = Role.TARGET if name == target else Role.FEATURE
        columns.append(Column(name=name, type=ColumnType.NUMBER if number else ColumnType.CATEGORY, role=role))
        series.append(column)
    dataset = Dataset(frame=pl.DataFrame(series), schema=Schema(columns=tuple(columns)), digest="b3:x")
    counts = dict(frame[target].cast(pl.String).value_counts().iter_rows()) if task.is_classification else {}
    problem = Problem(task=task, reason="", metric="", metric_reason="", target=target, classes=counts)
    return run_checks("data", DataEvidence(dataset=dataset, problem=problem))


def grave(found: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(one.code, one.subject) for one in found if one.severity.rank >= Severity.HIGH.rank}


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("breast_cancer", Task.BINARY),
        ("wine", Task.MULTICLASS),
        ("iris", Task.MULTICLASS),
        ("diabetes", Task.REGRESSION),
    ],
)
def test_clean_tables_stay_clean(name: str, task: Task) -> None:
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    frame = pl.DataFrame({str(column): bunch.data[:, at] for at, column in enumerate(bunch.feature_names)})
    found = findings(frame.with_columns(pl.Series("target", bunch.target)), "target", task)
    assert not [one for one in found if one.severity.rank >= Severity.MEDIUM.rank]


@needs_data
@pytest.mark.parametrize(
    ("file", "target", "task", "expected"),
    [
        ("california_housing.csv", "median_house_value", Task.REGRESSION, set()),
        ("dry_bean.parquet", "Class", Task.MULTICLASS, set()),
        (
            "bank_marketing.parquet",
            "y",
            Task.BINARY,
            {("leak.post_event", "column:duration"), ("split.hidden_order", "split")},
        ),
        (
            "bike_hourly.csv",
            "cnt",
            Task.REGRESSION,
            {("leak.combination", "columns:casual,registered"), ("split.hidden_order", "split")},
        ),
        (
            "titanic3.csv",
            "survived",
            Task.BINARY,
            {("leak.missingness", "column:boat"), ("leak.missingness", "column:body")},
        ),
    ],
)
def test_named_traps_are_caught_and_nothing_else(
    file: str, target: str, task: Task, expected: set[tuple[str, str]]
) -> None:
    path = DATA / file
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)
    found = grave(findings(frame.filter(pl.col(target).is_not_null()), target, task))
    assert expected <= found
    # Another rule may name a trap's column as well: it is a leak by its form, too.
    assert columns_of(found) <= columns_of(expected)


def columns_of(found: set[tuple[str, str]]) -> set[str]:
    return {name for _, subject in found for name in subject.partition(":")[2].split(",") if name} | {
        subject for _, subject in found if ":" not in subject
    }
