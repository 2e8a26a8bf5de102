"""Say what kind of problem the data poses, how to judge it, and whether it needs a model at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from modelwright.core.errors import DataError
from modelwright.core.nouns import Column, ColumnType, Role, Task
from modelwright.core.run import Problem, SplitSummary
from modelwright.core.tables import Dataset
from modelwright.data import simpler
from modelwright.data.order import hidden_order
from modelwright.data.target import labels
from modelwright.spec.model import Spec, SplitKind

#: a target beyond this has squares beyond float64
_LARGEST_TARGET = 1e150
_FEWEST_ROWS = 10
_FEW_ROWS = 200
#: whole numbers with at most this many values are classes, not measurements
_NUMERIC_CLASSES = 15
_MOST_CLASSES = 1000
_POSITIVE_WORDS = ("yes", "y", "true", "t", "1", "positive", "pos", "churn", "churned", "fraud", "spam", "default")
_RARE = 0.10


@dataclass(frozen=True, slots=True)
class _Said:
    task: Task
    reason: str


def analyse(dataset: Dataset, spec: Spec) -> Problem:
    """Task, metric and split, each with its reason; notes on traps; `simpler` when a rule would do.

    Raises DataError when nothing can be learned: no such target, all of it missing, one class only, fewer than
    10 usable rows, no feature left, or a declared task that the target cannot have.
    """
    target = spec.features.target
    if target is None:
        return _without_target(dataset, spec)
    column = dataset.schema[target]
    known = dataset.frame[target].drop_nulls()
    _refuse_unusable(known, dataset, target)
    said = _task(known, column, spec.model.task)
    if said.task is Task.REGRESSION:
        _refuse_too_large(known, target)
    classes = _classes(known, target) if said.task.is_classification else {}
    positive = _positive(classes, spec, target) if said.task is Task.BINARY else None
    metric, metric_reason = _metric(said.task, classes, positive)
    if spec.evaluation.metric is not None:
        metric, metric_reason = spec.evaluation.metric, "declared in evaluation.metric"
    split = propose_split(dataset, spec, said.task)
    notes = _notes(dataset, target, known, said.task, classes)
    order = hidden_order(dataset, target, said.task)
    if order and split.kind not in (SplitKind.TIME, SplitKind.GROUP_TIME):
        notes = [*notes, order]
    return Problem(
        task=said.task,
        reason=said.reason,
        metric=metric,
        metric_reason=metric_reason,
        target=target,
        classes=classes,
        positive=positive,
        split=split,
        notes=tuple(notes),
        simpler=simpler.alternative(dataset, target, said.task, classes),
    )


def _refuse_too_large(known: pl.Series, target: str) -> None:
    """Every error of such a model, squared, leaves float64."""
    values = known.cast(pl.Float64, strict=False)
    largest = max(abs(float(values.min() or 0.0)), abs(float(values.max() or 0.0)))  # type: ignore[arg-type]
    if largest > _LARGEST_TARGET:
        raise DataError(
            f"The target '{target}' reaches {largest:.3g}: its squares leave the range of floating-point numbers, so "
            "no error can be computed.",
            code="data.target_too_large",
            hint=f"check the values of '{target}'; if they are real, give them in a larger unit or as logarithms "
            "(data.prepare)",
            subject=f"column:{target}",
        )


def _without_target(dataset: Dataset, spec: Spec) -> Problem:
    if dataset.n_rows < _FEWEST_ROWS:
        raise _too_few(dataset.n_rows)
    _refuse_no_features(dataset)
    task = spec.model.task or Task.CLUSTERING
    if task.has_target:
        raise DataError(
            f"The task {task.value} needs a target, and features.target names none.",
            code="data.missing_target",
            hint="set features.target, or model.task: clustering or anomaly",
            subject="features.target",
        )
    metric = spec.evaluation.metric or ("silhouette" if task is Task.CLUSTERING else "anomaly_separation")
    return Problem(
        task=task,
        reason="declared in model.task" if spec.model.task else "no target is named: groups are looked for",
        metric=metric,
        metric_reason="declared in evaluation.metric" if spec.evaluation.metric else "how well apart the groups lie",
        split=propose_split(dataset, spec, task),
    )


def _refuse_unusable(known: pl.Series, dataset: Dataset, target: str) -> None:
    if known.len() == 0:
        raise DataError(
            f"The target '{target}' is missing in every row.",
            code="data.target_missing",
            hint="choose another target, or repair the export",
            subject=f"column:{target}",
        )
    if known.n_unique() == 1:
        raise DataError(
            f"The target '{target}' has one value only ({labels(known)[0]!r}): there is nothing to learn.",
            code="data.one_class",
            hint="choose another target, or data that holds both outcomes",
            subject=f"column:{target}",
        )
    if known.len() < _FEWEST_ROWS:
        raise _too_few(known.len())
    _refuse_no_features(dataset)


def _refuse_no_features(dataset: Dataset) -> None:
    usable = [column for column in dataset.schema.columns if column.role in (Role.FEATURE, Role.TIME)]
    if not usable:
        raise DataError(
            "No column is left to learn from: every one is the target, an id, empty, constant or ignored.",
            code="data.no_features",
            hint="name columns in features.categorical or features.numerical",
            subject="features",
        )


def _too_few(rows: int) -> DataError:
    return DataError(
        f"Only {rows} rows can be used; at least {_FEWEST_ROWS} are needed.",
        code="data.too_few_rows",
        hint="bring more rows; below about 200 no estimate is worth much",
        subject="data",
    )


def _task(known: pl.Series, column: Column, declared: Task | None) -> _Said:
    found = _inferred(known, column)
    if declared is None or declared is found.task:
        return found if declared is None else _Said(declared, "declared in model.task")
    values = known.n_unique()
    if not declared.has_target:
        return _Said(declared, "declared in model.task")
    wrong = (
        (declared is Task.REGRESSION and column.type not in (ColumnType.NUMBER, ColumnType.BOOLEAN))
        or (declared is Task.BINARY and values != 2)
        or (declared is Task.MULTICLASS and values < 3)
    )
    if wrong:
        raise DataError(
            f"The target '{column.name}' ({column.type.value}, {values:,} values) does not fit "
            f"model.task: {declared.value}.",
            code="data.task_mismatch",
            hint=f"use model.task: {found.task.value}",
            subject=f"column:{column.name}",
        )
    return _Said(declared, "declared in model.task")


def _inferred(known: pl.Series, column: Column) -> _Said:
    values, name = known.n_unique(), column.name
    if column.type is ColumnType.DATETIME:
        raise DataError(
            f"The target '{name}' holds dates; a date cannot be predicted as it is.",
            code="data.task_mismatch",
            hint="derive a number from it (days until ...) or a class (before or after ...)",
            subject=f"column:{name}",
        )
    if values == 2:
        return _Said(Task.BINARY, f"'{name}' has two values")
    if column.type is ColumnType.NUMBER:
        whole = known.dtype.is_integer() or bool((known == known.round(0)).all())
        if whole and values <= _NUMERIC_CLASSES and values <= 0.1 * known.len():
            return _Said(
                Task.MULTICLASS,
                f"'{name}' has {values} whole-number values; if they measure, set model.task: regression",
            )
        return _Said(Task.REGRESSION, f"'{name}' is a number with {values:,} values")
    if values > _MOST_CLASSES or values > 0.5 * known.len():
        raise DataError(
            f"The target '{name}' has {values:,} different texts in {known.len():,} rows: that names rows.",
            code="data.too_many_classes",
            hint="choose a target with classes that repeat",
            subject=f"column:{name}",
        )
    return _Said(Task.MULTICLASS, f"'{name}' has {values} classes")


def _classes(known: pl.Series, target: str) -> dict[str, int]:
    counted = labels(known).rename("label").value_counts(name="rows").sort(["rows", "label"], descending=[True, False])
    found = dict(zip(counted["label"].to_list(), counted["rows"].to_list(), strict=True))
    alone = [label for label, rows in found.items() if rows < 3]
    if alone:
        raise DataError(
            f"The class '{alone[0]}' of '{target}' has {found[alone[0]]} row{'s' * (found[alone[0]] > 1)}: too few to "
            "appear in train, val and test.",
            code="data.rare_class",
            hint=f"merge it with another class, or leave {'its rows' if len(alone) == 1 else 'such classes'} out",
            subject=f"column:{target}",
        )
    return found


def _positive(classes: Mapping[str, int], spec: Spec, target: str) -> str:
    names = list(classes)
    if spec.model.positive is not None:
        if spec.model.positive not in names:
            raise DataError(
                f"model.positive is '{spec.model.positive}', but '{target}' holds {names[0]!r} and {names[1]!r}.",
                code="data.unknown_class",
                hint=f"use one of {', '.join(names)}",
                subject="model.positive",
            )
        return spec.model.positive
    worded = [name for name in names if name.lower() in _POSITIVE_WORDS]
    return worded[0] if len(worded) == 1 else names[-1]


def _metric(task: Task, classes: Mapping[str, int], positive: str | None) -> tuple[str, str]:
    if task is Task.BINARY:
        share = classes[positive or ""] / sum(classes.values())
        rarer = min(classes.values()) / sum(classes.values())
        if rarer < _RARE:
            return "average_precision", f"the rarer class is {rarer:.1%} of rows, where ROC AUC flatters"
        return "roc_auc", f"'{positive}' is {share:.1%} of rows: ranking is what matters, whatever the threshold"
    if task is Task.MULTICLASS:
        return "f1_macro", f"{len(classes)} classes, each of which counts the same"
    return "rmse", "errors in the target's own unit, large ones counting more"


def propose_split(dataset: Dataset, spec: Spec, task: Task) -> SplitSummary:
    """Which kind of split, and why; the rows themselves are divided in `data.split`."""
    kind, reason = spec.data.split.kind, "declared in data.split.kind"
    if spec.data.split.custom is not None:
        kind, reason = SplitKind.AUTO, f"by {spec.data.split.custom}"
    elif kind is SplitKind.AUTO:
        kind, reason = _kind(dataset, task)
    shares = (spec.data.train_split, spec.data.val_split, spec.data.test_split)
    rows = [round(share * dataset.n_rows) for share in shares]
    return SplitSummary(
        kind="custom" if spec.data.split.custom else kind.value,
        reason=reason,
        rows={"train": rows[0], "val": rows[1], "test": dataset.n_rows - rows[0] - rows[1]},
    )


def _kind(dataset: Dataset, task: Task) -> tuple[SplitKind, str]:
    time = next(iter(dataset.schema.with_role(Role.TIME)), None)
    group = next(iter(dataset.schema.with_role(Role.GROUP)), None)
    if time is not None and group is not None:
        return SplitKind.GROUP_TIME, f"rows are known at '{time.name}' and belong to '{group.name}'"
    if time is not None:
        return SplitKind.TIME, f"rows are known at '{time.name}': later rows must not teach about earlier ones"
    if group is not None:
        return SplitKind.GROUP, f"rows of one '{group.name}' resemble each other and stay on one side"
    if task.is_classification:
        return SplitKind.STRATIFIED, "no time or group column is known; each part keeps the class shares"
    return SplitKind.RANDOM, "no time or group column is known"


def _notes(dataset: Dataset, target: str, known: pl.Series, task: Task, classes: Mapping[str, int]) -> list[str]:
    notes = []
    missing = dataset.n_rows - known.len()
    if missing:
        notes.append(f"{missing:,} rows have no '{target}' and will be left out")
    if known.len() < _FEW_ROWS:
        notes.append(f"{known.len()} rows are few: every figure will come with a wide interval")
    if task.is_classification and min(classes.values()) < 30:
        rare = min(classes, key=lambda name: classes[name])
        notes.append(f"the class '{rare}' has {classes[rare]} rows, too few to judge alone")
    names = {column.name.lower() for column in dataset.schema.columns}
    if {"month", "day"} <= names and not dataset.schema.with_role(Role.TIME):
        notes.append("columns month and day look like parts of a date: if rows were known over time, say so")
    if task is Task.REGRESSION:
        highest = float(known.max())  # type: ignore[arg-type]
        top = int((known == highest).sum())
        if top > 0.02 * known.len() and known.n_unique() > 50:
            notes.append(f"{top:,} rows share the highest '{target}' ({highest:g}): it looks capped there")
    return notes
