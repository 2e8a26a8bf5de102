"""Put rows on a timeline: the order of their moments, the span of a part, and the gap between parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType, Role
from modelwright.core.tables import Dataset
from modelwright.data.assign import Parts
from modelwright.data.units import Rows

_MICROSECONDS = {"s": 1e6, "m": 60e6, "h": 3600e6, "d": 86400e6, "w": 7 * 86400e6}


@dataclass(frozen=True, slots=True)
class Timeline:
    """times: float64 (n,), microseconds or plain counts, NaN where unknown; ranks: 0..k-1 by moment, -1 unknown."""

    times: NDArray[np.float64]
    ranks: Rows
    is_clock: bool

    @property
    def known(self) -> NDArray[np.bool_]:
        return self.ranks >= 0

    def open_gap(self, parts: Parts, gap: str) -> None:
        """Leave out, in place, the last rows of each part that lie within `gap` before the next part begins."""
        size, unit = _parse(gap)
        for part in (0, 1):
            later = np.flatnonzero(parts > part)
            rows = np.flatnonzero(parts == part)
            if later.size == 0 or rows.size == 0:
                continue
            if unit == "rows":
                order = rows[np.argsort(self.ranks[rows], kind="stable")]
                if size:
                    # every row of the moment at the edge goes, so that moments never part
                    edge = self.ranks[order[-min(size, order.size)]]
                    parts[rows[self.ranks[rows] >= edge]] = -1
            else:
                width = size * (_MICROSECONDS[unit] if self.is_clock else 1.0)
                begin = self.times[later].min()
                parts[rows[self.times[rows] > begin - width]] = -1

    def span(self, rows: Rows) -> tuple[str, str]:
        """First and last moment of the rows, as text."""
        low, high = float(self.times[rows].min()), float(self.times[rows].max())
        if not self.is_clock:
            return f"{low:g}", f"{high:g}"
        return _moment(low), _moment(high)


def timeline(dataset: Dataset, notes: list[str]) -> Timeline:
    """By the time column; without one, by the order of rows, which is said in `notes`."""
    columns = dataset.schema.with_role(Role.TIME)
    if not columns:
        notes.append("no time column is named: rows are taken to be in time order as they stand in the file")
        order = np.arange(dataset.n_rows, dtype=np.int64)
        return Timeline(order.astype(np.float64), order, False)
    column = columns[0]
    values = dataset.frame[column.name]
    is_clock = column.type is ColumnType.DATETIME
    if values.dtype == pl.String:
        counts = values.rank("dense").cast(pl.Float64)
    else:
        counts = values.cast(pl.Int64 if is_clock else pl.Float64).cast(pl.Float64)
    ranks = values.rank("dense").cast(pl.Int64).fill_null(0).to_numpy().astype(np.int64) - 1
    missing = int((ranks < 0).sum())
    if missing:
        notes.append(f"{missing:,} rows have no '{column.name}' and cannot be placed in time")
    return Timeline(counts.fill_null(float("nan")).to_numpy().astype(np.float64), ranks, is_clock)


def _parse(gap: str) -> tuple[int, str]:
    found = re.fullmatch(r"([0-9]+)(rows|s|m|h|d|w)", gap)
    if found is None:  # the spec's own pattern keeps this from happening
        raise ValueError(gap)
    return int(found[1]), found[2]


def _moment(microseconds: float) -> str:
    text = str(np.datetime64(int(microseconds), "us")).removesuffix(".000000")
    return text.removesuffix("T00:00:00")
