"""Decide which feature steps a family needs: the plan is data, ordered, and says itself in plain sentences.

What depends on the values (how many categories, which columns are constant) is settled by `features.resolving` on
the training rows; the plan holds the rules for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from modelwright.core.errors import SpecError, did_you_mean
from modelwright.core.nouns import ColumnType, Noun, Role, Schema, Task
from modelwright.core.ports import Needs
from modelwright.features.expressions import parse
from modelwright.spec.model import FeaturesSpec, WindowSpec

#: categories up to this many levels get a column each; more get counts and target rates
MANY_LEVELS = 30
#: target rates need rows to be learned from, unless the spec insists
MIN_ROWS_FOR_RATES = 1_000
#: below it what a feature adds drowns in noise
MIN_ROWS_FOR_RICH = 2_000


class Input(Noun, frozen=True, kw_only=True):
    """One column of the table that the steps may read."""

    name: str
    type: ColumnType
    #: read by steps only (windows, time); not encoded itself
    encoded: bool = True


class Derived(Noun, frozen=True, kw_only=True):
    name: str
    expression: str
    type: ColumnType
    columns: tuple[str, ...]


class FeaturePlan(Noun, frozen=True, kw_only=True):
    """Steps in order: derived columns, windows, crosses, custom columns, then encoders by column type."""

    inputs: tuple[Input, ...]
    derived: tuple[Derived, ...] = ()
    windows: tuple[WindowSpec, ...] = ()
    crosses: tuple[tuple[str, str], ...] = ()
    custom: str | None = None
    time: str | None = None
    date_parts: bool = True
    target_rates: bool | None = None
    scaled: bool = False
    imputed: bool = False
    one_hot: bool = False
    task: Task = Task.BINARY
    n_rows: int = 0
    #: rich: also features that help out of fold, chosen on the training rows (`features.choosing`)
    recipe: Literal["plain", "rich"] = "plain"

    @property
    def types(self) -> dict[str, ColumnType]:
        return {column.name: column.type for column in self.inputs}

    @property
    def rates_wanted(self) -> bool:
        """Target rates for categories of many levels."""
        by_size = self.n_rows >= MIN_ROWS_FOR_RATES
        return self.task.has_target and (by_size if self.target_rates is None else self.target_rates)

    @property
    def looks_at_target(self) -> bool:
        """Whether some step needs folds, so that no row sees its own target."""
        return self.rates_wanted or self.recipe == "rich"

    def describe(self) -> list[str]:
        """The steps in the order they run, one sentence each."""
        lines = [f"derive {step.name} = {step.expression}" for step in self.derived]
        lines += [
            f"window {window.name}: {window.aggregate} of {window.column} per {window.entity} over the {window.window} "
            f"before the row's own {self.time}"
            for window in self.windows
        ]
        lines += [f"cross {left} with {right}" for left, right in self.crosses]
        if self.custom:
            lines.append(f"custom columns by {self.custom}")
        kinds: dict[ColumnType, list[str]] = {}
        for column in self.inputs:
            if column.encoded:
                kinds.setdefault(column.type, []).append(column.name)
        for step in self.derived:
            kinds.setdefault(step.type, []).append(step.name)
        for window in self.windows:
            kinds.setdefault(ColumnType.NUMBER, []).append(window.name)
        for left, right in self.crosses:
            kinds.setdefault(ColumnType.CATEGORY, []).append(f"{left} x {right}")
        lines += [f"{self._how(kind)}: {listing(kinds[kind])}" for kind in ColumnType if kind in kinds]
        return lines

    def _how(self, kind: ColumnType) -> str:
        filled = ", missing filled with the median and marked" if self.imputed else ", missing kept as missing"
        scaled = ", scaled" if self.scaled else ""
        if kind is ColumnType.NUMBER:
            return f"numbers{filled}{scaled}"
        if kind is ColumnType.BOOLEAN:
            return "booleans as 0 and 1"
        if kind is ColumnType.CATEGORY:
            how = "one column per category" if self.one_hot else "integer codes"
            rates = ", out-of-fold target rates" if self.rates_wanted else ""
            return f"categories as {how}; beyond {MANY_LEVELS} levels also counts{rates}"
        if kind is ColumnType.TEXT:
            return "texts as TF-IDF of words and pairs, and length"
        return (
            f"dates as calendar parts and elapsed days{scaled}" if self.date_parts else f"dates as elapsed days{scaled}"
        )


def listing(names: list[str], most: int = 12) -> str:
    """Names for a sentence, shortened when there are many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def plan(schema: Schema, features: FeaturesSpec, needs: Needs, task: Task, n_rows: int) -> FeaturePlan:
    """Raises SpecError: `expression.*`, `features.unknown_column`, `features.target_used`, `features.window_time`,
    `features.window_column`, `features.cross`, `features.name_taken`."""
    readable = {column.name: column for column in schema.columns if column.role is not Role.TARGET}
    known = {name: column.type for name, column in readable.items()}
    derived = _derived(features.derived, known, schema)
    for window in features.windows:
        _check_window(window, known, schema, features)
        _claim(window.name, known, f"features.windows.{window.name}")
        known[window.name] = ColumnType.NUMBER
    crosses = tuple(_cross(pair, known, schema) for pair in features.crosses)
    time = schema.with_role(Role.TIME)
    used = {name for step in derived for name in step.columns} | {name for pair in crosses for name in pair}
    for window in features.windows:
        used |= {window.column, window.entity, *(column.name for column in time)}
    return FeaturePlan(
        inputs=_inputs(schema, used, features),
        derived=derived,
        windows=tuple(features.windows),
        crosses=crosses,
        custom=features.custom,
        time=time[0].name if time else None,
        date_parts=features.date_parts,
        target_rates=features.target_rates,
        scaled=needs.scaled,
        imputed=needs.imputed,
        one_hot=needs.one_hot,
        task=task,
        n_rows=n_rows,
    )


