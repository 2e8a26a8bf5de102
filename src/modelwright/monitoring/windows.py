"""Windows over a table: by time, by rows, by segment; each counted into a state that adds up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import SpecError
from modelwright.registry.reference_columns import ColumnReference, Counts

if TYPE_CHECKING:
    import polars as pl

_UNITS_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
#: days of the epoch, 1970-01-01, before its first Monday
_MONDAY_S = 4 * 86_400


class Width(NamedTuple):
    """How wide a window is: rows, or seconds, or (neither) all there is."""

    rows: int | None = None
    seconds: int | None = None


def width(text: str | None) -> Width:
    """`500` rows, or a time such as `1d`, `12h`, `30min`, `1w`. Raises SpecError (`drift.window`)."""
    if text is None:
        return Width()
    found = re.fullmatch(r"\s*(\d{1,9})\s*([a-z]*)\s*", text.lower())
    unit = found[2] if found else ""
    unit = {"hour": "h", "hours": "h", "day": "d", "days": "d", "m": "min", "week": "w", "weeks": "w"}.get(unit, unit)
    if found is None or int(found[1]) < 1 or (unit and unit not in _UNITS_S and unit not in ("r", "row", "rows")):
        raise SpecError(
            f"--window is '{text}', which is neither rows nor a time.",
            code="drift.window",
            hint="write 500 for rows, or 1d, 12h, 30min, 1w for a time",
            subject="option:window",
        )
    count = int(found[1])
    return Width(seconds=count * _UNITS_S[unit]) if unit in _UNITS_S else Width(rows=count)


@dataclass(frozen=True, slots=True)
class WindowState:
    """Rows and counts by position for each column that was there; of two windows the sum is that of both."""

    rows: int
    counts: Mapping[str, Counts]

    def __add__(self, other: WindowState) -> WindowState:
        return WindowState(
            self.rows + other.rows,
            {name: self.counts[name] + other.counts[name] for name in self.counts if name in other.counts},
        )


def state_of(frame: pl.DataFrame, columns: Mapping[str, ColumnReference]) -> WindowState:
    """Count a conformed table; a column that is not there has no counts."""
    there = frozenset(frame.columns)
    return WindowState(
        frame.height, {name: column.count(frame[name]) for name, column in columns.items() if name in there}
    )


class Piece(NamedTuple):
    """One window's place: the first moment it covers, and where its rows lie in the ordered table."""

    start: str
    first: int
    last: int


def pieces(rows: int, seconds: NDArray[np.float64] | None, wanted: Width) -> list[Piece]:
    """Windows over a table in time order (`seconds` since 1970, ascending) or in row order.

    `start` is the window's beginning in UTC, or its first row where there is no time.
    """
    if wanted.seconds is not None and seconds is not None:
        return list(_by_time(seconds, wanted.seconds))
    size = wanted.rows or max(rows, 1)
    return [
        Piece(_stamp(float(seconds[at])) if seconds is not None and rows else str(at), at, min(at + size, rows))
        for at in range(0, max(rows, 1), size)
    ]


def window_number(seconds: NDArray[np.float64], size_s: int) -> NDArray[np.int64]:
    """Which window of this size each moment lies in; days begin at midnight UTC, weeks on Monday."""
    shift = _MONDAY_S if size_s % 604_800 == 0 else 0
    return np.floor((seconds - shift) / size_s).astype(np.int64)


def _by_time(seconds: NDArray[np.float64], size_s: int) -> Iterator[Piece]:
    numbers = window_number(seconds, size_s)
    shift = _MONDAY_S if size_s % 604_800 == 0 else 0
    if numbers.size == 0:
        yield Piece("", 0, 0)
        return
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), numbers.size], strict=True):
        yield Piece(_stamp(float(numbers[first]) * size_s + shift), first, last)


def _stamp(seconds: float) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def segments(frame: pl.DataFrame, by: str, least_rows: int = 100, most: int = 20) -> list[tuple[str, pl.DataFrame]]:
    """The table by the values of a column, largest first; values with few rows have no segment."""
    import polars as pl

    counted = frame[by].drop_nulls().value_counts(name="_n", sort=True).filter(pl.col("_n") >= least_rows).head(most)
    return [(str(value), frame.filter(pl.col(by) == value)) for value in counted[by].to_list()]
