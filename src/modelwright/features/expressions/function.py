"""What a function of the language is, and the pieces its three forms share.

Numbers, booleans and datetimes (microseconds since 1970) are float64 with NaN for missing; texts are polars series
over columns, `str | None` in a row, and string tensors with "" for missing in a graph. A result that is not finite
is missing. Row functions use the same numpy kernels as column functions wherever libraries could round differently.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder
from modelwright.features.graphs import scalar

NAN = math.nan


@dataclass(frozen=True, slots=True)
class Function:
    """`takes`: the family of each argument (`number` takes booleans too; `same` means all alike; `any`); the last
    one repeats up to `most` arguments. `gives` None means the type of the last argument."""

    name: str
    takes: tuple[str, ...]
    gives: ColumnType | None
    column: Callable[..., Any]
    row: Callable[..., Any]
    graph: Callable[..., str]
    least: int = 1
    most: int = 1


def clean(values: Any) -> Any:
    return np.where(np.isfinite(values), values, NAN)


def keep(value: float) -> float:
    return value if value - value == 0.0 else NAN


def any_missing(*refs: str, builder: GraphBuilder) -> str:
    flags = [builder.op("IsNaN", ref) for ref in refs]
    return flags[0] if len(flags) == 1 else builder.op("Or", *flags)


def nan_where(builder: GraphBuilder, condition: str, x: str) -> str:
    return builder.op("Where", condition, scalar(builder, NAN), x)


def as_number(builder: GraphBuilder, flag: str) -> str:
    return builder.op("Cast", flag, to=11)


def op(kind: str) -> Callable[..., str]:
    return lambda builder, *refs: builder.op(kind, *refs)


def is_missing(builder: GraphBuilder, x: str, text: bool) -> str:
    return builder.op("Equal", x, builder.constant(np.array([[""]], dtype=object))) if text else builder.op("IsNaN", x)
