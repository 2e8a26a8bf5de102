"""Columns that hold later rows' target: a lead, a centred or a forward window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.checks.data._clocks import clocks
from modelwright.checks.data._groups import candidates
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import feature_columns, has_no_target, numbers, table, target_of, task_of
from modelwright.core.nouns import ColumnType, Finding, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset

#: of the column's spread that past and present targets leave open, the share that later targets explain: a window
#: over them explains all of it, an honest forerunner rarely half
LIMIT, BLOCKING = 0.6, 0.9
#: longest sums of earlier and later targets that are tried
_WINDOWS = (1, 2, 3, 4, 5, 6, 7, 12, 14, 24, 28, 30)
_ROWS = 20_000
_FEWEST_ROWS = 120
_MOST_ORDERS = 4


def _leading(lead: bool) -> DataEvidence:
    rng = np.random.default_rng(2)
    y = np.cumsum(rng.normal(size=401))
    x = y[1:] if lead else np.concatenate([[0.0], y[:-2]])
    from modelwright.core.nouns import Task

    columns = {"day": np.arange(400), "x": x, "z": rng.normal(size=400), "y": y[:-1]}
    return table(columns, target="y", task=Task.REGRESSION)


class _LookAhead:
    codes = ("leak.time",)
    sample_rows = _ROWS
    examples = (
        Example(make=lambda: _leading(True), codes=("leak.time",)),
        Example(make=lambda: _leading(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or task is None or target is None:
            yield undecided("leak.time", "split", "there is no target to compare with later rows")
            return
        if dataset.n_rows < _FEWEST_ROWS or dataset.frame[target].null_count():
            return
        y, n_classes = target_of(dataset.frame[target], task)
        if n_classes > 2 or np.abs(y).max() > 1e150:
            return
        found: dict[str, tuple[float, str]] = {}
        for order, inside, label in _orders(dataset):
            for name, share in _ahead(dataset, y.astype(np.float64), order, inside).items():
                if share > found.get(name, (0.0, ""))[0]:
                    found[name] = (share, label)
        for name, (share, label) in sorted(found.items()):
            yield _finding(name, share, label, target)


def _orders(dataset: Dataset) -> list[tuple[NDArray[np.int64], NDArray[np.int64], str]]:
    """Orders of rows in which a later row may be the next one: the file's, by clock, and by clock within an entity."""
    n = dataset.n_rows
    alone = np.zeros(n, dtype=np.int64)
    found = [(np.arange(n), alone, "the file's order")]
    times = [clock for clock in clocks(dataset) if np.isfinite(clock.times).all()][:1]
    found += [(np.argsort(one.times, kind="stable"), alone, f"the order of {one.label}") for one in times]
    things = [one for one in candidates(dataset) if one.named and len(one.columns) == 1][:2]
    for thing in things:
        moment = times[0].times if times else np.arange(n, dtype=np.float64)
        order = np.lexsort((moment, thing.groups))
        found.append((order, thing.groups[order], f"time within each {thing.label.removeprefix('of one ')}"))
    return found[:_MOST_ORDERS]


def _ahead(
    dataset: Dataset, y: NDArray[np.float64], order: NDArray[np.int64], inside: NDArray[np.int64]
) -> dict[str, float]:
    """Column -> share of what is left of it, given past and present targets, that later targets explain."""
    order, inside = order[:_ROWS], inside[:_ROWS]
    series = (y[order] - y.mean()) / max(float(np.std(y)), 1e-300)
    longest = int(min(_WINDOWS[-1], max(1, np.bincount(inside).max() // 4)))
    windows = [width for width in _WINDOWS if width <= longest]
    past = [series, *[_window(series, inside, -width) for width in windows]]
    later = [_window(series, inside, width) for width in windows]
    known = np.isfinite(np.column_stack([*past, *later])).all(axis=1)
    if known.sum() < max(_FEWEST_ROWS // 2, 10 * (len(past) + len(later))):
        windows = [1]
        past, later = [series, _window(series, inside, -1)], [_window(series, inside, 1)]
        known = np.isfinite(np.column_stack([*past, *later])).all(axis=1)
    if known.sum() < _FEWEST_ROWS // 2:
        return {}
    base = _basis(np.column_stack([np.ones(series.size), *past])[known])
    ahead = np.column_stack(later)[known]
    ahead = _basis(ahead - base @ (base.T @ ahead))
    found = {}
    for column in feature_columns(dataset):
        if column.type not in (ColumnType.NUMBER, ColumnType.BOOLEAN) or column.role is not Role.FEATURE:
            continue
        share = _explained(numbers(dataset.frame[column.name])[order][known], base, ahead)
        if share >= LIMIT:
            found[column.name] = share
    return found


def _window(series: NDArray[np.float64], inside: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """Mean of the `width` next rows of the same entity (earlier when negative); NaN where there are too few."""
    n, size = series.size, abs(width)
    found = np.full(n, np.nan)
    if size >= n:
        return found
    sums = np.concatenate([[0.0], np.cumsum(series)])
    means = (sums[size:] - sums[:-size]) / size  # means[i]: rows i .. i + size - 1
    if width > 0:
        found[: n - size] = means[1:]
        found[: n - size][inside[size:] != inside[: n - size]] = np.nan
    else:
        found[size:] = means[:-1]
        found[size:][inside[size:] != inside[: n - size]] = np.nan
    return found


def _basis(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal columns that span X's, without directions that are rounding only."""
    left, size, _ = np.linalg.svd(X, full_matrices=False)
    return np.asarray(left[:, size > 1e-8 * max(float(size[0]), 1e-300)])


def _explained(values: NDArray[np.float64], base: NDArray[np.float64], ahead: NDArray[np.float64]) -> float:
    missing = ~np.isfinite(values)
    if missing.mean() > 0.1 or np.abs(values[~missing]).max(initial=0.0) > 1e150:
        return 0.0
    filled = np.where(missing, values[~missing].mean(), values)
    spread = float(np.std(filled))
    if spread == 0.0:
        return 0.0
    standard = (filled - filled.mean()) / spread
    left = standard - base @ (base.T @ standard)
    open_share = float(left @ left) / standard.size
    # What past and present explain to rounding is a lag or a copy, not a look ahead.
    if open_share < 1e-6:
        return 0.0
    told: float = float(((ahead.T @ left) ** 2).sum()) / float(left @ left)
    return told - float((1 - told) * ahead.shape[1] / max(1, standard.size - ahead.shape[1]))


def _finding(name: str, share: float, label: str, target: Any) -> Finding:
    blocking = share >= BLOCKING
    return Finding(
        code="leak.time",
        severity=Severity.HIGH,
        blocking=blocking,
        subject=f"column:{name}",
        message=f"'{name}' looks ahead: in {label}, '{target}' of later rows explains {share:.0%} of what its past and "
        "present values leave open of this column. It cannot be known when the answer is wanted.",
        observed=share,
        threshold=LIMIT,
        evidence={"order": label, "explained_by_later_targets": share},
        advice=f"drop '{name}' (features.ignore), or compute it from earlier rows only",
    )


PLUGIN: Check = _LookAhead()
