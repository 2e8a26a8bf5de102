"""Between what users hold and what a model takes: rows in by name, predictions out in the target's own type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from modelwright.core.errors import ModelError, did_you_mean
from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.core.tables import Coercion, Predictions

if TYPE_CHECKING:
    import polars as pl

_UNDECIDED = object()  # a value that only the table rules can read


def conform_frame(frame: pl.DataFrame, signature: Signature) -> tuple[pl.DataFrame, tuple[Coercion, ...]]:
    """The signature's columns in its order and storage, by the rules the training data went through.

    Values that do not read become missing and are counted. Raises ModelError (`bundle.missing_column`) on an absent
    column and (`bundle.input`) on a column of which nothing reads. Further columns are ignored.
    """
    from modelwright.data.conform import conform_inputs

    for field in signature.inputs:
        if field.name not in frame.columns:
            raise _absent(field.name, frame.columns)
    stored, coercions = conform_inputs(frame, signature.inputs)
    for field in signature.inputs:
        if field.type not in (ColumnType.CATEGORY, ColumnType.TEXT) and stored[field.name].null_count() == frame.height:
            _refuse_unreadable(frame[field.name], field)
    return stored, coercions


def conform_row(
    values: Mapping[str, Any], signature: Signature, cells: dict[tuple[str, type, Any], Any] | None = None
) -> dict[str, Any]:
    """One row as `conform_frame` would store it; values of the declared type take no detour through a table.

    cells: remembers what other values (a category written as a number, a truth written as text) are stored as.
    """
    row: dict[str, Any] = {}
    cells = {} if cells is None else cells
    for field in signature.inputs:
        try:
            value = values[field.name]
        except KeyError:
            raise _absent(field.name, values) from None
        if value is not None:
            value = _QUICK[field.type](value)
            if value is _UNDECIDED and field.type is ColumnType.NUMBER and not field.format:
                value = _written_number(values[field.name])
            if value is _UNDECIDED:
                value = _remembered(values, field, signature, cells)
        row[field.name] = value
    return row


def predictions_frame(signature: Signature, predictions: Predictions) -> pl.DataFrame:
    """`prediction`, and for classes `probability_<class>`, in row order."""
    import polars as pl

    if predictions.probabilities is None or predictions.labels is None:
        only = predictions.values if predictions.values is not None else predictions.labels
        return pl.DataFrame({"prediction": only})
    written = written_classes(signature)
    labels = pl.Series("prediction", written)[predictions.labels]
    columns = [pl.Series("prediction", labels)]
    for position, name in enumerate(signature.classes):
        columns.append(pl.Series(f"probability_{name}", np.ascontiguousarray(predictions.probabilities[:, position])))
    return pl.DataFrame(columns)


def written_classes(signature: Signature) -> list[Any]:
    """Class labels in the type of the target column, or as text where they do not read as that type."""
    labels = list(signature.classes)
    if signature.target_type is ColumnType.BOOLEAN and {label.lower() for label in labels} <= {"true", "false"}:
        return [label.lower() == "true" for label in labels]
    if signature.target_type is ColumnType.NUMBER:
        for read in (int, float):
            try:
                return [read(label) for label in labels]
            except ValueError:
                continue
    return labels


def describe_task(signature: Signature) -> str:
    """What the numbers in `prediction` are."""
    return {
        Task.REGRESSION: f"predicted {signature.target or 'value'}",
        Task.CLUSTERING: "cluster number",
        Task.ANOMALY: "strangeness; higher is stranger",
    }.get(signature.task, f"predicted class of {signature.target or 'the target'}")


#: texts that mean the same number wherever a column has no way of writing of its own
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?", re.ASCII)


def _written_number(value: Any) -> Any:
    return float(value) if type(value) is str and _DECIMAL.fullmatch(value) else _UNDECIDED


def _number(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is int or kind is bool:
        return float(value) if -(2**53) <= value <= 2**53 else _UNDECIDED
    return _UNDECIDED


def _boolean(value: Any) -> Any:
    return value if type(value) is bool else _UNDECIDED


def _text(value: Any) -> Any:
    """Texts that begin and end with a visible character are stored as they stand."""
    if type(value) is str and value and "!" <= value[0] <= "~" and "!" <= value[-1] <= "~":
        return value
    return _UNDECIDED


def _moment(value: Any) -> Any:
    return value if type(value) is datetime and value.tzinfo is None else _UNDECIDED


#: cells remembered of one bundle; free texts and measured numbers would fill the memory otherwise
_MOST_CELLS = 20_000

_QUICK: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.NUMBER: _number,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.CATEGORY: _text,
    ColumnType.TEXT: _text,
    ColumnType.DATETIME: _moment,
}


def _remembered(
    values: Mapping[str, Any], field: SignatureField, signature: Signature, cells: dict[tuple[str, type, Any], Any]
) -> Any:
    """What a table would store for this cell: each cell of a row is read by itself, so it can be remembered."""
    value = values[field.name]
    key = (field.name, type(value), repr(value) if type(value) is float else value)  # 0.0 and -0.0 differ
    try:
        if key in cells:
            return cells[key]
    except TypeError:  # a list or an object: nothing that a column holds
        return _slow_cell(value, field, signature)
    stored = _slow_cell(value, field, signature)
    if len(cells) >= _MOST_CELLS:
        cells.clear()
    cells[key] = stored
    return stored


def _slow_cell(value: Any, field: SignatureField, signature: Signature) -> Any:
    import polars as pl

    frame = pl.DataFrame({field.name: [value]}, strict=False)
    stored, _ = conform_frame(frame, msgspec.structs.replace(signature, inputs=(field,)))
    found = stored.row(0)[0]
    return float(found) if type(found) is int else found


def _refuse_unreadable(raw: pl.Series, field: SignatureField) -> None:
    import polars as pl

    from modelwright.data import texts

    known = raw.drop_nulls()
    if known.dtype.is_float():
        known = known.filter(known.is_finite())
    if known.dtype == pl.String:
        known = texts.without_words(texts.strip(known)).drop_nulls()
    if known.len() == 0:
        return
    words = {ColumnType.NUMBER: "a number", ColumnType.BOOLEAN: "yes or no", ColumnType.DATETIME: "a date"}
    raise ModelError(
        f"The column '{field.name}' should hold {words[field.type]}, and {str(known[0])[:60]!r} does not read as one.",
        code="bundle.input",
        hint=f"give '{field.name}' as the model was trained on it; the bundle's signature lists the types",
        subject=f"column:{field.name}",
    )


def _absent(name: str, known: Any) -> ModelError:
    return ModelError(
        f"The column '{name}', which the model needs, is missing.",
        code="bundle.missing_column",
        hint=did_you_mean(name, [str(column) for column in known]),
        subject=f"column:{name}",
    )
