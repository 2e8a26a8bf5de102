"""Fit a plan on training rows, and apply what was learned to any later rows: as a table, a row or a graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core import plugins
from modelwright.core.errors import ModelError, did_you_mean
from modelwright.core.nouns import ColumnType, Noun
from modelwright.core.ports import FitContext, FittedTransformer, GraphBuilder, GraphedTransformer
from modelwright.core.tables import Matrix
from modelwright.features.decoded import Decoded, Listed, Reads, bound, keys_of, readable
from modelwright.features.deriving import CrossMaker, CustomMaker, DerivedMaker, Maker, restore_maker
from modelwright.features.encoding import Folds, encode
from modelwright.features.graphs import Overlay, concat, unsupported
from modelwright.features.planner import FeaturePlan, listing
from modelwright.features.rows import Plan
from modelwright.features.values import stored
from modelwright.features.windows import FittedWindow

if TYPE_CHECKING:
    import polars as pl

_FORMAT = 1


class _Step(NamedTuple):
    transformer: str
    columns: tuple[str, ...]
    fitted: FittedTransformer


class FittedFeatures:
    """Everything that turns table rows into matrix rows. Immutable; binds columns by name."""

    def __init__(
        self, inputs: Mapping[str, ColumnType], makers: Sequence[Maker], steps: Sequence[_Step], notes: Sequence[str]
    ) -> None:
        self._types = dict(inputs)
        self._makers = tuple(makers)
        self._steps = tuple(steps)
        self.notes = tuple(notes)
        self.columns: tuple[str, ...] = tuple(inputs)
        self.names = _unique([name for step in steps for name in step.fitted.names])
        self.categorical = _categorical(steps)
        #: for each matrix column the raw input columns it is made of; several for crosses, windows and the like
        self.sources = _sources(self.columns, makers, steps)

    @cached_property
    def _keys(self) -> dict[str, Hashable]:
        return keys_of(self._types, self._makers)

    @property
    def hooks(self) -> tuple[str, ...]:
        """Functions of the user's own that `transform` would call."""
        return tuple(maker.hook for maker in self._makers if isinstance(maker, CustomMaker))

    @property
    def by_row(self) -> bool:
        """Whether a row is transformed by itself, whatever the rows around it."""
        return all(maker.kind not in ("window", "custom") for maker in self._makers)

    @property
    def types(self) -> dict[str, ColumnType]:
        """The type of each column in `columns`."""
        return dict(self._types)

    def transform(self, frame: pl.DataFrame, decoded: Decoded | None = None) -> Matrix:
        """Rows of any table that has `columns`; order and further columns do not matter.

        decoded: what other feature sets have read of this very frame, to be shared with those that follow.
        Raises ModelError `model.missing_column`. Unreadable, unseen and infinite values have an answer each.
        """
        decoded = Decoded() if decoded is None else decoded
        cells = bound(frame, self._types, self._makers, self._keys, decoded, lambda name: _missing(name, frame.columns))
        blocks = [
            step.fitted.read(cells) if isinstance(step.fitted, Reads) else step.fitted.apply(cells.frame(step.columns))
            for step in self._steps
        ]
        return self._matrix(blocks, frame.height)

    def _matrix(self, blocks: list[NDArray[np.float64]], n_rows: int) -> Matrix:
        values = np.empty((n_rows, len(self.names)), dtype=np.float64)
        start = 0
        for block in blocks:
            values[:, start : start + block.shape[1]] = block
            start += block.shape[1]
        return Matrix(values=values, names=self.names, categorical=self.categorical)

    def describe(self) -> list[str]:
        """What runs, in order, with the columns each step reads and makes; then what was dropped."""
        lines = [maker.describe() for maker in self._makers]
        for step in self._steps:
            width = len(step.fitted.names)
            made = f"{step.transformer} ({width} column{'s' * (width != 1)}): {listing(list(step.columns))}"
            lines.append(made + _finishing(step.fitted.state()))
        return [*lines, *self.notes]

    def state(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "format": _FORMAT,
            "inputs": [{"name": name, "type": kind.value} for name, kind in self._types.items()],
            "makers": [{"kind": maker.kind, "state": maker.state()} for maker in self._makers],
            "steps": [
                {"transformer": step.transformer, "columns": list(step.columns), "state": step.fitted.state()}
                for step in self._steps
            ],
            "notes": list(self.notes),
        }

    def row(self) -> Callable[[Mapping[str, Any]], NDArray[np.float64]] | None:
        """A closure from one row to its matrix row, shape (k,), equal to `transform` bit for bit.

        None where a step needs more than the row itself (windows, custom functions) or cannot say itself so.
        The closure raises ModelError `model.missing_column`.
        """
        plan = Plan(self.columns, self._makers, [(step.columns, step.fitted) for step in self._steps])
        return plan.by_name(self._types, _missing) if plan.usable else None

    def packed(self, columns: Sequence[str]) -> Callable[[Sequence[Any]], bytes] | None:
        """A closure from the stored values of `columns`, which hold at least its own, to the bytes of a matrix row.

        Equal to `transform` bit for bit. None as for `row`.
        """
        plan = Plan(columns, self._makers, [(step.columns, step.fitted) for step in self._steps])
        return plan.packed() if plan.usable else None

    def listed(self, columns: Sequence[str]) -> Callable[[Sequence[Sequence[Any]]], NDArray[np.float64]] | None:
        """A closure from stored values, one sequence per name in `columns`, to the matrix rows (n, k), without a table.

        Equal to `transform` bit for bit. None where columns are made first, or a step reads more than values.
        """
        steps = [(step.columns, step.fitted) for step in self._steps]
        if self._makers or not all(readable(fitted, names, self._types) for names, fitted in steps):
            return None
        readers = [fitted for _, fitted in steps if isinstance(fitted, Reads)]

        def matrix(values: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
            cells = Listed(dict(zip(columns, values, strict=True)), len(values[0]))
            return self._matrix([fitted.read(cells) for fitted in readers], cells.height).values

        return matrix

    def graph(self, builder: GraphBuilder) -> str:
        """A float64 tensor (n, k). Raises ModelError `graph.unsupported` naming the step."""
        made: dict[str, str] = {}
        overlay = Overlay(builder, made)
        for maker in self._makers:
            made[next(iter(maker.makes), "")] = maker.graph(overlay)
        parts = []
        for step in self._steps:
            if not isinstance(step.fitted, GraphedTransformer):
                raise unsupported(f"The feature step '{step.transformer}'", f"transformer:{step.transformer}")
            parts.append(step.fitted.graph(overlay))
        return concat(builder, parts)


def fit(
    plan: FeaturePlan,
    frame: pl.DataFrame,
    y: NDArray[Any] | None,
    context: FitContext,
    folds: Folds | None = None,
) -> tuple[FittedFeatures, Matrix]:
    """Learn from training rows only: nothing else is passed in.

    y: as in `TrainBatch`. folds: (learn, judge) positions within `frame` for out-of-fold target rates; by default,
    and for rows that no fold judges, random parts drawn with the seed. The matrix is the training rows' own, and
    differs from `transform` of the same rows exactly in its target rates. Raises ModelError `features.none` when no
    column is of any use.
    """
    table = _bind(frame, plan.types)
    makers: list[Maker] = []
    encoded = {column.name: column.type for column in plan.inputs if column.encoded}
    known = plan.types
    for maker in _makers(plan, known, context.base_dir):
        made = maker if not callable(maker) else maker(table)
        makers.append(made)
        table = table.with_columns(made.extend(table))
        encoded.update(made.makes)
        known.update(made.makes)
    from modelwright.features import resolving

    settled = resolving.resolve(plan, table, encoded)
    wanted, notes = settled.steps, settled.notes
    if plan.recipe == "rich" and y is not None:
        from modelwright.features.choosing import choose

        chosen = choose(plan, table, known, encoded, y, context, folds)
        for more in chosen.makers:
            table = table.with_columns(more.extend(table))
        makers, wanted, notes = [*makers, *chosen.makers], (*wanted, *chosen.steps), (*notes, chosen.note)
    steps, blocks = [], []
    for step in wanted:
        fitted, block = encode(step, table, y, context, folds)
        if fitted.names:
            steps.append(_Step(step.transformer, step.columns, fitted))
            blocks.append(block)
    if not steps:
        raise ModelError(
            "No column is left to learn from.",
            code="features.none",
            hint="; ".join(notes) or "the table has no feature columns: check features.id and features.ignore",
            subject="features",
        )
    makers = _needed(makers, steps)
    used = {name for step in steps for name in step.columns} | {name for maker in makers for name in maker.columns}
    inputs = {name: kind for name, kind in plan.types.items() if name in used}
    features = FittedFeatures(inputs, makers, steps, notes)
    return features, features._matrix(blocks, frame.height)


class _SavedInput(Noun, frozen=True, kw_only=True):
    name: str
    type: ColumnType


class _SavedMaker(Noun, frozen=True, kw_only=True):
    kind: str
    state: dict[str, Any]


class _SavedStep(Noun, frozen=True, kw_only=True):
    transformer: str
    columns: tuple[str, ...]
    state: dict[str, Any]


class _Saved(Noun, frozen=True, kw_only=True):
    format: int
    inputs: tuple[_SavedInput, ...]
    makers: tuple[_SavedMaker, ...]
    steps: tuple[_SavedStep, ...]
    notes: tuple[str, ...] = ()


def restore(state: Mapping[str, Any], base_dir: Path | None = None) -> FittedFeatures:
    """Rebuild from JSON values; runs no custom code. base_dir: where `transform` then looks up custom functions, the
    current folder by default. Raises ModelError `model.state` on anything out of place."""
    try:
        saved = msgspec.convert(dict(state), _Saved)
    except msgspec.ValidationError as error:
        raise ModelError(f"The state of the features is damaged: {error}.", code="model.state") from error
    if saved.format != _FORMAT:
        raise ModelError(f"The features have format {saved.format}; this version reads {_FORMAT}.", code="model.state")
    makers = [restore_maker(maker.kind, maker.state, base_dir) for maker in saved.makers]
    known = {column.name for column in saved.inputs}
    for maker in makers:
        _require_known(maker.columns, known)
        known |= set(maker.makes)
    steps = []
    for step in saved.steps:
        _require_known(step.columns, known)
        steps.append(
            _Step(step.transformer, step.columns, plugins.load("transformers", step.transformer).restore(step.state))
        )
    return FittedFeatures({column.name: column.type for column in saved.inputs}, makers, steps, saved.notes)


def _require_known(columns: Sequence[str], known: set[str]) -> None:
    for name in columns:
        if name not in known:
            raise ModelError(f"A feature step reads the column '{name}', which nothing makes.", code="model.state")


def _makers(
    plan: FeaturePlan, known: Mapping[str, ColumnType], base_dir: Path
) -> list[Maker | Callable[[pl.DataFrame], Maker]]:
    """Derived columns, windows, crosses, custom: each is a maker, or learns to be one from the table so far."""
    found: list[Maker | Callable[[pl.DataFrame], Maker]] = []
    types = dict(known)
    for step in plan.derived:
        found.append(DerivedMaker(step.name, step.expression, types))
        types[step.name] = step.type
    for window in plan.windows:
        time = str(plan.time)
        found.append(partial(FittedWindow.fit, window, time, types))
    found.extend(CrossMaker(left, right) for left, right in plan.crosses)
    if plan.custom:
        found.append(partial(CustomMaker.fit, plan.custom, base_dir))
    return found


def _needed(makers: Sequence[Maker], steps: Sequence[_Step]) -> list[Maker]:
    """Makers whose columns some step or later maker reads; the rest were dropped as empty or constant."""
    wanted = {name for step in steps for name in step.columns}
    kept: list[Maker] = []
    for maker in reversed(makers):
        if wanted & set(maker.makes):
            kept.append(maker)
            wanted |= set(maker.columns)
    return kept[::-1]


def _bind(frame: pl.DataFrame, types: Mapping[str, ColumnType]) -> pl.DataFrame:
    import polars as pl

    have = set(frame.columns)
    for name in types:
        if name not in have:
            raise _missing(name, frame.columns)
    return pl.DataFrame([stored(frame[name], kind) for name, kind in types.items()])


def _missing(name: str, known: Sequence[str]) -> ModelError:
    return ModelError(
        f"The column '{name}' is missing; the model was trained with it.",
        code="model.missing_column",
        hint=did_you_mean(name, known),
        subject=f"column:{name}",
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    taken: dict[str, int] = {}
    result = []
    for name in names:
        taken[name] = taken.get(name, 0) + 1
        result.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return tuple(result)


def _sources(columns: Sequence[str], makers: Sequence[Maker], steps: Sequence[_Step]) -> tuple[tuple[str, ...], ...]:
    raw: dict[str, tuple[str, ...]] = {name: (name,) for name in columns}
    for maker in makers:
        read = tuple(dict.fromkeys(name for column in maker.columns for name in raw[column]))
        raw.update(dict.fromkeys(maker.makes, read))
    return tuple(raw[column] for step in steps for column in step.fitted.sources)


def _categorical(steps: Sequence[_Step]) -> tuple[int, ...]:
    found: list[int] = []
    start = 0
    for step in steps:
        found.extend(start + at for at in getattr(step.fitted, "categorical", ()))
        start += len(step.fitted.names)
    return tuple(found)


def _finishing(state: Mapping[str, Any]) -> str:
    """What is done to a step's numbers for families that need it, in words."""
    finish = state.get("finish")
    if not isinstance(finish, Mapping):
        return ""
    words = ["missing values imputed from training rows"] if finish.get("fill") else []
    words += ["scaled by training rows"] if finish.get("scale") else []
    return f"; {', '.join(words)}" if words else ""
