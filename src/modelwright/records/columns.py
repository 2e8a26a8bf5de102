"""Records to columns: one row per predicted row, features typed and named `f_<column>`, probabilities `p_<class>`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import polars as pl

from modelwright.records.prediction import CACHED, DEGRADED, SUBJECT, Label, Prediction, Schema

#: storage of a feature by its `core.nouns.ColumnType`; `subject` is the hash of whom the row is about
_STORAGE: dict[str, Any] = {
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "category": pl.String,
    "text": pl.String,
    "datetime": pl.Int64,
    "subject": pl.String,
}
AT = pl.Datetime("us", "UTC")

#: columns that every file of predictions has, in this order, before its probabilities and features
FIXED: dict[str, Any] = {
    "request_id": pl.String,
    "row": pl.Int32,
    "at": AT,
    "model": pl.String,
    "version": pl.Int32,
    "bundle": pl.String,
    "route": pl.String,
    "propensity": pl.Float64,
    "latency_us": pl.Int64,
    "degraded": pl.Boolean,
    "cached": pl.Boolean,
    "caller": pl.String,
    "idempotency_key": pl.String,
    "row_id": pl.String,
    SUBJECT: pl.String,
    "prediction": pl.String,
    "value": pl.Float64,
}
LABELS: dict[str, Any] = {
    "request_id": pl.String,
    "row": pl.Int32,
    "label": pl.String,
    "label_value": pl.Float64,
    "labelled_at": AT,
    "arrived_at": AT,
    "source": pl.String,
}


class UnreadableError(ValueError):
    """Rows that do not fit their schema."""


#: what a record of an older writer, which did not know a field yet, has there
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Prediction)}


def predictions_frame(schema: Schema, predictions: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Every row of these predictions, which all have this schema, from their plain arrays with the tag in front.
    Raises UnreadableError where one does not fit its schema."""
    records = _by_field(predictions)
    try:
        counts = list(map(len, records["answers"]))
        fitting = list(map(len, records["rows"])) == counts and min(counts) > 0
    except TypeError as error:
        raise UnreadableError("a prediction has no rows") from error
    if not fitting:
        raise UnreadableError("a prediction has more or fewer answers than rows")
    single = max(counts) == min(counts) == 1
    index = None if single else np.repeat(np.arange(len(counts)), counts)
    columns: list[pl.Series] = []
    for name, series in _of_records(schema, records, len(counts)):
        columns.append((series if index is None else series.gather(index)).alias(name))
    columns += _of_rows(schema, records, counts, single=single)
    frame = pl.DataFrame(columns)
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in FIXED.items() if name not in frame.columns]
    if missing:
        frame = frame.with_columns(missing)
    return frame.select(*FIXED, *(name for name in frame.columns if name not in FIXED))


def _by_field(predictions: Sequence[Sequence[Any]]) -> dict[str, Any]:
    names = list(_DEFAULTS)
    try:
        fields = list(zip(*predictions, strict=True))[1 : len(names) + 1]  # fields after those we know are skipped
    except ValueError as error:
        raise UnreadableError("predictions of one segment have different fields") from error
    later = [(_DEFAULTS[name],) * len(predictions) for name in names[len(fields) :]]
    if any(msgspec.NODEFAULT in values for values in later):
        raise UnreadableError("a prediction lacks a field")
    return dict(zip(names, [*fields, *later], strict=True))


def _of_records(schema: Schema, records: dict[str, Any], count: int) -> list[tuple[str, pl.Series]]:
    """What is the same for all rows of a request."""
    flags = pl.Series(records["flags"], dtype=pl.Int64)
    text = pl.Series([schema.model, schema.bundle], dtype=pl.String)
    zeros = np.zeros(count, dtype=np.int64)
    return [
        ("request_id", pl.Series(records["request_id"], dtype=pl.String)),
        ("at", pl.Series(records["at_us"], dtype=pl.Int64).cast(AT)),
        ("model", text.gather(zeros)),
        ("version", pl.Series(zeros + schema.version).cast(pl.Int32)),
        ("bundle", text.gather(zeros + 1)),
        ("route", pl.Series(records["route"], dtype=pl.String)),
        ("propensity", pl.Series(records["propensity"], dtype=pl.Float64)),
        ("latency_us", pl.Series(records["latency_us"], dtype=pl.Int64)),
        ("degraded", (flags & DEGRADED) != 0),
        ("cached", (flags & CACHED) != 0),
        ("caller", pl.Series(records["caller"], dtype=pl.String)),
        ("idempotency_key", pl.Series(records["idempotency_key"], dtype=pl.String)),
    ]


