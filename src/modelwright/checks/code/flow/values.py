"""Abstract values, and what happened to them: learned, fitted, split, predicted, judged; the graph that rules read."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from modelwright.checks.code.flow.rows import NOTHING, Rows

UNSET: Any = object()
Learned = frozenset["Learn"]
NO_LEARN: Learned = frozenset()
NO_FLAGS: frozenset[str] = frozenset()
NO_NAMES: frozenset[str] = frozenset()
DATA = frozenset(["frame", "series", "array", "tensor", "loader", "target", "prediction", "row"])


class Value:
    """One abstract value. Fields not set keep the class's defaults, so that making one is cheap."""

    kind: str = "unknown"
    cls: str = ""
    node: ast.AST | None = None
    rows: Rows = NOTHING
    learned: Learned = NO_LEARN
    #: what single columns learned, where that is known
    cols: dict[str, Learned] | None = None
    column: str = ""
    #: columns: the only ones known to be in, the ones known to be out, and whether others were cut unseen
    only: frozenset[str] | None = None
    lack: frozenset[str] = NO_NAMES
    partial: bool = False
    #: transformations applied, in order: ids of estimators, or names of functions
    steps: tuple[Hashable, ...] = ()
    exact: bool = True
    flags: frozenset[str] = NO_FLAGS
    colflags: dict[str, frozenset[str]] | None = None
    #: names of columns this was computed from
    origin: frozenset[str] = NO_NAMES
    fit: Fit | None = None
    preds: tuple[Predict, ...] = ()
    items: list[Value] | None = None
    table: dict[Hashable, Value] | None = None
    element: Value | None = None
    attrs: dict[str, Value] | None = None
    params: dict[str, Value] | None = None
    members: tuple[Value, ...] = ()
    alts: tuple[Value, ...] = ()
    func: Any = None
    scope: Any = None
    receiver: Value | None = None
    const: Any = UNSET
    target: bool = False
    loops: frozenset[ast.AST] = frozenset()
    #: statements where it was split or made, for the steps of a finding
    index: tuple[Hashable, Hashable, str, Rows] | None = None
    #: stretches of shuffled positions: which division, and which side of it
    picks: tuple[tuple[Hashable, Hashable], ...] = ()
    #: places that append to this list inside a loop
    sites: frozenset[ast.AST] = frozenset()
    order: int = 0
    serial: int = 0

    def __init__(self, kind: str = "unknown", **more: Any) -> None:
        if more:
            more["kind"] = kind
            self.__dict__ = more
        else:
            self.kind = kind

    def copy(self, **more: Any) -> Value:
        new = Value.__new__(Value)
        new.__dict__ = {**self.__dict__, **more} if more else self.__dict__.copy()
        return new

    def become(self, other: Value) -> None:
        """An in-place write: this object now holds what the other holds."""
        self.__dict__.clear()
        self.__dict__.update(other.__dict__)

    @property
    def is_data(self) -> bool:
        return self.kind in DATA or bool(self.rows)

    @property
    def contents(self) -> Iterable[Value]:
        if self.items is not None:
            return self.items
        if self.table is not None:
            return self.table.values()
        return (self.element,) if self.element is not None else ()

    @property
    def all_learned(self) -> Learned:
        """What this and its single columns learned."""
        learned = self.learned
        for more in (self.cols or {}).values():
            learned |= more
        return learned

    def __repr__(self) -> str:
        return f"<{self.kind} {self.cls} {self.const if self.const is not UNSET else ''}>"


UNKNOWN = Value("unknown")


def join(one: Value, two: Value) -> Value:
    """What is known whichever of two ways was taken."""
    if one is two:
        return one
    if one.kind in {"unknown", "scalar"} and not one.rows and two.is_data:
        return two
    if two.kind in {"unknown", "scalar"} and not two.rows and one.is_data:
        return one
    if one.is_data or two.is_data:
        return merge([one, two], exact=one.exact and two.exact and one.steps == two.steps)
    if one.kind in {"estimator", "module", "splitter"} and two.kind == one.kind:
        both = (*(one.alts or (one,)), *(two.alts or (two,)))
        return one if len(both) > 6 else two.copy(alts=tuple(dict.fromkeys(both)))
    if one.kind == "unknown":
        return two
    if two.kind == "unknown":
        return one
    if one.const is not UNSET and two.const is not UNSET:
        return Value("scalar", learned=one.learned | two.learned, loops=one.loops | two.loops)
    return two if one.learned <= two.learned else two.copy(learned=one.learned | two.learned)


