"""Settle a plan on the training rows: which encoder each column gets, and which columns are dropped and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.features.planner import MANY_LEVELS, FeaturePlan, listing
from modelwright.features.values import numbers

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

#: beyond this many levels a category is known by its counts and target rates only
MOST_LEVELS = 1_000
#: what one-hot keeps by name when a category has more than MANY_LEVELS
KEPT_LEVELS = 20
#: matrix columns that all text columns share
TEXT_WIDTH = 400
#: beyond this many category columns each one gets a single encoding, so that the matrix does not multiply
MANY_CATEGORIES = 500
#: one-hot columns that all category columns share: beyond it each one keeps fewer by name
ONE_HOT_WIDTH = 2_000


class Step(NamedTuple):
    """One encoder over some columns, with the parameters for its `Params`."""

    transformer: str
    columns: tuple[str, ...]
    params: dict[str, Any]


class Resolved(NamedTuple):
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def resolve(plan: FeaturePlan, frame: pl.DataFrame, types: dict[str, ColumnType]) -> Resolved:
    """`types`: the columns to encode, in order; `frame` holds the training rows with derived columns."""
    notes: list[str] = []
    alive, levels = _alive(frame, types, notes)
    by_type = {kind: [name for name in alive if types[name] is kind] for kind in ColumnType}
    finish = {"impute": plan.imputed, "scale": plan.scaled}
    steps: list[Step] = []
    if names := by_type[ColumnType.NUMBER]:
        steps.append(Step("numeric", tuple(names), finish))
    if names := by_type[ColumnType.BOOLEAN]:
        steps.append(Step("boolean", tuple(names), {"impute": plan.imputed}))
    steps.extend(_dates(plan, by_type[ColumnType.DATETIME], finish))
    steps.extend(_categories(plan, {name: levels[name] for name in by_type[ColumnType.CATEGORY]}, notes))
    if names := by_type[ColumnType.TEXT]:
        vocabulary = max(10, min(200, TEXT_WIDTH // len(names)))
        steps.append(Step("text", tuple(names), {"vocabulary": vocabulary, "scale": plan.scaled}))
    return Resolved(tuple(steps), tuple(notes))


def _alive(frame: pl.DataFrame, types: dict[str, ColumnType], notes: list[str]) -> tuple[list[str], dict[str, int]]:
    """Columns that hold something to learn from, and the number of levels of each category."""
    empty: list[str] = []
    constant: list[str] = []
    alive: list[str] = []
    levels: dict[str, int] = {}
    for name, kind in types.items():
        distinct, missing = _distinct(frame, name, kind)
        levels[name] = distinct
        if distinct == 0:
            empty.append(name)
        elif distinct == 1 and not missing:
            constant.append(name)
        else:
            alive.append(name)
    if empty:
        notes.append(f"dropped, since every training value is missing: {listing(empty)}")
    if constant:
        notes.append(f"dropped, since all training rows hold the same value: {listing(constant)}")
    return alive, levels


def _distinct(frame: pl.DataFrame, name: str, kind: ColumnType) -> tuple[int, bool]:
    """Distinct known values (at most 2 counted, except for categories) and whether any value is missing."""
    if kind is ColumnType.NUMBER:
        values: NDArray[np.float64] = numbers(frame, (name,))[:, 0]
        known = values[~np.isnan(values)]
        return (0 if not known.size else 1 if known.min() == known.max() else 2), known.size < values.size
    series = frame[name]
    missing = series.null_count()
    if missing == series.len():
        return 0, True
    return (series.n_unique() - (missing > 0)), missing > 0


def _dates(plan: FeaturePlan, names: list[str], finish: dict[str, Any]) -> list[Step]:
    parts: dict[str, Any] = {} if plan.date_parts else {"parts": ()}
    plain = tuple(name for name in names if name != plan.time)
    steps = [Step("date_parts", plain, {**finish, **parts})] if plain else []
    if plan.time in names and plan.date_parts:
        # a model that knows the date itself learns the training period; the recurring parts carry over
        recurring = ("month", "day", "weekday", "hour", "minute", "weekend", "day of year")
        steps.append(Step("date_parts", (str(plan.time),), {**finish, "parts": recurring, "elapsed": False}))
    return steps


def _categories(plan: FeaturePlan, levels: dict[str, int], notes: list[str]) -> list[Step]:
    if not levels:
        return []
    if len(levels) > MANY_CATEGORIES:
        return _frugal(plan, levels, notes)
    many = [name for name, count in levels.items() if count > MANY_LEVELS]
    threshold = 2 if plan.target_rates else MANY_LEVELS
    rated = [name for name, count in levels.items() if count > threshold] if plan.rates_wanted else []
    direct = [name for name, count in levels.items() if count <= MOST_LEVELS or name not in rated]
    beyond = [name for name in levels if name not in direct]
    if beyond:
        notes.append(f"more than {MOST_LEVELS:,} levels, so counts and target rates only: {listing(beyond)}")
    steps = _direct(plan, direct, levels)
    if many:
        steps.append(Step("frequency", tuple(many), {"scale": plan.scaled}))
    if rated:
        steps.append(Step("target_rate", tuple(rated), {"scale": plan.scaled}))
    return steps


def _frugal(plan: FeaturePlan, levels: dict[str, int], notes: list[str]) -> list[Step]:
    """One or two matrix columns per category column."""
    notes.append(f"{len(levels):,} category columns, more than {MANY_CATEGORIES}, so one encoding for each")
    rated = tuple(name for name, count in levels.items() if count > MANY_LEVELS) if plan.rates_wanted else ()
    rest = tuple(name for name in levels if name not in set(rated))
    steps = [Step("target_rate", rated, {"scale": plan.scaled})] if rated else []
    if rest and plan.one_hot:
        steps.append(Step("one_hot", rest, {"max_categories": 1}))
    elif rest:
        steps.append(Step("codes", rest, {"impute": plan.imputed}))
    return steps


def _direct(plan: FeaturePlan, names: list[str], levels: dict[str, int]) -> list[Step]:
    if not names:
        return []
    if not plan.one_hot:
        return [Step("codes", tuple(names), {"impute": plan.imputed})]
    room = max(2, ONE_HOT_WIDTH // len(names))
    few = tuple(name for name in names if levels[name] <= MANY_LEVELS)
    more = tuple(name for name in names if levels[name] > MANY_LEVELS)
    steps = [Step("one_hot", few, {"max_categories": min(MANY_LEVELS, room)})] if few else []
    if more:
        steps.append(Step("one_hot", more, {"max_categories": min(KEPT_LEVELS, room), "min_rows": 2}))
    return steps
