"""Which columns say when a row was known: a moment, parts of a date, or a count of steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.once import once
from modelwright.checks.strengths import numbers
from modelwright.core.nouns import ColumnType, Role
from modelwright.core.tables import Dataset
from modelwright.data.roles import NOT_ROW_TIME

_FEWEST_MOMENTS = 5
#: parts of a date, coarsest first, with the names they go by
_PARTS = (
    ("year", re.compile(r"^(yr|year|jahr)$", re.I)),
    ("month", re.compile(r"^(mon|mnth|mth|month|month_?(no|num|number|of_?year))$", re.I)),
    ("week", re.compile(r"^(week|wk|week_?(no|num|of_?year))$", re.I)),
    ("day", re.compile(r"^(day|dom|mday|day_?of_?month|yday|day_?of_?year)$", re.I)),
    ("hour", re.compile(r"^(hr|hour|hour_?of_?day)$", re.I)),
    ("minute", re.compile(r"^(min|minute)$", re.I)),
)
_STEP = re.compile(
    r"^(t|ts|step|tick|epoch|period|time|timestamp|date|time_?(step|stamp|index|id|period|point)|seq|sequence|"
    r"(day|week|month|hour|date|period|round|wave|cycle|session|batch)_?(no|num|nr|number|index|idx|id|seq)|"
    r"(days|weeks|months|hours|seconds)_?(since|elapsed|from).*|yyyymm(dd)?|year_?month|elapsed.*|wave|cycle|instant)$",
    re.I,
)
#: counts that go beyond their cycle: day 412 is no day of a month
_COUNT = re.compile(r"^(day|week|month|hour|minute|second|days|weeks|months|hours|index|order|turn|n)$", re.I)
_LONGEST_CYCLE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """times: (n,) ascending with time, NaN where unknown."""

    label: str
    times: NDArray[np.float64]
    columns: tuple[str, ...]


def clocks(dataset: Dataset) -> list[Clock]:
    """The most telling first: the column with the role of time, other moments, parts of a date, counts of steps."""
    return once(dataset, "clocks", lambda: _clocks(dataset))


def _clocks(dataset: Dataset) -> list[Clock]:
    found = []
    there = frozenset(dataset.frame.columns)  # asked once: polars makes the list anew each time
    for column in sorted(dataset.schema.columns, key=lambda one: one.role is not Role.TIME):
        if column.name not in there or column.role is Role.TARGET:
            continue
        moment = column.type is ColumnType.DATETIME and not NOT_ROW_TIME.search(column.name)
        series = dataset.frame[column.name]
        step = (
            column.type is ColumnType.NUMBER
            and not series.dtype.is_float()
            and bool(_STEP.search(column.name) or (_COUNT.search(column.name) and series.n_unique() > _LONGEST_CYCLE))
        )
        if column.role is Role.TIME or moment or step:
            found.append(Clock(label=f"'{column.name}'", times=numbers(series), columns=(column.name,)))
    parts = _of_parts(dataset)
    if parts is not None:
        found.append(parts)
    return [one for one in found if _tells(one)]


def _tells(clock: Clock) -> bool:
    known = clock.times[np.isfinite(clock.times)]
    return known.size >= 0.9 * clock.times.size and np.unique(known).size >= _FEWEST_MOMENTS


def _of_parts(dataset: Dataset) -> Clock | None:
    """Year with month, week or day; or month with day: one number that grows with time."""
    held: list[tuple[str, str]] = []
    there = frozenset(dataset.frame.columns)
    for part, pattern in _PARTS:
        for column in dataset.schema.columns:
            usable = column.role in (Role.FEATURE, Role.IGNORED) and column.name in there
            if usable and pattern.search(column.name) and _whole(dataset, column.name):
                held.append((part, column.name))
                break
    parts = [part for part, _ in held]
    if len(held) < 2 or parts[0] not in ("year", "month") or parts[1] not in ("month", "week", "day"):
        return None
    times = np.zeros(dataset.n_rows)
    for _, name in held:
        values = numbers(dataset.frame[name])
        known = values[np.isfinite(values)]
        if known.size == 0:
            return None
        times = times * (float(known.max() - known.min()) + 1) + values - float(known.min())
    return Clock(label=" and ".join(f"'{name}'" for _, name in held), times=times, columns=tuple(n for _, n in held))


def _whole(dataset: Dataset, name: str) -> bool:
    dtype = dataset.frame[name].dtype
    return dtype.is_integer() or dtype == pl.Boolean
