"""What data rules share: which rows they may learn from, coded columns, and the strength of each column alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.core.nouns import Column, ColumnType, Role, Schema, Task
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset
from modelwright.stats import association

#: rows on which the strength of columns is measured; enough to tell an error of 0.02 from one of 0.06
SAMPLE_ROWS = 6000
#: wider tables: only the strongest columns enter the joint model
MAX_JOINT_COLUMNS = 200
_MAX_CLASSES = 50


def feature_columns(dataset: Dataset) -> list[Column]:
    there = frozenset(dataset.frame.columns)  # asked once: polars makes the list anew each time
    return [column for column in dataset.schema.features if column.name in there]


def development_rows(evidence: DataEvidence, n: int, limit: int = SAMPLE_ROWS) -> NDArray[np.int64]:
    """Rows that rules which look at the target may see: not the sealed ones; at most `limit`, in file order."""
    split = evidence.split
    rows = np.arange(n) if split is None else np.sort(np.concatenate([split.train, split.val])).astype(np.int64)
    if rows.size > limit:
        rows = np.sort(np.random.default_rng(0).choice(rows, limit, replace=False))
    return rows


def measured_rows(evidence: DataEvidence, dataset: Dataset, target: str) -> NDArray[np.int64]:
    """The rows that `strengths` measures on, those without a target left out; row k of its arrays is rows[k]."""
    rows = development_rows(evidence, dataset.n_rows, row_limit(len(feature_columns(dataset))))
    known: NDArray[np.int64] = rows[dataset.frame[target][rows].is_not_null().to_numpy()]
    return known


def numbers(series: pl.Series) -> NDArray[np.float64]:
    """Any ordered column as float64, NaN for missing; texts by the one number in them, else by their rank."""
    if series.dtype == pl.String:
        series = numbers_in_texts(series) if is_number_in_text(series) else series.rank("dense")
    elif series.dtype.is_temporal():
        series = series.to_physical()
    # As an array of floats a null is NaN already; filling it first costs a query for each column.
    return np.array(series.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


_NUMBER = r"^\D*?([-+]?\d+(?:[.]\d+)?)\D*$"


def numbers_in_texts(series: pl.Series) -> pl.Series:
    """`EUR 12.50` as 12.5; null where a text holds no number, or several."""
    return series.str.extract(_NUMBER, 1).cast(pl.Float64, strict=False)


def is_number_in_text(series: pl.Series) -> bool:
    """Nearly every text is its own and holds exactly one number: a measurement in disguise, not a category."""
    known = series.drop_nulls()
    if series.dtype != pl.String or known.len() < 60 or known.n_unique() < min(200, 0.5 * known.len()):
        return False
    return numbers_in_texts(known).null_count() < 0.05 * known.len()


def target_of(series: pl.Series, task: Task) -> tuple[NDArray[Any], int]:
    """The target as class positions and their number, or as values and 0. No nulls may be left."""
    if task is Task.REGRESSION:
        return series.cast(pl.Float64).to_numpy(), 0
    if series.dtype == pl.String:  # ranking a million texts costs ten times as much
        kinds = series.unique().sort()
        return series.cast(pl.Enum(kinds)).to_physical().to_numpy().astype(np.int64), kinds.len()
    return (series.rank("dense").to_numpy() - 1).astype(np.int64), int(series.n_unique())


@dataclass(frozen=True, slots=True, kw_only=True)
class Strengths:
    """How well columns tell the target out of fold, on the error scale of `stats.association` (0 perfect, 1 nothing).

    `alone` by column, `missing` by column for its missingness only. `full` and `without` come from a small forest.
    """

    y: NDArray[Any]
    n_classes: int
    alone: Mapping[str, float]
    missing: Mapping[str, float]
    #: out-of-fold predictions of the joint model
    joint: NDArray[np.float64]
    full: float
    names: tuple[str, ...]
    X: NDArray[np.float64]
    categorical: tuple[int, ...]
    fold: NDArray[np.int64]
    codes: Mapping[str, NDArray[np.int64]]
    #: columns of numbers (dates and numbers in texts too); the others are named kinds
    numeric: frozenset[str] = frozenset()
    #: numbers in file order: the error of repeating the row before; 1 where the file is no series
    persistence: float = 1.0
    #: what rules have worked out from this, so that it is worked out once
    notes: dict[str, Any] = field(default_factory=dict)
    _predicted: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def without(self, *columns: str) -> float:
        """The error of the joint model when it may not see these columns; remembered."""
        return min(association.error(self.y, self.predicted_without(*columns), self.n_classes), 1.0)

    def predicted_without(self, *columns: str) -> NDArray[np.float64]:
        """Out-of-fold predictions of the joint model that may not see these columns; remembered."""
        return self.predicted(tuple(name for name in self.names if name not in columns))

    def predicted(self, columns: tuple[str, ...]) -> NDArray[np.float64]:
        """Out-of-fold predictions of a joint model of these columns; of none: the mean of the learning rows."""
        key = "\0".join(sorted(columns))
        if key not in self._predicted:
            keep = [at for at, name in enumerate(self.names) if name in columns]
            if len(keep) == len(self.names):
                found = self.joint
            elif keep:
                categorical = [keep.index(at) for at in self.categorical if at in keep]
                found = association.together(self.X[:, keep], self.y, self.n_classes, self.fold, categorical)
            else:
                found = association.single(np.zeros(self.y.size, np.int64), self.y, self.n_classes, self.fold)
            self._predicted[key] = found
        return self._predicted[key]

    def score(self, error: float) -> str:
        """An error in words that people use."""
        return f"{self.metric} {self.value(error):.3f}"

    def value(self, error: float) -> float:
        """An error as a score that people use, higher is better."""
        if self.n_classes == 2:
            return 1.0 - error / 2.0
        if self.n_classes:
            return 1.0 - error * (1.0 - float(np.bincount(self.y).max()) / self.y.size)
        return 1.0 - error

    @property
    def metric(self) -> str:
        return "AUC" if self.n_classes == 2 else "accuracy" if self.n_classes else "R2"


#: the last table measured, so that several rules share one measurement
_last: list[tuple[Dataset, Any, Strengths | None]] = []


def forget() -> None:
    """See `once.forget`."""
    _last.clear()


def strengths(evidence: DataEvidence) -> Strengths | None:
    """Measured once per table and split; None without a target, features or enough rows (60, and 8 of each class)."""
    dataset = evidence.dataset
    if dataset is None:
        return None
    if _last and _last[0][0] is dataset and _last[0][1] is evidence.split:
        return _last[0][2]
    found = _measure(evidence, dataset)
    _last[:] = [(dataset, evidence.split, found)]
    return found


def strongest(dataset: Dataset) -> frozenset[str]:
    """The columns of the joint model where this table has been measured; else none."""
    found = _last[0][2] if _last and _last[0][0] is dataset else None
    return frozenset() if found is None else frozenset(found.names)


def _measure(evidence: DataEvidence, dataset: Dataset) -> Strengths | None:
    target, task = dataset.schema.target, task_of(evidence)
    columns = feature_columns(dataset)
    if target is None or task is None or not columns:
        return None
    rows = development_rows(evidence, dataset.n_rows, row_limit(len(columns)))
    frame = dataset.frame[rows].filter(pl.col(target).is_not_null())
    if frame.height < 60:
        return None
    y, n_classes = target_of(frame[target], task)
    if _is_hopeless(y, n_classes):
        return None
    fold = association.folds(y.size, 0)
    alone, missing = {}, {}
    for column in columns:
        series = frame[column.name]
        if column.type is ColumnType.TEXT and not is_number_in_text(series):
            continue
        single = association.single(_codes(series, numbers(series)), y, n_classes, fold)
        alone[column.name] = min(association.error(y, single, n_classes), 1.0)
        absent = series.is_null().to_numpy()
        if 0 < int(absent.sum()) < absent.size:
            shares = association.single(absent.astype(np.int64), y, n_classes, fold)
            missing[column.name] = min(association.error(y, shares, n_classes), 1.0)
    if not alone:
        return None
    # Only the strongest columns are kept in memory: a table may have ten thousand.
    names = tuple(sorted(alone, key=lambda name: alone[name])[:MAX_JOINT_COLUMNS])
    values = {name: numbers(frame[name]) for name in names}
    numeric = frozenset(name for name in names if not _is_kind(frame[name]))
    categorical = tuple(at for at, name in enumerate(names) if name not in numeric)
    X = np.column_stack([values[name] for name in names])
    joint = association.together(X, y, n_classes, fold, list(categorical))
    return Strengths(
        y=y,
        n_classes=n_classes,
        alone=alone,
        missing=missing,
        joint=joint,
        full=min(association.error(y, joint, n_classes), 1.0),
        names=names,
        X=X,
        categorical=categorical,
        fold=fold,
        codes={name: _codes(frame[name], values[name]) for name in names},
        numeric=numeric,
        persistence=1.0
        if n_classes
        else _persistence(dataset.frame[target][development_rows(evidence, dataset.n_rows, 10**7)]),
    )


def _persistence(series: pl.Series) -> float:
    """1 - R2 of the row before; a sorted file has no turning points and is not a series."""
    values = series.drop_nulls().cast(pl.Float64).to_numpy()
    steps = np.diff(values)
    spread = float(np.var(values)) if values.size > 2 else 0.0
    if spread == 0.0 or float(np.mean(steps[1:] * steps[:-1] < 0)) < 0.2:
        return 1.0
    return min(float(np.mean(steps**2)) / spread, 1.0)


def row_limit(width: int) -> int:
    """Rows to measure on: fewer for very wide tables, so that the work stays about the same."""
    return int(np.clip(3_000_000 // width, 1000, SAMPLE_ROWS))


def _is_kind(series: pl.Series) -> bool:
    return series.dtype == pl.String and not is_number_in_text(series)


def _codes(series: pl.Series, values: NDArray[np.float64]) -> NDArray[np.int64]:
    if _is_kind(series):
        return np.nan_to_num(values, nan=0.0).astype(np.int64)
    return association.codes_of_numbers(values)


def _is_hopeless(y: NDArray[Any], n_classes: int) -> bool:
    if n_classes == 0:
        # Squares of larger values leave float64; such a target needs its unit changed first.
        return float(np.abs(y).max()) > 1e150 or float(np.std(y)) == 0.0
    counts = np.bincount(y, minlength=n_classes)
    return n_classes < 2 or n_classes > _MAX_CLASSES or int(counts.min()) < 8


def task_of(evidence: DataEvidence) -> Task | None:
    """The stated task where it has a target, else None."""
    task = evidence.problem.task if evidence.problem is not None else None
    return task if task is not None and task.has_target else None


def has_no_target(evidence: DataEvidence) -> bool:
    """Clustering and anomaly detection: rules about the target have nothing to say."""
    return evidence.problem is not None and not evidence.problem.task.has_target


# ---------------------------------------------------------------- examples


def table(
    columns: Mapping[str, Any],
    *,
    target: str | None = None,
    task: Task = Task.BINARY,
    roles: Mapping[str, Role] | None = None,
) -> DataEvidence:
    """Evidence made by hand, for the rules' own examples."""
    frame = pl.DataFrame(dict(columns), strict=False)
    described = []
    for name in frame.columns:
        role = Role.TARGET if name == target else (roles or {}).get(name, Role.FEATURE)
        described.append(Column(name=name, type=_type(frame[name].dtype), role=role))
    if target is not None and task is not Task.REGRESSION:
        frame = frame.with_columns(pl.col(target).cast(pl.String))
    dataset = Dataset(frame=frame, schema=Schema(columns=tuple(described)), digest="b3:example")
    problem = None
    if target is not None:
        counts = {} if task is Task.REGRESSION else _counts(frame[target])
        problem = Problem(task=task, reason="an example", metric="", metric_reason="", target=target, classes=counts)
    return DataEvidence(dataset=dataset, problem=problem)


def _counts(series: pl.Series) -> dict[str, int]:
    found = series.drop_nulls().value_counts(sort=True)
    return dict(zip(found[series.name].to_list(), found["count"].to_list(), strict=True))


def _type(dtype: pl.DataType) -> ColumnType:
    if dtype == pl.Boolean:
        return ColumnType.BOOLEAN
    if dtype.is_numeric():
        return ColumnType.NUMBER
    return ColumnType.DATETIME if dtype.is_temporal() else ColumnType.CATEGORY
