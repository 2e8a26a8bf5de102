"""Which columns are watched and how they are stored: decided once, by the reference, for every later window."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import DataError, did_you_mean
from modelwright.core.nouns import Column, ColumnType, Role
from modelwright.monitoring.drift_calibration import History
from modelwright.monitoring.drift_looks import Expected, expected
from modelwright.registry.reference_columns import ColumnReference, as_labels, freeze

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

#: a grouping column with more values than this only names whose row it is
_MOST_GROUPS = 200
#: dates of things that lie in the past for good; any other date moves with the calendar
_BIRTHS = re.compile(r"birth|dob|born|built|founded", re.I)


class Watched(NamedTuple):
    name: str
    type: ColumnType
    format: str = ""
    role: str = "feature"


class LeftOut(NamedTuple):
    name: str
    reason: str


class Plan(NamedTuple):
    """What is watched, what is not and why, and how the time column reads."""

    watched: tuple[Watched, ...]
    left_out: tuple[LeftOut, ...]
    time: Column | None = None


def role_of(name: str) -> str:
    answers = name == "prediction" or name.startswith(("probability_", "prediction_"))
    return "prediction" if answers else "feature"


def plan(frame: pl.DataFrame, *, time: str | None = None, ignore: Collection[str] = ()) -> Plan:
    """By the product's own schema inference on the reference. Raises DataError for a name that is not there."""
    from modelwright.data.schema import infer
    from modelwright.spec.model import FeaturesSpec

    present = time if time is not None and time in frame.columns else None
    schema = infer(frame, FeaturesSpec(time=present, ignore=[name for name in ignore if name in frame.columns]), {})
    watched, left = [], []
    for column in schema.columns:
        reason = _reason(frame[column.name], column, time)
        if reason:
            left.append(LeftOut(column.name, reason))
        else:
            watched.append(Watched(column.name, column.type, column.format, role_of(column.name)))
    known = set(schema.names)
    left += [LeftOut(name, "it holds nested or binary values") for name in frame.columns if name not in known]
    return Plan(tuple(watched), tuple(left), schema[present] if present else None)


def _reason(values: pl.Series, column: Column, time: str | None) -> str:
    if column.name == time:
        return "it is the time"
    if column.reason == "declared in features.ignore":
        return "left out as asked"
    if column.role is Role.ID:
        return f"it names the row: {column.reason}"
    if column.role is Role.TIME or (column.type is ColumnType.DATETIME and not _BIRTHS.search(column.name)):
        return f"a clock moves by itself ({column.reason}); give --time {column.name} to cut windows by it"
    if column.role is Role.GROUP and values.n_unique() > _MOST_GROUPS:
        return f"it names whose row it is: {column.reason}"
    if column.type is ColumnType.NUMBER and counts_up(values):
        return "it only grows from row to row: a counter"
    return ""


def counts_up(values: pl.Series) -> bool:
    """Whether a number rises with every row, as counters and clocks do."""
    import polars as pl

    if values.len() < 50 or values.null_count():
        return False
    numbers = values.cast(pl.Float64, strict=False)
    steps = numbers.diff().drop_nulls()
    return steps.len() == values.len() - 1 and bool((steps > 0).all())


# ---------------------------------------------------------------- storage


class Stored(NamedTuple):
    """Columns in their storage; for each, which rows had a value that could not be read as its type, and which had
    a label with blanks around it (storage takes them away)."""

    frame: pl.DataFrame
    lost: Mapping[str, pl.Series]
    padded: Mapping[str, pl.Series]


def stored(frame: pl.DataFrame, watched: Sequence[Watched]) -> Stored:
    """The watched columns that are there."""
    import polars as pl

    from modelwright.data.conform import store

    there, series, lost, padded = frozenset(frame.columns), [], {}, {}
    for each in watched:
        if each.name not in there or frame[each.name].dtype.is_nested():
            continue
        raw = frame[each.name]
        if raw.dtype == pl.String and each.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN):
            around = raw.str.contains(r"^\s+\S|\S\s+$").fill_null(value=False)
            if around.any():
                padded[each.name] = around
        try:
            found, coercions = store(raw, each.type, each.format)
        except pl.exceptions.PolarsError:
            found, coercions = pl.Series(each.name, [None] * raw.len(), dtype=pl.String), []
        if coercions or found.null_count() > raw.null_count():
            gone = raw.is_not_null() & found.is_null()
            if raw.dtype.is_float():
                gone = gone & raw.is_not_nan()
            if raw.dtype == pl.String:
                gone = gone & (raw.str.strip_chars() != "")
            gone = gone.fill_null(value=False)
            if gone.any():
                lost[each.name] = gone
            if each.type is ColumnType.BOOLEAN and gone.any():
                # a third value beside yes and no is a new label, not a missing one
                found = as_labels(found).zip_with(~gone, raw.cast(pl.String, strict=False))
                lost.pop(each.name, None)
        series.append(found.alias(each.name))
    return Stored(pl.DataFrame(series) if series else frame.select([]), lost, padded)


def seconds_of(frame: pl.DataFrame, column: Column) -> Floats:
    """Seconds since 1970 by row, NaN where the time is missing. Raises DataError (`drift.time`)."""
    import polars as pl

    from modelwright.data import guesses
    from modelwright.data.conform import store

    values = frame[column.name]
    if column.type is not ColumnType.DATETIME:
        return np.asarray(values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy(), dtype=np.float64)
    moments, _ = store(values, ColumnType.DATETIME, column.format)
    if moments.null_count() > 0.5 * max(values.len(), 1):
        again = guesses.as_declared(values, ColumnType.DATETIME, "the time")
        moments, _ = store(values, ColumnType.DATETIME, again.format)
    if values.len() and moments.null_count() == values.len():
        raise DataError(
            f"No value of the time column '{column.name}' reads as a time.",
            code="drift.time",
            hint="name another column with --time, or leave it out and give --window as rows",
            subject=f"column:{column.name}",
        )
    micro = moments.cast(pl.Datetime("us")).to_physical().cast(pl.Float64).fill_null(np.nan)
    return np.asarray(micro.to_numpy(), dtype=np.float64) / 1e6


def check_column(frame: pl.DataFrame, name: str, which: str) -> None:
    """Raises DataError (`drift.column`)."""
    if name not in frame.columns:
        raise DataError(
            f"The column '{name}' is not in the {which} table.",
            code="drift.column",
            hint=did_you_mean(name, frame.columns),
            subject=f"column:{name}",
        )


# ---------------------------------------------------------------- frozen


def frozen(frame: pl.DataFrame, watched: Sequence[Watched]) -> dict[str, ColumnReference]:
    """Cells of each stored column, as for a bundle but with every label: these rows stay on this machine."""
    return {each.name: freeze(frame[each.name], each.type) for each in watched if each.name in frame.columns}


def history(frame: pl.DataFrame, columns: Mapping[str, ColumnReference], seconds: Floats | None) -> History:
    """The reference row by row, in time order where there is a time."""
    codes = {}
    for name, column in columns.items():
        positions = column.positions(frame[name])
        last = int(column.test_cells.max(initial=0)) + 1
        cells = np.where(positions == column.size - 1, last, column.test_cells[positions])
        odd = np.zeros(column.size, dtype=bool)
        odd[column.strange] = True
        codes[name] = (cells.astype(np.intp), odd[positions])
    return History(codes, seconds, frame.height)


def expectations(columns: Mapping[str, ColumnReference]) -> dict[str, Expected]:
    return {name: expected(column) for name, column in columns.items()}
