"""Bring values of any type to the storage a column type asks for: whole columns, and single values alike.

Both roads give the same answer for the same value, because a column of a foreign type is converted by applying
the single-value function to its distinct values. What cannot be read becomes missing, never an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType

if TYPE_CHECKING:
    import polars as pl

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC is the storage of a datetime column
_MICROSECOND = timedelta(microseconds=1)
_TRUE = frozenset(("true", "yes", "y", "t", "on", "1", "1.0"))
_FALSE = frozenset(("false", "no", "n", "f", "off", "0", "0.0"))
#: whole floats below this are written without a fraction, as the stored categories are
_EXACT = 2.0**53
#: up to so many values a loop looks keys up sooner than polars plans a query
_FEW = 32

#: stands between the two halves of a crossed category; not typed by anyone
SEPARATOR = "\x1f"


def storage(kind: ColumnType) -> Any:
    """The polars type that a column of this kind is stored as."""
    import polars as pl

    if kind is ColumnType.DATETIME:
        return pl.Datetime("us")
    return {ColumnType.NUMBER: pl.Float64, ColumnType.BOOLEAN: pl.Boolean}.get(kind, pl.String)


def number(value: Any) -> float:
    """Any value as a finite float, or NaN."""
    if value is None:
        return math.nan
    if isinstance(value, str) and "_" in value:
        return math.nan
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return result if result - result == 0.0 else math.nan


def boolean(value: Any) -> bool | None:
    """True and False, 0 and 1, and the words people write for them; anything else is missing."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    as_number = number(value)
    return None if as_number not in (0.0, 1.0) else as_number == 1.0


def text(value: Any) -> str | None:
    """A category or text as it is stored: whole numbers without a fraction, booleans in lower case."""
    if value is None:
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        if value != value:
            return None
        plain = float(value)
        return str(int(plain)) if plain.is_integer() and abs(plain) < _EXACT else str(plain)
    return str(value) or None


def moment(value: Any) -> datetime | None:
    """A naive UTC datetime out of a datetime, a date or ISO 8601 text; anything else is missing."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        try:
            return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    return None


def microseconds(value: datetime | None) -> float:
    """Microseconds since 1970 UTC; NaN for missing. Exact between 1685 and 2255."""
    return math.nan if value is None else float((value - EPOCH) // _MICROSECOND)


SCALAR: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.NUMBER: number,
    ColumnType.BOOLEAN: boolean,
    ColumnType.CATEGORY: text,
    ColumnType.TEXT: text,
    ColumnType.DATETIME: moment,
}


def stored(series: pl.Series, kind: ColumnType) -> pl.Series:
    """The column in the storage of its type (numbers as Float64); rows are kept, unreadable values are null."""
    import polars as pl

    dtype = series.dtype
    if dtype == pl.Null:
        return pl.Series(series.name, [None] * series.len(), dtype=storage(kind))
    direct = _direct(series, kind)
    if direct is not None:
        return direct
    if dtype.is_nested() or dtype == pl.Binary or dtype == pl.Object:
        return pl.Series(series.name, [None] * series.len(), dtype=storage(kind))
    return _by_value(series, kind)


def _direct(series: pl.Series, kind: ColumnType) -> pl.Series | None:
    """Conversions that polars makes exactly as the single-value functions do."""
    import polars as pl

    dtype = series.dtype
    if kind is ColumnType.NUMBER and (dtype.is_integer() or dtype.is_float() or dtype == pl.Boolean):
        return series if dtype == pl.Float64 else series.cast(pl.Float64)
    if kind is ColumnType.BOOLEAN and dtype == pl.Boolean:
        return series
    if kind in (ColumnType.CATEGORY, ColumnType.TEXT):
        if dtype in (pl.Categorical, pl.Enum):
            series = series.cast(pl.String)
        if series.dtype == pl.String:
            empty = series == ""
            return series.set(empty, None) if empty.any() else series
        if dtype.is_integer():
            return series.cast(pl.String)
    if kind is ColumnType.DATETIME:
        if isinstance(dtype, pl.Datetime):
            plain = series if dtype.time_zone is None else series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            return plain.cast(pl.Datetime("us"))
        if dtype == pl.Date:
            return series.cast(pl.Datetime("us"))
    return None


def _by_value(series: pl.Series, kind: ColumnType) -> pl.Series:
    import polars as pl

    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    convert = SCALAR[kind]
    distinct = series.unique().drop_nulls()
    known = distinct.to_list()
    frame = pl.DataFrame(
        {"key": distinct, "value": pl.Series([convert(value) for value in known], dtype=storage(kind))}
    )
    joined = series.rename("key").to_frame().join(frame, on="key", how="left", maintain_order="left", nulls_equal=False)
    return joined["value"].rename(series.name)


def numbers(frame: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, len(names)) float64, fresh memory; null, NaN and infinity are NaN."""
    import polars as pl

    columns = [frame[name] for name in names]
    values = np.empty((frame.height, len(names)), dtype=np.float64)
    for position, column in enumerate(columns):
        values[:, position] = (column if column.dtype == pl.Float64 else column.cast(pl.Float64)).to_numpy()
    odd = np.isinf(values)
    if odd.any():
        values[odd] = np.nan
    return values


def moments(series: pl.Series) -> NDArray[np.float64]:
    """Microseconds since 1970 as float64, NaN for missing; shape (n,)."""
    import polars as pl

    return series.cast(pl.Datetime("us")).to_physical().cast(pl.Float64).to_numpy().astype(np.float64, copy=True)


def words(series: pl.Series) -> pl.Series:
    """A category or text column with the empty text for missing."""
    import polars as pl

    return (series if series.dtype == pl.String else series.cast(pl.String)).fill_null("")


def positions(series: pl.Series, keys: Mapping[str, int], default: int) -> NDArray[np.int64]:
    """Where each text stands among the keys; `default` for the rest. Missing is looked up as the empty text."""
    import polars as pl

    if not keys:
        return np.full(series.len(), default, dtype=np.int64)
    if series.len() <= _FEW:
        texts = (series if series.dtype == pl.String else series.cast(pl.String)).to_list()
        return np.array([keys.get(text or "", default) for text in texts], dtype=np.int64)
    found = words(series).replace_strict(list(keys), list(keys.values()), default=default, return_dtype=pl.Int64)
    return found.to_numpy()
