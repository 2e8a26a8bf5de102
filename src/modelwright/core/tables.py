"""Tables and matrices: the nouns that hold polars or numpy objects.

Types are imported for the type checker only, so that importing core loads neither library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelwright.core.nouns import Schema

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Coercion:
    """Values of one column that could not keep their declared type and became missing, or were rewritten."""

    column: str
    count: int
    what: str  # "11 blank texts became missing"
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One physical row that could not be read; never dropped silently."""

    line: int  # 1-based line (text formats) or row number
    reason: str
    content: str  # first 500 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """What a source returns: columns as the file has them, plus what could not be read."""

    frame: pl.DataFrame
    #: digest of the bytes (files) or of the rows (databases); names the dataset version
    digest: str
    source: str  # as the user wrote it, secrets removed
    size_bytes: int | None = None
    quarantined: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()
    sample_rate: float = 1.0  # share of the rows that were drawn while reading
    counters: tuple[str, ...] = ()  # columns that count the rows of the table they were drawn from, one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A table whose columns conform to its schema.

    Storage by type: number -> Float64 or Int64 (finite or null, never NaN), boolean -> Boolean,
    category and text -> String (null for missing and for the empty text), datetime -> Datetime("us"),
    naive UTC.
    """

    frame: pl.DataFrame
    schema: Schema
    digest: str
    source: str = ""
    coercions: tuple[Coercion, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        return self.frame.height

    def take(self, rows: NDArray[np.int64]) -> Dataset:
        """The given rows in the given order, same schema and digest."""
        return Dataset(frame=self.frame[rows], schema=self.schema, digest=self.digest, source=self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What a family sees: float64, C-contiguous, shape (n_rows, n_features); NaN is missing.

    `categorical` holds the positions of columns that carry integer codes (0..k-1, NaN for missing or unseen).
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()

    def rows(self, index: NDArray[np.int64]) -> Matrix:
        return Matrix(values=self.values[index], names=self.names, categorical=self.categorical)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything a fitted part has learned, as data: arrays, JSON values, and native model texts.

    A bundle stores `arrays` as safetensors, `meta` as canonical JSON, `texts` as UTF-8 files.
    """

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a model says of n rows.

    classification: `probabilities` (n, n_classes) and `labels` (n,) as positions in `classes`;
    regression and anomaly: `values` (n,); clustering: `labels` (n,).
    """

    classes: tuple[str, ...] = ()
    probabilities: NDArray[np.float64] | None = None
    labels: NDArray[np.int64] | None = None
    values: NDArray[np.float64] | None = None

    @property
    def n_rows(self) -> int:
        for array in (self.probabilities, self.labels, self.values):
            if array is not None:
                return int(array.shape[0])
        return 0

    def rows(self, index: NDArray[np.int64]) -> Predictions:
        """The given rows in the given order."""
        return Predictions(
            classes=self.classes,
            probabilities=None if self.probabilities is None else self.probabilities[index],
            labels=None if self.labels is None else self.labels[index],
            values=None if self.values is None else self.values[index],
        )