def _inputs(schema: Schema, used: set[str], features: FeaturesSpec) -> tuple[Input, ...]:
    inputs = []
    for column in schema.columns:
        clock = column.role is Role.TIME and column.type is ColumnType.DATETIME and features.date_parts
        if column.role is Role.FEATURE or clock:
            inputs.append(Input(name=column.name, type=column.type))
        elif column.name in used and column.role is not Role.TARGET:
            inputs.append(Input(name=column.name, type=column.type, encoded=False))
    return tuple(inputs)


def _derived(wanted: Mapping[str, str], known: dict[str, ColumnType], schema: Schema) -> tuple[Derived, ...]:
    steps = []
    for name, text in wanted.items():
        place = f"features.derived.{name}"
        try:
            expression = parse(text, known)
        except SpecError as error:
            error.subject = error.subject or place
            if schema.target is not None and error.code == "expression.unknown_column" and schema.target in text:
                raise _target_used(schema.target, place) from error
            raise
        _claim(name, known, place)
        steps.append(Derived(name=name, expression=text, type=expression.type, columns=expression.columns))
        known[name] = expression.type
    return tuple(steps)


def _claim(name: str, known: Mapping[str, ColumnType], place: str) -> None:
    if name in known:
        raise SpecError(
            f"There is a column named '{name}' already.",
            code="features.name_taken",
            hint=f"choose another name, such as '{name}_2'",
            subject=place,
        )


def _check_window(window: WindowSpec, known: Mapping[str, ColumnType], schema: Schema, features: FeaturesSpec) -> None:
    place = f"features.windows.{window.name}"
    time = schema.with_role(Role.TIME)
    if not time or time[0].type not in (ColumnType.DATETIME, ColumnType.NUMBER):
        raise SpecError(
            f"The window '{window.name}' needs to know when each row happened.",
            code="features.window_time",
            hint="name the column of dates (or of rising numbers) in features.time",
            subject=place,
        )
    if time[0].type is ColumnType.NUMBER and not window.window.endswith("rows"):
        raise SpecError(
            f"The window '{window.name}' spans {window.window}, but '{time[0].name}' holds numbers, not dates.",
            code="features.window_time",
            hint="use a window of rows, such as 10rows, or declare the time column a date",
            subject=place,
        )
    for name in (window.column, window.entity):
        _known(name, known, schema, place)
    if window.aggregate != "count" and known[window.column] not in (ColumnType.NUMBER, ColumnType.BOOLEAN):
        raise SpecError(
            f"The window '{window.name}' takes the {window.aggregate} of '{window.column}', which holds "
            f"{known[window.column].value} values.",
            code="features.window_column",
            hint="aggregate a number, or use aggregate: count",
            subject=place,
        )


def _cross(pair: list[str], known: Mapping[str, ColumnType], schema: Schema) -> tuple[str, str]:
    place = f"features.crosses.{' x '.join(pair)}"
    if len(pair) != 2 or pair[0] == pair[1]:
        raise SpecError(
            "A cross combines two different columns.",
            code="features.cross",
            hint="write it as [first, second]",
            subject=place,
        )
    for name in pair:
        _known(name, known, schema, place)
        if known[name] is not ColumnType.CATEGORY:
            raise SpecError(
                f"A cross combines categories, but '{name}' holds {known[name].value} values.",
                code="features.cross",
                hint=f"list '{name}' under features.categorical if its values name kinds",
                subject=place,
            )
    return pair[0], pair[1]


def _known(name: str, known: Mapping[str, ColumnType], schema: Schema, place: str) -> None:
    if name == schema.target:
        raise _target_used(name, place)
    if name not in known:
        raise SpecError(
            f"There is no column named '{name}'.",
            code="features.unknown_column",
            hint=did_you_mean(name, known),
            subject=place,
        )


def _target_used(target: str, place: str) -> SpecError:
    return SpecError(
        f"The target '{target}' cannot be part of a feature: it is not known when the model is asked.",
        code="features.target_used",
        hint="leave it out of features.derived, features.windows and features.crosses",
        subject=place,
    )


def with_recipe(made: FeaturePlan, recipe: Literal["plain", "rich"]) -> FeaturePlan:
    """The same plan under another recipe; without a target, or under MIN_ROWS_FOR_RICH rows, the plain one."""
    if recipe == "plain" or not made.task.has_target or made.n_rows < MIN_ROWS_FOR_RICH:
        return made
    return msgspec.structs.replace(made, recipe=recipe)


def as_plan(state: object) -> FeaturePlan:
    """A plan from JSON values."""
    return msgspec.convert(state, FeaturePlan)
