"""Infer what each column is (type) and what it is for (role), with the reason; declarations win over guesses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.errors import DataError
from modelwright.core.nouns import Column, ColumnType, Role, Schema
from modelwright.data import guesses, roles
from modelwright.data.named import check_named, listed, wanted_by_steps
from modelwright.spec.model import FeaturesSpec

if TYPE_CHECKING:
    import polars as pl

_LISTS = {
    "categorical": ColumnType.CATEGORY,
    "numerical": ColumnType.NUMBER,
    "text": ColumnType.TEXT,
    "dates": ColumnType.DATETIME,
}


def infer(
    frame: pl.DataFrame, features: FeaturesSpec, types: Mapping[str, ColumnType], counters: Collection[str] = ()
) -> Schema:
    """Types and roles of every column that can be stored (nested and binary ones are left out).

    With `categorical`, `numerical`, `text` or `dates` given, only those columns, and the inputs of derived
    columns, windows and crosses, are features. counters: columns known to have counted the rows of a larger table,
    from which these were drawn. Raises DataError when a named column does not exist.
    """
    check_named(frame.columns, features, types)
    declared = _declared(features, types)
    columns = []
    for name in frame.columns:
        if not guesses.storable(frame[name].dtype):
            _refuse_nested(name, declared, features)
            continue
        column = _column(frame[name], features, declared)
        if name in counters and name not in declared and _stated_role(name, features)[0] is None:
            column = guesses.as_counter(column)
        columns.append(column)
    columns = _restrict(columns, frame, features)
    return Schema(columns=tuple(roles.propose(frame, columns, features)))


def _declared(features: FeaturesSpec, types: Mapping[str, ColumnType]) -> dict[str, tuple[ColumnType, str]]:
    """Column -> declared type and where it was declared; `data.types` wins over the feature lists."""
    found: dict[str, tuple[ColumnType, str]] = {}
    for key, kind in _LISTS.items():
        for name in getattr(features, key) or ():
            found[name] = (kind, f"declared in features.{key}")
    if features.time is not None and features.time not in found:
        found[features.time] = (ColumnType.DATETIME, "declared as features.time")
    for name, kind in types.items():
        found[name] = (kind, "declared in data.types")
    return found


def _column(values: pl.Series, features: FeaturesSpec, declared: Mapping[str, tuple[ColumnType, str]]) -> Column:
    name = values.name
    is_target = name == features.target
    if name in declared:
        kind, reason = declared[name]
        column = guesses.as_declared(values, kind, reason)
        if name == features.time and reason == "declared as features.time" and not column.format:
            column = _time_as_stored(values, column)
    else:
        column = guesses.guess(values, is_target=is_target)
    role, why = _stated_role(name, features)
    if role is not None:
        return msgspec.structs.replace(column, role=role, reason=why or column.reason)
    if name in declared:
        return msgspec.structs.replace(column, role=Role.FEATURE)
    return column


def _time_as_stored(values: pl.Series, column: Column) -> Column:
    """A declared time column that only counts (1, 2, 3, ...) orders rows just as well: keep it a number."""
    found = guesses.guess(values, is_target=True)
    if found.type in (ColumnType.NUMBER, ColumnType.DATETIME):
        return msgspec.structs.replace(found, reason=column.reason)
    return column


def _stated_role(name: str, features: FeaturesSpec) -> tuple[Role | None, str]:
    if name == features.target:
        return Role.TARGET, ""
    if name in features.ignore:
        return Role.IGNORED, "declared in features.ignore"
    if name in features.id:
        return Role.ID, "declared in features.id"
    if name == features.time:
        return Role.TIME, "declared as features.time"
    if name == features.group:
        return Role.GROUP, "declared as features.group"
    return None, ""


def _restrict(columns: list[Column], frame: pl.DataFrame, features: FeaturesSpec) -> list[Column]:
    """Only what the spec lists stays a feature."""
    only = listed(features)
    if only is None:
        return columns
    only |= wanted_by_steps(frame.columns, features)
    return [
        msgspec.structs.replace(column, role=Role.IGNORED, reason="not listed in features")
        if column.role is Role.FEATURE and column.name not in only
        else column
        for column in columns
    ]


def _refuse_nested(name: str, declared: Mapping[str, tuple[ColumnType, str]], features: FeaturesSpec) -> None:
    if name in declared or name in (features.target, features.time, features.group):
        raise DataError(
            f"The column '{name}' holds nested or binary values, which cannot be learned from as they are.",
            code="data.nested_column",
            hint="flatten it into plain columns, for example in data.prepare, or list it in features.ignore",
            subject=f"column:{name}",
        )
