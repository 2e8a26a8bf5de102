"""The civil calendar as arithmetic on days since 1970: for arrays, single values and graphs alike.

Source: H. Hinnant, "chrono-compatible low-level date algorithms" (civil_from_days), in float64, where every
number is whole and far below 2**53, so all three roads agree exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import GraphBuilder
from modelwright.features.graphs import scalar
from modelwright.features.values import EPOCH

PARTS = ("year", "month", "day", "weekday", "hour", "minute", "weekend", "day of year")
US_PER_DAY = 86_400e6

_ROW: dict[str, Callable[[datetime], float]] = {
    "year": lambda at: float(at.year),
    "month": lambda at: float(at.month),
    "day": lambda at: float(at.day),
    "weekday": lambda at: float(at.weekday()),
    "hour": lambda at: float(at.hour),
    "minute": lambda at: float(at.minute),
    "weekend": lambda at: 1.0 if at.weekday() >= 5 else 0.0,
    "day of year": lambda at: float(at.timetuple().tm_yday),
}


def part_of(name: str) -> Callable[[datetime], float]:
    """The part of one datetime; weekday 0 is Monday."""
    return _ROW[name]


def from_microseconds(us: float) -> datetime | None:
    """The datetime, or None outside of years 1 to 9999."""
    try:
        return EPOCH + timedelta(microseconds=us)
    except (OverflowError, ValueError):
        return None


class _Arrays:
    """The few operations the algorithm needs, on numpy arrays."""

    def number(self, value: float) -> Any:
        return value

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def sub(self, a: Any, b: Any) -> Any:
        return a - b

    def mul(self, a: Any, b: Any) -> Any:
        return a * b

    def floor_div(self, a: Any, b: float) -> Any:
        return np.floor(a / b)

    def where_at_least(self, a: Any, limit: float, yes: Any, no: Any) -> Any:
        return np.where(a >= limit, yes, no)


class _Graph:
    """The same on graph references."""

    def __init__(self, builder: GraphBuilder) -> None:
        self._builder = builder

    def number(self, value: float) -> str:
        return scalar(self._builder, value)

    def add(self, a: Any, b: Any) -> str:
        return self._op("Add", a, b)

    def sub(self, a: Any, b: Any) -> str:
        return self._op("Sub", a, b)

    def mul(self, a: Any, b: Any) -> str:
        return self._op("Mul", a, b)

    def floor_div(self, a: Any, b: float) -> str:
        return self._builder.op("Floor", self._op("Div", a, b))

    def where_at_least(self, a: Any, limit: float, yes: Any, no: Any) -> str:
        return self._builder.op("Where", self._op("GreaterOrEqual", a, limit), self._ref(yes), self._ref(no))

    def _op(self, kind: str, a: Any, b: Any) -> str:
        return self._builder.op(kind, self._ref(a), self._ref(b))

    def _ref(self, value: Any) -> str:
        return value if isinstance(value, str) else self.number(value)


def parts_of(us: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, len(names)) parts of microseconds since 1970, shape (n,); NaN stays NaN."""
    found = _compute(_Arrays(), us, names)
    return np.stack([np.where(np.isnan(us), np.nan, found[name]) for name in names], axis=1)


def graph_parts(builder: GraphBuilder, us: str, names: tuple[str, ...]) -> list[str]:
    """One (n, 1) reference per part."""
    found = _compute(_Graph(builder), us, names)
    missing = builder.op("IsNaN", us)
    nan = scalar(builder, float("nan"))
    return [builder.op("Where", missing, nan, found[name]) for name in names]


def _compute(ops: Any, us: Any, names: tuple[str, ...]) -> dict[str, Any]:
    # to whole seconds first: a quotient of microseconds and a day could round up to the next day
    seconds = ops.floor_div(us, 1e6)
    days = ops.floor_div(seconds, 86_400.0)
    found: dict[str, Any] = {}
    if {"hour", "minute"} & set(names):
        in_day = ops.sub(seconds, ops.mul(days, 86_400.0))
        found["hour"] = ops.floor_div(in_day, 3_600.0)
        found["minute"] = ops.floor_div(ops.sub(in_day, ops.mul(found["hour"], 3_600.0)), 60.0)
    if {"weekday", "weekend"} & set(names):
        shifted = ops.add(days, 3.0)  # 1970-01-01 was a Thursday
        found["weekday"] = ops.sub(shifted, ops.mul(ops.floor_div(shifted, 7.0), 7.0))
        found["weekend"] = ops.where_at_least(found["weekday"], 5.0, 1.0, 0.0)
    if {"year", "month", "day", "day of year"} & set(names):
        _civil(ops, days, found)
    return found


def _civil(ops: Any, days: Any, found: dict[str, Any]) -> None:
    z = ops.add(days, 719_468.0)
    era = ops.floor_div(z, 146_097.0)
    doe = ops.sub(z, ops.mul(era, 146_097.0))
    leaps = ops.sub(ops.sub(ops.floor_div(doe, 36_524.0), ops.floor_div(doe, 1_460.0)), ops.floor_div(doe, 146_096.0))
    yoe = ops.floor_div(ops.add(doe, leaps), 365.0)
    year = ops.add(yoe, ops.mul(era, 400.0))
    day_of_era_year = ops.sub(ops.add(ops.mul(yoe, 365.0), ops.floor_div(yoe, 4.0)), ops.floor_div(yoe, 100.0))
    doy = ops.sub(doe, day_of_era_year)
    mp = ops.floor_div(ops.add(ops.mul(doy, 5.0), 2.0), 153.0)
    found["day"] = ops.add(ops.sub(doy, ops.floor_div(ops.add(ops.mul(mp, 153.0), 2.0), 5.0)), 1.0)
    found["month"] = ops.where_at_least(mp, 10.0, ops.sub(mp, 9.0), ops.add(mp, 3.0))
    # the algorithm's year starts in March: January and February belong to the next one
    found["year"] = ops.where_at_least(mp, 10.0, ops.add(year, 1.0), year)
    # day of year: days since 1 January, by the count of days before 1 January of that year
    before = ops.sub(found["year"], 1.0)
    leap_days = ops.add(ops.sub(ops.floor_div(before, 4.0), ops.floor_div(before, 100.0)), ops.floor_div(before, 400.0))
    first = ops.sub(ops.add(ops.mul(before, 365.0), leap_days), 719_162.0)
    found["day of year"] = ops.add(ops.sub(days, first), 1.0)
