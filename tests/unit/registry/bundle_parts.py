"""Real models on small tables, for every test that needs a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import Column, ColumnType, Role, Schema, Signature, SignatureField, Task
from modelwright.core.plugins import load
from modelwright.core.ports import FitContext, TrainBatch
from modelwright.features import pipeline, planner
from modelwright.registry.bundle import BundleContents
from modelwright.registry.model import Member, Model
from modelwright.spec.model import FeaturesSpec

DATA = Path(__file__).parents[4] / "shared" / "data"
_START = datetime.fromisoformat("2024-01-01")


@dataclass(frozen=True, kw_only=True)
class Table:
    frame: pl.DataFrame
    types: dict[str, ColumnType]
    task: Task
    y: NDArray[Any]
    classes: tuple[str, ...] = ()
    spec: FeaturesSpec = field(default_factory=FeaturesSpec)

    @property
    def signature(self) -> Signature:
        return Signature(
            inputs=tuple(SignatureField(name=name, type=kind) for name, kind in self.types.items()),
            task=self.task,
            target="target",
            classes=self.classes,
            positive=self.classes[1] if self.task is Task.BINARY else None,
        )

    @property
    def schema(self) -> Schema:
        columns = [Column(name=name, type=kind, role=Role.FEATURE) for name, kind in self.types.items()]
        return Schema(columns=tuple(columns))


@lru_cache
def mixed(task: Task = Task.BINARY, n: int = 700) -> Table:
    """Numbers with gaps, whole numbers near 1e9, categories, a flag, a date and text."""
    rng = np.random.default_rng(3)
    number = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    kind = rng.choice(["red", "green", "blue, dark", "\u00fcber"], n, p=[0.4, 0.3, 0.2, 0.1])
    serial = 1_000_000_000 + rng.integers(0, 40, n)
    flag = rng.random(n) < 0.4
    frame = pl.DataFrame(
        {
            "number": pl.Series(number, nan_to_null=True),
            "skewed": np.exp(rng.normal(size=n) * 2),
            "serial": serial.astype(float),
            "kind": pl.Series([None if rng.random() < 0.05 else value for value in kind], dtype=pl.String),
            "label": rng.choice(["a", "b"], n),
            "flag": flag,
            "when": [_START + timedelta(hours=int(h)) for h in rng.integers(0, 5000, n)],
        },
        schema_overrides={"when": pl.Datetime("us")},
    )
    types = {
        "number": ColumnType.NUMBER,
        "skewed": ColumnType.NUMBER,
        "serial": ColumnType.NUMBER,
        "kind": ColumnType.CATEGORY,
        "label": ColumnType.CATEGORY,
        "flag": ColumnType.BOOLEAN,
        "when": ColumnType.DATETIME,
    }
    score = np.nan_to_num(number) + (kind == "red") + 0.05 * (serial % 7) - 0.5 * flag + rng.normal(size=n) * 0.4
    return _with_target(frame, types, task, score)


def _with_target(frame: pl.DataFrame, types: dict[str, ColumnType], task: Task, score: NDArray[np.float64]) -> Table:
    if task is Task.REGRESSION:
        return Table(frame=frame, types=types, task=task, y=score * 40_000 + 200_000)
    if task is Task.BINARY:
        y = (score > np.quantile(score, 0.6)).astype(np.int64)
        return Table(frame=frame, types=types, task=task, y=y, classes=("no", "yes"))
    y = np.digitize(score, np.quantile(score, [0.4, 0.75])).astype(np.int64)
    return Table(frame=frame, types=types, task=task, y=y, classes=("low", "mid", "high"))


def member(table: Table, family: str, *, seed: int = 0, rows: NDArray[np.int64] | None = None, **params: Any) -> Member:
    """Fit a family with the features the planner gives it."""
    plugin = load("families", family)
    frame, y = (table.frame, table.y) if rows is None else (table.frame[rows], table.y[rows])
    plan = planner.plan(table.schema, table.spec, plugin.needs, table.task, frame.height)
    features, matrix = pipeline.fit(plan, frame, y, FitContext(seed=seed))
    batch = TrainBatch(X=matrix, y=y, task=table.task, n_classes=len(table.classes))
    fitted = plugin.fit(batch, plugin.Params(**params), FitContext(seed=seed))
    return Member(features=features, family=family, fitted=fitted)


def model(table: Table, families: Sequence[str] = ("lightgbm",), **options: Any) -> Model:
    """One member per family; `options` go to Model."""
    members = tuple(member(table, family, **SMALL.get(family, {})) for family in families)
    return Model(signature=table.signature, members=members, **options)


#: enough for a shape, little enough for a test
SMALL: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 20},
    "xgboost": {"n_estimators": 20},
    "catboost": {"n_estimators": 20},
    "hist_gb": {"max_iter": 20},
    "random_forest": {"n_estimators": 20},
    "extra_trees": {"n_estimators": 20},
}


def contents(made: Model, table: Table, **options: Any) -> BundleContents:
    """A bundle of it; the sample is the last 200 rows."""
    return BundleContents(
        model=made, name="parts", sample=table.frame.tail(200), reference=table.frame, card="# Parts\n", **options
    )
