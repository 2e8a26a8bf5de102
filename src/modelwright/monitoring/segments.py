"""Where a model became worse: the error rate of each group before and now, and each group's own detector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.monitoring.decay import judge, rate
from modelwright.stats.multiple_testing import benjamini_hochberg
from modelwright.stats.sequential_dependence import inflation

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]

_LEAST_ROWS, _LEAST_BEFORE = 60, 25
_MOST_GROUPS = 50
_MOST_VALUES = 40
#: share of groups named worse that may be so by chance
FALSE_DISCOVERY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    column: str
    group: str
    rows: int
    before: dict[str, float]
    now: dict[str, float]
    p_adjusted: float
    worse: bool
    alarm_at: int | None  # position among the labelled rows


def compare(
    values: Array, columns: dict[str, pl.Series], since: int, reference: int, *, binary: bool
) -> tuple[list[Segment], int]:
    """Groups compared before and from `since` on; also how many groups were too small or too many to be looked at."""
    groups, left_out = _groups(values, columns, since)
    p_values = [_p(values[rows[rows < since]], values[rows[rows >= since]]) for _, _, rows in groups]
    adjusted = benjamini_hochberg(p_values) if p_values else np.empty(0)
    found: list[Segment] = []
    for (column, group, rows), p in zip(groups, adjusted, strict=True):
        before, now = rate(values[rows[rows < since]]), rate(values[rows[rows >= since]])
        alarm = _alarm(values, rows, reference, len(groups), binary=binary)
        found.append(
            Segment(
                column=column,
                group=group,
                rows=rows.size,
                before=_told(before),
                now=_told(now),
                p_adjusted=float(p),
                worse=bool(p <= FALSE_DISCOVERY and now.value > before.value),
                alarm_at=alarm,
            )
        )
    return sorted(found, key=lambda one: (not one.worse, one.alarm_at is None, one.p_adjusted)), left_out


def _groups(
    values: Array, columns: dict[str, pl.Series], since: int
) -> tuple[list[tuple[str, str, NDArray[np.int64]]], int]:
    found, left_out = [], 0
    for name, series in columns.items():
        for group, rows in _members(series):
            early = int(np.searchsorted(rows, since))
            if min(early, rows.size - early) >= _LEAST_BEFORE and rows.size >= _LEAST_ROWS:
                found.append((name, group, rows))
            else:
                left_out += 1
    found.sort(key=lambda one: -one[2].size)
    return found[:_MOST_GROUPS], left_out + max(0, len(found) - _MOST_GROUPS)


def _members(series: pl.Series) -> list[tuple[str, NDArray[np.int64]]]:
    """Rows of each value; a number with many values by the fifths of its range of ranks."""
    import polars as pl

    numbers = series.cast(pl.Float64, strict=False)
    if numbers.n_unique() > _MOST_VALUES and numbers.null_count() <= series.null_count():
        edges = np.unique(np.nanquantile(numbers.drop_nulls().to_numpy(), [0.2, 0.4, 0.6, 0.8]))
        codes = np.searchsorted(edges, numbers.fill_null(float("nan")).to_numpy(), side="right")
        names = _ranges(edges)
        missing = numbers.is_null().to_numpy()
        found = [(names[code], np.flatnonzero((codes == code) & ~missing)) for code in range(edges.size + 1)]
        return [*found, *([("(missing)", np.flatnonzero(missing))] if missing.any() else [])]
    text = series.cast(pl.String).fill_null("(missing)")
    return [(str(value), np.flatnonzero((text == value).to_numpy())) for value in sorted(text.unique())]


def _ranges(edges: Array) -> list[str]:
    if edges.size == 0:
        return ["all"]
    inner = [f"{low:.6g} to {high:.6g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:.6g}", *inner, f"{edges[-1]:.6g} and more"]


def _p(before: Array, now: Array) -> float:
    """One-sided: of a mean at least as much higher now by chance; rows that depend on each other count for less."""
    from scipy.stats import norm

    worth = [part.size / inflation(part) for part in (before, now)]
    means = [float(part.mean()) for part in (before, now)]
    pooled = (means[0] * worth[0] + means[1] * worth[1] + 0.5) / (sum(worth) + 1)
    error = math.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / worth[0] + 1 / worth[1]))
    return float(norm.sf((means[1] - means[0]) / error))


def _alarm(values: Array, rows: NDArray[np.int64], reference: int, groups: int, *, binary: bool) -> int | None:
    """The group's own detector with its part of the budget."""
    first = int(np.searchsorted(rows, reference))
    if first < _LEAST_BEFORE:
        return None
    at = judge(values[rows], first, binary=binary, share=1 / groups).alarm_at
    return None if at is None else int(rows[at])


def _told(found: Any) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high, "rows": found.n}
