"""Rows sorted by a clock that is not a column: the target drifts along the file, and so does a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import feature_columns, has_no_target, numbers, table, target_of, task_of
from modelwright.core.nouns import ColumnType, Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.data import order

#: least rank correlation of the target with the row's position
MIN_TREND = 0.1
#: least rank correlation of some column with the row's position: that column is the clock's shadow
MIN_CLOCK = 0.5
_MIN_VALUES = 8
#: correlation of a row's target with the next row's, from which rows with a turning clock are a series
MIN_ALIKE = 0.3
_MIN_TURNS = 8
_MAX_TURN = 400
_REGULAR = 0.97
_MIN_ROWS = 400
_SAMPLE = 20_000
_MAX_KEYS = 30


def _drifting(clock: bool) -> DataEvidence:
    rng = np.random.default_rng(7)
    n = 1200
    at = np.arange(n) / n
    y = (rng.random(n) < 0.05 + 0.5 * at).astype(int)
    rate = np.round(5.0 - 4.0 * at * clock + rng.normal(0, 0.3, n), 1)
    return table({"rate": rate, "x": rng.normal(size=n), "y": y}, target="y")


class _HiddenOrder:
    codes = ("split.hidden_order",)
    sample_rows = _SAMPLE
    examples = (
        Example(make=lambda: _drifting(True), codes=("split.hidden_order",)),
        Example(make=lambda: _drifting(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or task is None or target is None:
            yield undecided("split.hidden_order", "split", "there is no target to follow along the file")
            return
        kind = _split_kind(evidence)
        if "time" in kind or dataset.n_rows < _MIN_ROWS:
            return
        sampled = dataset.frame.gather_every(max(1, dataset.n_rows // _SAMPLE))
        known = sampled.filter(sampled[target].is_not_null())
        y, n_classes = target_of(known[target], task)
        if n_classes and (np.diff(y) != 0).sum() < 10 * n_classes:
            return  # sorted by class: a shuffled split answers that, no clock is hidden
        part = _within_sort_key(dataset, known)
        trend = _trend(y[part], n_classes)
        turning = _turning(dataset)
        if trend < MIN_TREND and not (turning and order.alike(known[target], task) > MIN_ALIKE):
            return
        clock, shadow = _clock(dataset, known[part])
        if turning and (shadow < MIN_CLOCK or trend < MIN_TREND):
            yield _by_turns(turning, target, trend, kind)
            return
        if shadow < MIN_CLOCK or trend < MIN_TREND:
            return
        tenth = max(1, known.height // 10)
        values = y.astype(np.float64) if n_classes in (0, 2) else (y == int(np.bincount(y).argmax())).astype(float)
        first, last = float(values[:tenth].mean()), float(values[-tenth:].mean())
        says = f"from {first:.1%} to {last:.1%} of rows" if n_classes else f"from {first:.4g} to {last:.4g} on average"
        yield Finding(
            code="split.hidden_order",
            severity=Severity.HIGH,
            confidence=Level.HIGH if shadow > 0.6 else Level.MEDIUM,
            subject="split",
            message=f"The rows seem to lie in time order without a time column: '{target}' moves {says} between the "
            f"first and the last tenth of the file, and '{clock}' follows the row number (rank correlation "
            f"{shadow:.2f}). "
            f"A {kind or 'random'} split mixes past and future and will promise too much.",
            observed={"target_trend": trend, "clock": clock, "clock_correlation": shadow},
            threshold={"target_trend": MIN_TREND, "clock_correlation": MIN_CLOCK},
            evidence={"first_tenth": first, "last_tenth": last},
            advice="set data.split.kind: time (rows are then taken in file order), or name the time column",
        )


def _within_sort_key(dataset: Dataset, known: pl.DataFrame) -> NDArray[np.int64]:
    """All rows, or the largest group of a column that the file is plainly sorted by: that order hides nothing."""
    for column in feature_columns(dataset):
        if column.type is ColumnType.TEXT:
            continue
        values = numbers(known[column.name])
        if not np.isfinite(values).all() or not 2 <= np.unique(values).size <= _MAX_KEYS:
            continue
        steps = np.diff(values)
        if (steps >= 0).all() or (steps <= 0).all():
            kinds, counts = np.unique(values, return_counts=True)
            return np.flatnonzero(values == kinds[int(counts.argmax())])
    return np.arange(known.height)


def _turning(dataset: Dataset) -> str:
    """A column that goes round like a clock from row to row (hour 0 to 23, again and again), or an empty text.

    Nearly every row keeps the value of the row before or takes the next higher one, and the highest is followed by the
    lowest at least `_MIN_TURNS` times. Sorting never makes such a column, except inside another sorted column; that
    one would then have to turn as well.
    """
    if any(column.type is ColumnType.DATETIME for column in dataset.schema.columns):
        return ""  # nothing is hidden
    head = dataset.frame.head(_SAMPLE)
    for column in feature_columns(dataset):
        if column.type is not ColumnType.NUMBER:
            continue
        values = numbers(head[column.name])
        if not np.isfinite(values).all():
            continue
        distinct, codes = np.unique(values, return_inverse=True)
        if not 5 <= distinct.size <= _MAX_TURN:
            continue
        steps = np.diff(codes) % distinct.size
        if (steps <= 1).mean() > _REGULAR and (np.diff(codes) < -distinct.size // 2).sum() >= _MIN_TURNS:
            return column.name
    return ""


def _by_turns(turning: str, target: str, trend: float, kind: str) -> Finding:
    return Finding(
        code="split.hidden_order",
        severity=Severity.HIGH,
        confidence=Level.MEDIUM,
        subject="split",
        message=f"The rows seem to lie in time order without a time column: '{turning}' goes round from row to row "
        f"like a clock, and neighbouring rows are alike in '{target}' or it drifts along the file. "
        f"A {kind or 'random'} split mixes past and future and will promise too much.",
        observed={"clock": turning, "target_trend": trend},
        threshold={"target_trend": MIN_TREND, "neighbours_alike": MIN_ALIKE},
        advice="set data.split.kind: time (rows are then taken in file order), or name the time column",
    )


def _split_kind(evidence: DataEvidence) -> str:
    if evidence.split is not None:
        return str(getattr(evidence.split.kind, "value", evidence.split.kind))
    if evidence.problem is not None and evidence.problem.split is not None:
        return evidence.problem.split.kind
    return ""


def _trend(y: NDArray[Any], n_classes: int) -> float:
    """The largest rank correlation with position: of the values, or of membership in any class."""
    if n_classes in (0, 2):
        return _correlation(y.astype(np.float64))
    counts = np.bincount(y)
    return max(_correlation((y == k).astype(np.float64)) for k in np.argsort(-counts)[:10])


def _correlation(values: NDArray[np.float64]) -> float:
    from modelwright.stats.intervals import midranks

    known = np.flatnonzero(np.isfinite(values))
    if known.size < 3:
        return 0.0
    ranks = midranks(values[known])
    if float(ranks.std()) == 0.0:
        return 0.0
    return abs(float(np.corrcoef(known, ranks)[0, 1]))


def _clock(dataset: Dataset, known: Any) -> tuple[str, float]:
    """The number column that follows the position most; plain row numbers always do and prove nothing."""
    best, name = 0.0, ""
    for column in feature_columns(dataset):
        if column.type not in (ColumnType.NUMBER, ColumnType.DATETIME):
            continue
        values = numbers(known[column.name])
        finite = values[np.isfinite(values)]
        if np.unique(finite).size < _MIN_VALUES or finite.size < 0.5 * values.size:
            continue
        found = _correlation(values)
        if best < found < 0.9999:
            best, name = found, column.name
    return name, best


PLUGIN: Check = _HiddenOrder()
