"""The seams: what a plugin of each kind must offer. One to four methods each; attributes are read-only.

A plugin is one file. Its file name is its name, its first line its one-sentence doc, its `Params` struct (where
the seam has one) the schema shown everywhere, its last line `PLUGIN: <Port> = ...`. A plugin file imports its
heavy library inside functions, so that listing and validating plugins stays fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec

from modelwright.core.nouns import ColumnType, Event, Finding, Task
from modelwright.core.tables import Matrix, Predictions, RawTable, State

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every plugin's parameters: frozen, strict; ranges by `Annotated[..., msgspec.Meta(ge=..., le=...)]`."""


# ---------------------------------------------------------------- search spaces


@dataclass(frozen=True, slots=True)
class Span:
    """A numeric search range, both ends included."""

    low: float
    high: float
    log: bool = False
    integer: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[Any, ...]


SearchSpace = Mapping[str, Span | Choice]


# ---------------------------------------------------------------- graphs (ONNX and friends)


@runtime_checkable
class GraphBuilder(Protocol):
    """Builds a dataflow graph without naming the library that will run it; the ops are ONNX's own.

    References are opaque strings. Every numeric tensor is float64 of shape (n, k); text tensors are (n, 1).
    """

    def column(self, name: str, kind: ColumnType) -> str:
        """The (n, 1) input tensor of a table column: float64 (missing = NaN; booleans 0/1; datetimes as
        microseconds since 1970 UTC) or string (missing = empty text)."""
        ...

    def constant(self, array: NDArray[Any]) -> str: ...

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append one operator and return its first output."""
        ...


# ---------------------------------------------------------------- families


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a family wants of its matrix; the feature planner obeys."""

    scaled: bool = False  # zero mean and unit variance wanted
    imputed: bool = False  # cannot take NaN
    one_hot: bool = False  # cannot use integer category codes (else codes are given, marked in Matrix.categorical)
    extra: str | None = None  # optional dependency, named as in pyproject
    max_rows: int | None = None  # `auto` skips the family above this
    min_rows: int = 0
    min_budget_s: float = 0.0  # `auto` skips the family below this budget


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainBatch:
    """Rows to learn from. y: float64 (n,) for regression, int64 positions in `classes` for classification,
    None without a target. `valid` is for early stopping only and never overlaps with the judged rows."""

    X: Matrix
    y: NDArray[Any] | None
    task: Task
    n_classes: int = 0
    weight: NDArray[np.float64] | None = None
    valid: tuple[Matrix, NDArray[Any]] | None = None
    #: two classes: what to learn instead of `y`, (n,) shares of class 1; only families with `soft_targets` get it
    soft: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitContext:
    """How to fit: the seed, one thread unless told otherwise, and a guard to call between rounds."""

    seed: int
    threads: int = 1
    #: where `module:function` hooks are looked up
    base_dir: Path = field(default_factory=Path)
    #: returns True when the fit must stop now and keep what it has
    should_stop: Callable[[], bool] = field(default=lambda: False)


@runtime_checkable
class Fitted(Protocol):
    """A fitted family. Deterministic; never mutates its input."""

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64. classification: probabilities (n, n_classes), binary too; regression: (n,);
        clustering: cluster numbers (n,); anomaly: scores (n,), higher is stranger."""
        ...

    def state(self) -> State:
        """Everything learned, as data. `restore(state).predict(X)` equals `predict(X)` to 1e-9."""
        ...


@runtime_checkable
class RowScored(Protocol):
    """Optional on a Fitted: the fast single-row call in float64."""

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        """A closure from one row, shape (k,), to `predict`'s row as floats (one float for scalar outputs)."""
        ...


@runtime_checkable
class Graphed(Protocol):
    """Optional on a Fitted or a transformer state: can say itself as a dataflow graph."""

    def graph(self, builder: GraphBuilder, x: str) -> str:
        """x: float64 (n, k). Returns probabilities (n, n_classes), or values (n, 1)."""
        ...


