"""Operators and functions of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import GraphBuilder
from modelwright.features.expressions.function import (
    NAN,
    Function,
    any_missing,
    clean,
    keep,
    nan_where,
    op,
)
from modelwright.features.graphs import finite, scalar

#: the largest exponent whose power of e is finite in float64
_EXP_LIMIT = 709.782712893384


def _arithmetic(
    name: str, column: Callable[[Any, Any], Any], row: Callable[[float, float], float], graph: Callable[..., str]
) -> Function:
    return Function(
        name,
        ("number", "number"),
        ColumnType.NUMBER,
        lambda a, b: clean(column(a, b)),
        row,
        lambda builder, a, b: finite(builder, graph(builder, a, b)),
        least=2,
        most=2,
    )


def _power(a: float, b: float) -> float:
    with np.errstate(all="ignore"):
        return keep(float(np.power(a, b)))


def _graph_mod(builder: GraphBuilder, a: str, b: str) -> str:
    """Python's remainder, which has the sign of the divisor."""
    rest = builder.op("Mod", a, b, fmod=1)
    zero = scalar(builder, 0.0)
    turned = builder.op("Xor", builder.op("Less", rest, zero), builder.op("Less", b, zero))
    turned = builder.op("And", turned, builder.op("Not", builder.op("Equal", rest, zero)))
    result = builder.op("Where", turned, builder.op("Add", rest, b), rest)
    return nan_where(builder, builder.op("Equal", b, zero), result)


def _graph_floor_div(builder: GraphBuilder, a: str, b: str) -> str:
    quotient = builder.op("Div", builder.op("Sub", a, _graph_mod(builder, a, b)), b)
    whole = builder.op("Floor", quotient)
    above = builder.op("Greater", builder.op("Sub", quotient, whole), scalar(builder, 0.5))
    return builder.op("Where", above, builder.op("Add", whole, scalar(builder, 1.0)), whole)


ARITHMETIC = [
    _arithmetic("+", lambda a, b: a + b, lambda a, b: keep(a + b), op("Add")),
    _arithmetic("-", lambda a, b: a - b, lambda a, b: keep(a - b), op("Sub")),
    _arithmetic("*", lambda a, b: a * b, lambda a, b: keep(a * b), op("Mul")),
    _arithmetic("/", np.divide, lambda a, b: NAN if b == 0.0 else keep(a / b), op("Div")),
    _arithmetic("//", np.floor_divide, lambda a, b: NAN if b == 0.0 else keep(a // b), _graph_floor_div),
    _arithmetic("%", np.mod, lambda a, b: NAN if b == 0.0 else keep(a % b), _graph_mod),
    _arithmetic("**", np.power, _power, op("Pow")),
    Function("negative", ("number",), ColumnType.NUMBER, np.negative, lambda a: -a, op("Neg")),
]


def _one(name: str, kernel: Any, fits: Callable[[Any], Any], graph: Callable[..., str]) -> Function:
    """A function that is missing where `fits` is not true."""

    def column(x: Any) -> Any:
        good = fits(x)
        return clean(np.where(good, kernel(np.where(good, x, 1.0)), NAN))

    def row(x: float) -> float:
        return keep(float(kernel(x))) if fits(x) else NAN

    return Function(name, ("number",), ColumnType.NUMBER, column, row, lambda b, x: finite(b, graph(b, x)))


def _graph_log1p(builder: GraphBuilder, x: str) -> str:
    """W. Kahan's form, which keeps small x: log(u) * x / (u - 1) with u = 1 + x."""
    one = scalar(builder, 1.0)
    u = builder.op("Add", x, one)
    exact = builder.op("Equal", u, one)
    safe = builder.op("Where", exact, scalar(builder, 2.0), u)
    ratio = builder.op("Div", builder.op("Mul", builder.op("Log", safe), x), builder.op("Sub", safe, one))
    return builder.op("Where", exact, x, ratio)


ONE = [
    _one("log", np.log, lambda x: x > 0.0, op("Log")),
    _one("log1p", np.log1p, lambda x: x > -1.0, _graph_log1p),
    _one("exp", np.exp, lambda x: x <= _EXP_LIMIT, op("Exp")),
    _one("sqrt", np.sqrt, lambda x: x >= 0.0, op("Sqrt")),
    _one("abs", np.abs, lambda x: x == x, op("Abs")),
    _one("floor", np.floor, lambda x: x == x, op("Floor")),
    _one("ceil", np.ceil, lambda x: x == x, op("Ceil")),
]


def _round(x: Any, digits: Any = 0.0) -> Any:
    factor = np.power(10.0, digits)
    with np.errstate(all="ignore"):
        return clean(np.rint(x * factor) / factor)


def _graph_round(builder: GraphBuilder, x: str, digits: str | None = None) -> str:
    if digits is None:
        return builder.op("Round", x)
    factor = builder.op("Pow", scalar(builder, 10.0), digits)
    return finite(builder, builder.op("Div", builder.op("Round", builder.op("Mul", x, factor)), factor))


def _least(*values: float) -> float:
    return NAN if any(value != value for value in values) else min(values)


def _most(*values: float) -> float:
    return NAN if any(value != value for value in values) else max(values)


def _fold(kernel: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def fold(*values: Any) -> Any:
        result = values[0]
        for value in values[1:]:
            result = kernel(result, value)
        return result

    return fold


def _graph_extreme(kind: str) -> Callable[..., str]:
    """`kind` Less for the minimum, Greater for the maximum; missing when any is (ONNX leaves that open)."""

    def graph(builder: GraphBuilder, *refs: str) -> str:
        result = refs[0]
        for ref in refs[1:]:
            taken = builder.op("Where", builder.op(kind, ref, result), ref, result)
            result = nan_where(builder, any_missing(result, ref, builder=builder), taken)
        return result

    return graph


def _clip(x: float, low: float, high: float) -> float:
    return _least(_most(x, low), high)


def _graph_clip(builder: GraphBuilder, x: str, low: str, high: str) -> str:
    return _graph_extreme("Less")(builder, _graph_extreme("Greater")(builder, x, low), high)


SEVERAL = [
    Function(
        "round", ("number", "number"), ColumnType.NUMBER, _round, lambda *a: float(_round(*a)), _graph_round, 1, 2
    ),
    Function("min", ("number",), ColumnType.NUMBER, _fold(np.minimum), _least, _graph_extreme("Less"), 2, 10),
    Function("max", ("number",), ColumnType.NUMBER, _fold(np.maximum), _most, _graph_extreme("Greater"), 2, 10),
    Function(
        "clip",
        ("number",),
        ColumnType.NUMBER,
        lambda x, low, high: np.minimum(np.maximum(x, low), high),
        _clip,
        _graph_clip,
        3,
        3,
    ),
]