def merge(values: Iterable[Value], **more: Any) -> Value:
    """One value computed from several, row by row: the first data value leads."""
    every = [value for value in values if value is not None]
    leader = next((value for value in every if value.is_data), every[0] if every else UNKNOWN)
    new = leader.copy()
    new.const = UNSET
    for value in every:
        if value is leader:
            continue
        if value.rows and leader.rows and value.rows != leader.rows and more.get("union", True):
            new.rows = new.rows | value.rows
        if value.learned:
            new.learned |= value.learned
        if value.cols:
            new.cols = {**value.cols, **(new.cols or {})}
        if value.flags:
            new.flags |= value.flags
        if value.origin:
            new.origin |= value.origin
        if value.loops:
            new.loops |= value.loops
        if value.preds:
            new.preds = tuple(dict.fromkeys((*new.preds, *value.preds)))
    more.pop("union", None)
    if more:
        new.__dict__.update(more)
    return new


# -- events ---------------------------------------------------------------------------------------------------------

Loops = tuple[ast.AST, ...]


@dataclass(eq=False, slots=True)
class Learn:
    """Something computed from many rows at once: a fitted step, a statistic, a resampled table."""

    node: ast.AST
    #: scaler, imputer, encoder, reducer, text, selector, sampler, statistic, group, augment, target, search, cluster
    kind: str
    cls: str
    rows: Rows
    order: int
    supervised: bool = False
    columns: frozenset[str] = frozenset()
    detail: str = ""
    of_target: bool = False
    scope: tuple[ast.AST, ...] = ()
    loops: Loops = ()


@dataclass(eq=False, slots=True)
class Fit:
    node: ast.AST
    est: Value
    cls: str
    x: Value
    y: Value | None
    order: int
    learned: Learned = NO_LEARN
    watched: Value | None = None  # the validation rows that were handed over
    watch_names: tuple[str, ...] = ()
    stops: bool = False  # early stopping or a checkpoint listens
    how: str = "fit"
    loops: Loops = ()
    knobs: frozenset[ast.AST] = frozenset()  # loops whose variable sets this model up
    before: Fit | None = None
    asked: int = 0
    nodes: tuple[ast.AST, ...] = ()

    @property
    def rows(self) -> Rows:
        return self.x.rows


@dataclass(eq=False, slots=True)
class Predict:
    node: ast.AST
    est: Value
    fit: Fit | None
    x: Value
    how: str  # predict, predict_proba, decision_function, call, score
    order: int
    training: bool = False  # its loss went backward
    judged: int = 0
    used: int = 0
    loops: Loops = ()

    @property
    def rows(self) -> Rows:
        return self.x.rows


@dataclass(eq=False, slots=True)
class Judge:
    node: ast.AST
    how: str  # metric, score, evaluate, cv, search
    name: str  # accuracy_score, score, cross_val_score
    rows: Rows
    preds: tuple[Predict, ...]
    order: int
    est: Value | None = None
    x: Value | None = None
    truth: Value | None = None
    asked: Value | None = None  # the prediction, as a value
    fit: Fit | None = None
    args: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    loops: Loops = ()
    result: Value | None = None
    #: what was done with the figure: kept (append, store), compared, chosen (max, argmax, if better), plotted
    read: set[str] = field(default_factory=set)
    read_at: ast.AST | None = None


@dataclass(eq=False, slots=True)
class Split:
    node: ast.AST
    how: str  # train_test_split, fold, slice, mask, sample, random_split
    key: Hashable
    inputs: tuple[Value, ...]
    order: int
    cls: str = ""
    seeded: bool = False
    shuffle: bool = True
    stratified: bool = False
    parts: tuple[Value, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    loops: Loops = ()
    knobs: frozenset[ast.AST] = frozenset()  # loops whose variable is the seed


@dataclass(eq=False, slots=True)
class Use:
    """A step that was applied: transform, inverse_transform."""

    node: ast.AST
    est: Value
    fit: Fit | None
    x: Value
    how: str
    order: int
