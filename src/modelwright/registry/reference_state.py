"""What the training data looked like, column by column, small enough to travel: the reference for monitoring.

Format 2. Numbers: rows per cell of a frozen grid, quantile bins over it, places for missing and out-of-range values.
Others: a table of labels, buckets for all other labels, a place for missing. Predictions and measured metrics beside
them. At most 50 kB a column; no label borne by fewer than 5 rows and no single value. Format 1 (bins only) is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Estimate, Signature
from modelwright.registry.reference_columns import BUCKETS, ColumnReference, Grid, bucket, freeze
from modelwright.registry.scorers import frame_schema

if TYPE_CHECKING:
    import polars as pl

    from modelwright.core.tables import Predictions

FILE = "reference.json"
MAX_COLUMN_BYTES = 50_000
_CATEGORIES, _MAX_LABEL, _MIN_ROWS = 500, 60, 5
_FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceState:
    """Columns by name; `predictions` are those of the model: `prediction` and `probability_<class>`."""

    n_rows: int
    columns: Mapping[str, ColumnReference]
    predictions: Mapping[str, ColumnReference] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    format: int = _FORMAT


def reference_state(
    frame: pl.DataFrame,
    signature: Signature,
    *,
    predictions: Predictions | None = None,
    metrics: Mapping[str, Mapping[str, Estimate]] | None = None,
    prior: Mapping[str, float] | None = None,
) -> bytes:
    """Canonical JSON of the reference; `frame` holds conformed training rows, `predictions` answers to rows that the
    model has not learned from; `prior` the share of each class in training, or the `median` of the target."""
    import polars as pl

    schema = frame_schema(signature)
    known = frame.select([pl.col(name).cast(kind, strict=False) for name, kind in schema.items()])
    columns = {field.name: _written(freeze_private(known[field.name], field.type)) for field in signature.inputs}
    answered = {} if predictions is None else _answers(predictions, signature)
    return canonical_json(
        {
            "format": _FORMAT,
            "n_rows": frame.height,
            "columns": columns,
            "predictions": {name: _written(column) for name, column in answered.items()},
            "metrics": msgspec.to_builtins(dict(metrics or {})),
            **({"prior": dict(prior)} if prior else {}),
        }
    )


def _answers(predictions: Predictions, signature: Signature) -> dict[str, ColumnReference]:
    from modelwright.registry import answers

    frame = answers.predictions_frame(signature, predictions)
    return {series.name: freeze_private(series, answer_type(series, signature)) for series in frame}


def answer_type(series: pl.Series, signature: Signature) -> ColumnType:
    """What an answer is, for its cells: classes are labels, all else numbers."""
    named = series.name == "prediction" and signature.task.is_classification
    return ColumnType.CATEGORY if named or not series.dtype.is_numeric() else ColumnType.NUMBER


def freeze_private(values: pl.Series, kind: ColumnType) -> ColumnReference:
    """A column as it may leave the training data; labels that are long or that few rows bear are not named."""
    import polars as pl

    if kind is ColumnType.BOOLEAN or kind is not ColumnType.CATEGORY:
        return freeze(values, kind, least_rows=_MIN_ROWS)
    text = values.cast(pl.String)
    column = freeze(text, kind, least_rows=_MIN_ROWS, most_labels=_CATEGORIES)
    size, kept = 0, 0
    for label in column.labels:
        size += len(label.encode()) + 24
        if size > MAX_COLUMN_BYTES - 2_000 or len(label) > _MAX_LABEL:
            break
        kept += 1
    return column if kept == len(column.labels) else _shortened(column, kept)


def _shortened(column: ColumnReference, kept: int) -> ColumnReference:
    """The first labels only; the others go to their buckets."""
    counts = np.concatenate([column.counts[:kept], column.counts[len(column.labels) :]])
    for at in range(kept, len(column.labels)):
        counts[kept + bucket(column.labels[at])] += column.counts[at]
    outside = column.outside + float(column.counts[kept : len(column.labels)].sum())
    return ColumnReference(
        type=column.type,
        counts=counts,
        labels=column.labels[:kept],
        own=min(column.own, kept),
        outside=outside,
        complete=False,
    )


def _written(column: ColumnReference) -> dict[str, Any]:
    head: dict[str, Any] = {"type": column.type.value, "missing": column.missing}
    if column.grid is None:
        apart = column.counts[: len(column.labels)].tolist()
        buckets = column.counts[len(column.labels) : -1].tolist()
        table = dict(zip(column.labels, apart, strict=True))
        rest = {"other": sum(buckets), "buckets": buckets, "own": column.own, "outside": column.outside}
        return head | {"categories": table} | rest
    grid, starts = column.grid, column.bin_starts
    edges = [*(grid.edges[starts - 1]).tolist(), float(grid.edges[-1])] if column.known else []
    binned = np.add.reduceat(column.counts[1:-2], starts - 1).tolist() if column.known else []
    return head | {
        "edges": edges,
        "counts": binned,
        "below": int(column.counts[0]),
        "above": int(column.counts[-2]),
        "grid": {"low": grid.low, "step": grid.step, "counts": column.counts[1:-2].tolist()},
    }


# ---------------------------------------------------------------- reading


class _Told(msgspec.Struct):
    prior: dict[str, float] = {}


def read_prior(content: bytes) -> dict[str, float]:
    """The target's shares or median alone, without the rest being made; empty where the bundle does not say."""
    try:
        return msgspec.json.decode(content, type=_Told).prior
    except msgspec.DecodeError:
        return {}


