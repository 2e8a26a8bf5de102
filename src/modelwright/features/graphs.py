"""Pieces of dataflow graph that several steps share; see `core.ports.GraphBuilder` for the conventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder


class Overlay:
    """A builder that also knows the columns which earlier steps of the pipeline made."""

    def __init__(self, builder: GraphBuilder, made: Mapping[str, str]) -> None:
        self._builder = builder
        self._made = made

    def column(self, name: str, kind: ColumnType) -> str:
        return self._made[name] if name in self._made else self._builder.column(name, kind)

    def constant(self, array: NDArray[Any]) -> str:
        return self._builder.constant(array)

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        return self._builder.op(kind, *inputs, domain=domain, **attributes)


def scalar(builder: GraphBuilder, value: float) -> str:
    """A float64 constant that broadcasts against (n, k)."""
    return builder.constant(np.array([[value]], dtype=np.float64))


def finite(builder: GraphBuilder, x: str) -> str:
    """Infinity becomes NaN, as in every other road: x - x is 0 for finite numbers only."""
    odd = builder.op("IsNaN", builder.op("Sub", x, x))
    return builder.op("Where", odd, scalar(builder, float("nan")), x)


def number_column(builder: GraphBuilder, name: str, kind: ColumnType = ColumnType.NUMBER) -> str:
    return finite(builder, builder.column(name, kind))


def gather(builder: GraphBuilder, column: str, keys: Sequence[str], table: NDArray[np.float64]) -> str:
    """Rows of a table (len(keys) + 1, k) by text; the last row is the answer for unseen texts."""
    index = builder.op(
        "LabelEncoder",
        column,
        domain="ai.onnx.ml",
        keys_strings=list(keys) or ["\x00"],
        values_int64s=list(range(len(keys))) or [0],
        default_int64=len(keys),
    )
    flat = builder.op("Reshape", index, builder.constant(np.array([-1], dtype=np.int64)))
    return builder.op("Gather", builder.constant(np.ascontiguousarray(table)), flat, axis=0)


def concat(builder: GraphBuilder, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else builder.op("Concat", *parts, axis=1)


def unsupported(what: str, subject: str = "") -> ModelError:
    return ModelError(
        f"{what} cannot be written as a graph.",
        code="graph.unsupported",
        hint="the compiled or the reference scorer serves this model",
        subject=subject,
    )
