"""Steps that add columns to the table before it is encoded: expressions, windows, crosses, custom functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Noun
from modelwright.core.ports import GraphBuilder
from modelwright.features import grouping
from modelwright.features.expressions import Expression, parse
from modelwright.features.graphs import unsupported
from modelwright.features.values import SEPARATOR, stored, words
from modelwright.features.windows import FittedWindow
from modelwright.spec.hooks import home as hooks_home
from modelwright.spec.hooks import resolve as resolve_hook

if TYPE_CHECKING:
    import polars as pl


class Maker(Protocol):
    """A fitted step that makes columns."""

    @property
    def kind(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""
        ...

    @property
    def makes(self) -> Mapping[str, ColumnType]: ...

    def extend(self, frame: pl.DataFrame) -> list[pl.Series]: ...

    def state(self) -> dict[str, Any]: ...

    def row(self) -> Callable[[Sequence[Any]], Any] | None:
        """From the values of `columns` to the one value it makes; None where a single row is not enough."""
        ...

    def graph(self, builder: GraphBuilder) -> str: ...

    def describe(self) -> str: ...


class DerivedMaker:
    kind = "expression"

    def __init__(self, name: str, text: str, known: Mapping[str, ColumnType]) -> None:
        self._name, self._text = name, text
        self._expression: Expression = parse(text, known)
        self.columns = self._expression.columns
        self.makes = {name: self._expression.type}
        self._known = {column: known[column] for column in self.columns}

    def extend(self, frame: pl.DataFrame) -> list[pl.Series]:
        return [self._expression.apply(frame).rename(self._name)]

    def state(self) -> dict[str, Any]:
        types = {name: kind.value for name, kind in self._known.items()}
        return {"name": self._name, "expression": self._text, "types": types}

    def row(self) -> Callable[[Sequence[Any]], Any]:
        return self._expression.row()

    def graph(self, builder: GraphBuilder) -> str:
        return self._expression.graph(builder)

    def describe(self) -> str:
        return f"derive {self._name} = {self._text}"


class CrossMaker:
    kind = "cross"

    def __init__(self, left: str, right: str) -> None:
        self.columns = (left, right)
        self._name = f"{left} x {right}"
        self.makes = {self._name: ColumnType.CATEGORY}

    def extend(self, frame: pl.DataFrame) -> list[pl.Series]:
        left, right = (words(frame[name]) for name in self.columns)
        both = left + SEPARATOR + right
        return [both.set(both == SEPARATOR, None).rename(self._name)]

    def state(self) -> dict[str, Any]:
        return {"columns": list(self.columns)}

    def row(self) -> Callable[[Sequence[Any]], Any]:
        def cross(values: Sequence[Any]) -> str | None:
            both = (values[0] or "") + SEPARATOR + (values[1] or "")
            return None if both == SEPARATOR else both

        return cross

    def graph(self, builder: GraphBuilder) -> str:
        left, right = (builder.column(name, ColumnType.CATEGORY) for name in self.columns)
        separator = builder.constant(np.array([[SEPARATOR]], dtype=object))
        both = builder.op("StringConcat", builder.op("StringConcat", left, separator), right)
        blank = builder.constant(np.array([[""]], dtype=object))
        return builder.op("Where", builder.op("Equal", both, separator), blank, both)

    def describe(self) -> str:
        return f"cross {self.columns[0]} with {self.columns[1]}"


class CustomMaker:
    """Columns made by the user's own function, `module:function`: a frame in, a frame of new columns out."""

    kind = "custom"

    def __init__(
        self, hook: str, columns: tuple[str, ...], makes: Mapping[str, ColumnType], base_dir: Path | None = None
    ) -> None:
        self.hook = hook
        self.columns, self.makes = columns, dict(makes)
        self._base_dir = base_dir

    @classmethod
    def fit(cls, hook: str, base_dir: Path, frame: pl.DataFrame) -> CustomMaker:
        result = cls(hook, tuple(frame.columns), {}, base_dir)._call(frame)
        taken = [name for name in result.columns if name in frame.columns]
        if taken:
            raise ModelError(
                f"The function {hook} returns the column '{taken[0]}', which exists already.",
                code="features.custom",
                hint="return new columns only, under new names",
                subject=hook,
            )
        return cls(hook, tuple(frame.columns), {series.name: _type_of(series) for series in result}, base_dir)

    def extend(self, frame: pl.DataFrame) -> list[pl.Series]:
        result = self._call(frame.select(self.columns))
        absent = [name for name in self.makes if name not in result.columns]
        if absent:
            raise ModelError(
                f"The function {self.hook} no longer returns the column '{absent[0]}'.",
                code="features.custom",
                hint="return the same columns for every table",
                subject=self.hook,
            )
        return [stored(result[name], kind) for name, kind in self.makes.items()]

    def _call(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        function = resolve_hook(self.hook, self._base_dir or hooks_home())
        try:
            result = function(frame)
        except Exception as error:  # the user's code may raise anything; the user gets one sentence
            raise ModelError(
                f"The function {self.hook} failed: {type(error).__name__}: {error}.",
                code="features.custom",
                hint="it is called with a polars frame of the feature columns",
                subject=self.hook,
            ) from error
        if not isinstance(result, pl.DataFrame) or result.height != frame.height:
            raise ModelError(
                f"The function {self.hook} must return a polars frame with one row per row it got.",
                code="features.custom",
                subject=self.hook,
            )
        return result

    def state(self) -> dict[str, Any]:
        makes = {name: kind.value for name, kind in self.makes.items()}
        return {"hook": self.hook, "columns": list(self.columns), "makes": makes}

    def row(self) -> None:
        return None

    def graph(self, builder: GraphBuilder) -> str:
        raise unsupported(f"The custom step {self.hook}", self.hook)

    def describe(self) -> str:
        return f"custom columns by {self.hook}: {', '.join(self.makes)}"


def _type_of(series: pl.Series) -> ColumnType:
    import polars as pl

    dtype = series.dtype
    if dtype == pl.Boolean:
        return ColumnType.BOOLEAN
    if dtype.is_numeric() or dtype == pl.Null:
        return ColumnType.NUMBER
    return ColumnType.DATETIME if dtype.is_temporal() else ColumnType.CATEGORY


class _Expression(Noun, frozen=True, kw_only=True):
    name: str
    expression: str
    types: dict[str, ColumnType]


class _Cross(Noun, frozen=True, kw_only=True):
    columns: tuple[str, str]


class _Custom(Noun, frozen=True, kw_only=True):
    hook: str
    columns: tuple[str, ...]
    makes: dict[str, ColumnType]


def restore_maker(kind: str, state: Mapping[str, Any], base_dir: Path | None = None) -> Maker:
    """Rebuild from JSON values; runs no custom code. base_dir: where `module:function` is looked up later, the
    current folder by default. Raises ModelError `model.state`."""
    try:
        if kind == "expression":
            expression = msgspec.convert(dict(state), _Expression)
            return DerivedMaker(expression.name, expression.expression, expression.types)
        if kind == "cross":
            return CrossMaker(*msgspec.convert(dict(state), _Cross).columns)
        if kind == "window":
            return FittedWindow.restore(state)
        if kind == "custom":
            custom = msgspec.convert(dict(state), _Custom)
            return CustomMaker(custom.hook, custom.columns, custom.makes, base_dir)
        grouped = grouping.restore(kind, state)
        if grouped is not None:
            return grouped
    except msgspec.ValidationError as error:
        raise ModelError(f"The state of a feature step is damaged: {error}.", code="model.state") from error
    raise ModelError(f"There is no feature step of the kind '{kind}'.", code="model.state")
