"""Fitted models on a churn-like table, for the tests of what is measured and explained."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from modelwright.core.nouns import ColumnType, Task
from modelwright.core.tables import Dataset
from modelwright.registry.model import Model
from modelwright.spec.model import FeaturesSpec
from tests.unit.registry.bundle_parts import Table, model

#: names that begin with, contain, or look like encodings of each other
TYPES = {
    "plan": ColumnType.CATEGORY,
    "plan fee": ColumnType.NUMBER,
    "plan=basic": ColumnType.NUMBER,
    "plan is missing": ColumnType.CATEGORY,
    "tenure": ColumnType.NUMBER,
    "noise": ColumnType.NUMBER,
    "flat": ColumnType.NUMBER,
}


@lru_cache
def churn(task: Task = Task.BINARY, n: int = 600) -> Table:
    rng = np.random.default_rng(8)
    plan = rng.choice(["basic", "plus", "pro"], n, p=[0.6, 0.3, 0.1])
    fee, tenure = rng.gamma(3, 10, n), rng.integers(0, 60, n).astype(float)
    score = (plan == "basic") * 1.5 + 0.05 * fee - 0.08 * tenure + rng.normal(0, 0.7, n)
    frame = pl.DataFrame(
        {
            "plan": pl.Series([None if hidden else one for one, hidden in zip(plan, rng.random(n) < 0.1, strict=True)]),
            "plan fee": pl.Series(np.where(rng.random(n) < 0.1, np.nan, fee), nan_to_null=True),
            "plan=basic": rng.normal(size=n),
            "plan is missing": rng.choice(["no", "yes"], n),
            "tenure": tenure,
            "noise": rng.normal(size=n),
            "flat": np.where(np.arange(n) == 0, 1.0, 0.0),
        }
    )
    if task is Task.BINARY:
        y = (score > np.median(score)).astype(np.int64)
        return Table(frame=frame, types=TYPES, task=task, y=y, classes=("no", "yes"))
    if task is Task.MULTICLASS:
        y = np.digitize(score, np.quantile(score, [0.4, 0.8])).astype(np.int64)
        return Table(frame=frame, types=TYPES, task=task, y=y, classes=("low", "mid", "high"))
    return Table(frame=frame, types=TYPES, task=task, y=score * 1000)


@lru_cache
def fitted(family: str, task: Task = Task.BINARY) -> Model:
    return model(churn(task), (family,))


def crossed(task: Task = Task.BINARY) -> Table:
    """The same table with a cross of two category columns."""
    table = churn(task)
    spec = FeaturesSpec(crosses=[["plan", "plan is missing"]])
    return Table(frame=table.frame, types=table.types, task=task, y=table.y, classes=table.classes, spec=spec)


def dataset(table: Table) -> Dataset:
    return Dataset(frame=table.frame, schema=table.schema, digest="b3:churn")
