"""Turn what was seen in a table into a pipeline.yaml that says it: roles, split, metric, each with its reason."""

from __future__ import annotations

import os
from pathlib import Path

from modelwright.core.nouns import Column, ColumnType, Role
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset
from modelwright.spec.model import DataSpec, EvaluationSpec, FeaturesSpec, ModelSpec, Spec, SplitKind, SplitSpec

#: beyond this many columns the lists would bury the file; roles are then left to be inferred on each run
_LISTED_COLUMNS = 200


def propose(
    dataset: Dataset, problem: Problem, source: str, folder: Path, *, table: str | None = None
) -> tuple[Spec, dict[str, str]]:
    """A spec, and comments by dotted path (`features.categorical`) that give the reasons."""
    schema = dataset.schema
    listed = len(schema.columns) <= _LISTED_COLUMNS
    time, group = _first(schema.with_role(Role.TIME)), _first(schema.with_role(Role.GROUP))
    kind = SplitKind(problem.split.kind) if problem.split else SplitKind.AUTO
    spec = Spec(
        data=DataSpec(source=_relative(source, folder), table=table, split=SplitSpec(kind=kind)),
        features=FeaturesSpec(
            target=problem.target,
            categorical=_named(schema.features, ColumnType.CATEGORY, ColumnType.BOOLEAN) if listed else None,
            numerical=_named(schema.features, ColumnType.NUMBER) if listed else None,
            text=(_named(schema.features, ColumnType.TEXT) or None) if listed else None,
            dates=(_named(schema.features, ColumnType.DATETIME) or None) if listed else None,
            id=[column.name for column in schema.with_role(Role.ID)],
            ignore=[column.name for column in schema.with_role(Role.IGNORED)],
            time=time.name if time else None,
            group=group.name if group else None,
        ),
        model=ModelSpec(task=problem.task, positive=problem.positive),
        evaluation=EvaluationSpec(metric=problem.metric),
    )
    return spec, _comments(dataset, problem, time, group)


def _comments(dataset: Dataset, problem: Problem, time: Column | None, group: Column | None) -> dict[str, str]:
    comments = {
        "": f"{dataset.n_rows:,} rows, {len(dataset.schema.columns)} columns. Run it with: modelwright run",
        "model.task": problem.reason,
        "evaluation.metric": problem.metric_reason,
    }
    if problem.simpler:
        comments["model"] = problem.simpler
    if problem.split is not None:
        comments["data.split"] = problem.split.reason
    for path, columns in (
        ("features.id", dataset.schema.with_role(Role.ID)),
        ("features.ignore", dataset.schema.with_role(Role.IGNORED)),
        ("features.time", (time,) if time else ()),
        ("features.group", (group,) if group else ()),
    ):
        reasons = [f"{column.name}: {column.reason}" for column in columns if column.reason]
        if reasons:
            comments[path] = "; ".join(reasons)
    return comments


def _named(columns: tuple[Column, ...], *types: ColumnType) -> list[str]:
    return [column.name for column in columns if column.type in types]


def _first(columns: tuple[Column, ...]) -> Column | None:
    return columns[0] if columns else None


def _relative(source: str, folder: Path) -> str:
    """A local path as seen from the folder of the file, so that both can be moved together."""
    if "://" in source or source.startswith("sklearn:") or Path(source).is_absolute():
        return source
    return Path(os.path.relpath(Path(source).absolute(), folder.absolute())).as_posix()