def read_reference(content: bytes) -> ReferenceState:
    """The reference of a bundle, format 1 or 2. Raises ModelError (`bundle.reference`)."""
    try:
        told = msgspec.json.decode(content)
        if told["format"] not in (1, 2):
            raise ModelError(
                f"This bundle's reference has format {told['format']}; this version reads 1 and 2.",
                code="bundle.reference",
                hint="use the version of Modelwright that wrote the bundle, or package it again",
                subject=FILE,
            )
        return ReferenceState(
            n_rows=int(told["n_rows"]),
            columns={name: _read(column) for name, column in told["columns"].items()},
            predictions={name: _read(column) for name, column in told.get("predictions", {}).items()},
            metrics=told.get("metrics", {}),
            format=int(told["format"]),
        )
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(
            f"This bundle's reference cannot be read: {type(error).__name__}.",
            code="bundle.reference",
            hint="package the model again",
            subject=FILE,
        ) from error


def _read(told: Mapping[str, Any]) -> ColumnReference:
    kind = ColumnType(told["type"])
    if "categories" in told:
        return _read_table(told, kind)
    where = told.get("length", told)
    if "grid" in where:
        grid = Grid(float(where["grid"]["low"]), float(where["grid"]["step"]), len(where["grid"]["counts"]))
        cells = where["grid"]["counts"]
    else:  # format 1: bins of unequal width, spread over a grid as evenly as they are known
        grid, cells = _spread(where)
    counts = np.array([where["below"], *cells, where["above"], told["missing"]], dtype=np.int64)
    return ColumnReference(type=kind, counts=counts, grid=grid)


def _read_table(told: Mapping[str, Any], kind: ColumnType) -> ColumnReference:
    labels = tuple(told["categories"])
    buckets = told.get("buckets")
    if buckets is None:
        buckets = [int(told["other"]), *([0] * (BUCKETS - 1))]
    counts = np.array([*told["categories"].values(), *buckets, told["missing"]], dtype=np.int64)
    other = int(sum(buckets))
    # format 1 says not in which buckets its other labels lie: only its named ones can be compared
    own = int(told.get("own", len(labels)))
    outside = float(told.get("outside", other))
    return ColumnReference(
        type=kind,
        counts=counts,
        labels=labels,
        own=own,
        outside=outside,
        complete=other == 0 and "own" in told,
        hashed="buckets" in told,
    )


def _spread(told: Mapping[str, Any]) -> tuple[Grid, list[int]]:
    edges, counts = told["edges"], told["counts"]
    if not edges:
        return Grid(0.0, 1.0, 1), [0]
    low, high = float(edges[0]), float(edges[-1])
    step = (high - low) / 4_000 if high > low else max(abs(low), 1.0) * 1e-6
    grid = Grid(low - step / 2, step, 4_002)
    cells = np.zeros(grid.cells, dtype=np.int64)
    for left, right, rows in zip(edges, edges[1:] or edges, counts, strict=False):
        first = int((left - grid.low) / step)
        last = max(first + 1, int((right - grid.low) / step))
        upto = np.linspace(0, rows, last - first + 1).round().astype(np.int64)
        cells[first:last] += upto[1:] - upto[:-1]
    return grid, cells.tolist()