def _of_rows(schema: Schema, records: dict[str, Any], counts: list[int], *, single: bool) -> list[pl.Series]:
    """What differs from row to row of a request."""
    flat = _first if single else _flat
    starts = np.cumsum(counts) - counts
    rows = np.zeros(len(counts), dtype=np.int32) if single else np.arange(sum(counts)) - np.repeat(starts, counts)
    columns = [pl.Series("row", rows.astype(np.int32))]
    if any(ids is not None for ids in records["row_ids"]):
        ids = [ids or (None,) * count for ids, count in zip(records["row_ids"], counts, strict=True)]
        columns.append(_series("row_id", flat(ids), pl.String))
    answers = flat(records["answers"])
    if schema.classes:
        positions = _series("prediction", answers, pl.Int64)
        columns.append(pl.Series("prediction", schema.classes, dtype=pl.String).gather(positions))
    else:
        columns.append(_series("value", answers, pl.Float64))
    columns += _probabilities(schema, records["probabilities"], counts, flat)
    for name, kind, values in _features(schema, flat(records["rows"])):
        series = _series(SUBJECT if kind == SUBJECT else f"f_{name}", values, _STORAGE.get(kind, pl.String))
        columns.append(series.cast(pl.Datetime("us")) if kind == "datetime" else series)
    if len({len(column) for column in columns}) != 1:
        raise UnreadableError("a prediction has parts of different lengths")
    return columns


def _probabilities(schema: Schema, given: Any, counts: list[int], flat: Any) -> list[pl.Series]:
    if not schema.classes:
        return []
    if not any(given):  # the columns are there all the same: files of one schema have the same ones
        return [
            pl.Series(f"p_{name}", [None], dtype=pl.Float64).new_from_index(0, sum(counts)) for name in schema.classes
        ]
    none = (None,) * len(schema.classes)
    by_row = [each or (none,) * count for each, count in zip(given, counts, strict=True)]
    rows = [none if row is None else row for row in flat(by_row)]
    return [
        _series(f"p_{name}", values, pl.Float64)
        for name, values in zip(schema.classes, _transposed(rows, len(schema.classes)), strict=True)
    ]


def _features(schema: Schema, rows: Sequence[Any]) -> Any:
    width = len(schema.columns)
    blank = (None,) * width
    kept = rows if None not in rows else [blank if row is None else row for row in rows]
    return zip(schema.columns, schema.types, _transposed(kept, width), strict=True)


def _transposed(rows: Sequence[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    if not width:
        return []
    try:
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    except ValueError as error:
        raise UnreadableError("the rows of a prediction have different lengths") from error
    if len(columns) != width:
        raise UnreadableError(f"a prediction has {len(columns)} values where its schema has {width}")
    return columns


def _series(name: str, values: Sequence[Any], kind: Any) -> pl.Series:
    """Raises UnreadableError where a value is not of that kind: none is coerced to a missing one."""
    try:
        return pl.Series(name, values, dtype=kind, strict=True)
    except (TypeError, pl.exceptions.PolarsError, OverflowError) as error:
        raise UnreadableError(f"column {name!r} holds what is not of its type: {error}") from error


def _first(parts: Sequence[Sequence[Any]]) -> list[Any]:
    return [part[0] for part in parts]


def _flat(parts: Sequence[Sequence[Any]]) -> list[Any]:
    return list(chain.from_iterable(parts))


def labels_frame(labels: Sequence[Label]) -> pl.DataFrame:
    """Late labels; `label` is the value as text, `label_value` as a number where it is one."""
    return pl.DataFrame(
        {
            "request_id": [label.request_id for label in labels],
            "row": [label.row for label in labels],
            "label": [_text(label.value) for label in labels],
            "label_value": [_number(label.value) for label in labels],
            "labelled_at": pl.Series([label.labelled_at_us for label in labels], dtype=pl.Int64).cast(AT),
            "arrived_at": pl.Series([label.arrived_at_us for label in labels], dtype=pl.Int64).cast(AT),
            "source": [label.source for label in labels],
        },
        schema=LABELS,
    )


def _text(value: Any) -> str | None:
    """As class labels are written: booleans in lower case, whole numbers without a point."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if float(value).is_integer() else repr(value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