@runtime_checkable
class Contributing(Protocol):
    """Optional on a Fitted: exact additive contributions (TreeSHAP, coefficients)."""

    def contributions(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, k + 1), last column the base value, in margin (log-odds or value) space; for multiclass
        (n, n_classes, k + 1)."""
        ...


@runtime_checkable
class Family(Protocol):
    @property
    def Params(self) -> type[Params]: ...  # noqa: N802 - it is a class

    @property
    def tasks(self) -> frozenset[Task]: ...

    @property
    def needs(self) -> Needs: ...

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted: ...

    def restore(self, state: State) -> Fitted:
        """Rebuild from data alone. Checks structure first: raises ModelError on anything out of range."""
        ...

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        """Published default ranges for tuning."""
        ...


# ---------------------------------------------------------------- features


@runtime_checkable
class Transformer(Protocol):
    """Turns table columns into matrix columns. `fit` sees training rows only; what it learns is a Params-like
    struct that is JSON by construction, so the same state runs in training, batch and single-row serving."""

    @property
    def Params(self) -> type[Params]: ...  # noqa: N802 - it is a class

    @property
    def accepts(self) -> frozenset[ColumnType]: ...

    def fit(
        self, frame: pl.DataFrame, y: NDArray[Any] | None, params: Any, context: FitContext
    ) -> FittedTransformer: ...

    def restore(self, state: Mapping[str, Any]) -> FittedTransformer: ...


@runtime_checkable
class FittedTransformer(Protocol):
    @property
    def names(self) -> tuple[str, ...]:
        """Output column names, in order."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """For each output column the input column it is made of."""
        ...

    def apply(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """(n_rows, len(names)) float64, NaN for missing. Rows do not influence each other."""
        ...

    def state(self) -> dict[str, Any]:
        """JSON values only."""
        ...


@runtime_checkable
class RowApplied(Protocol):
    """Optional on a FittedTransformer: one row at Python speed, equal to `apply` bit for bit."""

    def row(self) -> Callable[[Sequence[Any]], Sequence[float]]:
        """A closure from the step's input values in column order (float | int | bool | str | datetime | None)
        to the output floats."""
        ...


@runtime_checkable
class GraphedTransformer(Protocol):
    """Optional on a FittedTransformer: the same as a dataflow graph over table columns."""

    def graph(self, builder: GraphBuilder) -> str:
        """Returns a float64 tensor (n, len(names))."""
        ...


# ---------------------------------------------------------------- metrics, checks


@runtime_checkable
class Metric(Protocol):
    """y: int64 class positions or float64 values, shape (n,). Binary: class position 1 is the positive one."""

    @property
    def tasks(self) -> frozenset[Task]: ...

    @property
    def greater_is_better(self) -> bool: ...

    @property
    def needs(self) -> str:
        """`labels`, `probabilities` or `values`."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other accepted spellings, scikit-learn's among them."""
        ...

    def score(self, y: NDArray[Any], predictions: Predictions, weight: NDArray[np.float64] | None = None) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A check's own proof: evidence that must fire (with the codes) or must not."""

    make: Callable[[], Any]
    codes: tuple[str, ...] = ()  # empty: must be silent


@runtime_checkable
class Check(Protocol):
    """Evidence in, findings out. Never raises on bad evidence; says `undecided` when it lacks some."""

    @property
    def codes(self) -> tuple[str, ...]: ...

    @property
    def examples(self) -> tuple[Example, ...]:
        """At least one that fires and one that stays silent."""
        ...

    def run(self, evidence: Any) -> Iterable[Finding]: ...


# ---------------------------------------------------------------- the outside world


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read. `columns` keeps only these; `types` are declared types and win over guesses."""

    types: Mapping[str, ColumnType] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    table: str | None = None  # SQL: a table name or a SELECT; Excel: the sheet
    max_bytes: int = 16 << 30
    encoding: str = "utf-8"
    sample_rate: float = 1.0  # share of rows to draw while reading
    seed: int = 0
    memory_bytes: int | None = None  # what the table may take: rows are drawn where it would take more
    group: str | None = None  # whole groups of this column are drawn
    target: str | None = None  # whose small classes are kept whole


@runtime_checkable
class Source(Protocol):
    """Reads one format. Text formats return every ambiguous column as String; `data` assigns types."""

    @property
    def suffixes(self) -> tuple[str, ...]: ...

    @property
    def schemes(self) -> tuple[str, ...]: ...

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        """`locations`: local file paths, or for scheme sources the one URI."""
        ...


@runtime_checkable
class Store(Protocol):
    """Brings remote objects to local files."""

    @property
    def schemes(self) -> tuple[str, ...]: ...

    def fetch(self, uri: str, into: Path, max_bytes: int) -> list[Path]:
        """Download the object, or all objects under a prefix or glob, in name order."""
        ...


@runtime_checkable
class Journal(Protocol):
    """Append-only events. Two methods; everything else is a fold."""

    def append(self, kind: str, subject: str, payload: Mapping[str, Any], *, expected: int | None = None) -> Event:
        """Append one event. With `expected`, StateError unless it is the last sequence number."""
        ...

    def read(self, after: int = 0) -> Iterable[Event]: ...


@runtime_checkable
class Tracker(Protocol):
    """Mirrors a finished run into somebody else's tracking system; never the source of truth."""

    def log_run(self, record: Mapping[str, Any], run_folder: Path, bundle: Path | None) -> str:
        """Returns where to look at it."""
        ...
