"""A column summed up from the target over rows that hold the row itself: rates, totals, running means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import (
    Strengths,
    feature_columns,
    has_no_target,
    numbers,
    strengths,
    table,
    target_of,
    task_of,
)
from modelwright.core.nouns import ColumnType, Finding, Level, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.data.units import dense
from modelwright.stats import aggregates, fractions

_MAX_ROWS = 100_000
#: mean squared residual of group sums, against 1 for any column made without these labels (0.2 when a fifth is sealed)
_EXACT, _LOG_TAIL = 0.6, -6.0
#: log10 odds of rates counting these labels: for any column, and for one whose values are fractions of small groups;
#: standard errors by which it is steeper than a rate of others can be
_ODDS, _ODDS_OF_FRACTIONS, _EXCESS = 6.0, 3.0, 6.0
#: share of y's variance that differences within a group, or from row to row, must explain
_WITHIN, _RUNNING = 0.97, 0.95
_MAX_GROUPINGS = 12
_MAX_COLUMNS = 200
#: rows on which a column must look like an aggregate before all rows are asked, and how much like one
_GLANCE, _GLANCE_R2 = 10_000, 0.5
#: rows that are asked first where the table has more rows than are looked at
_FIRST_GLANCE = 2_000


def _rates(own: bool) -> DataEvidence:
    rng = np.random.default_rng(23)
    shop = rng.integers(0, 60, 900)
    y = (rng.random(900) < rng.uniform(0.2, 0.8, 60)[shop]).astype(int)
    past = (rng.random(900) < rng.uniform(0.2, 0.8, 60)[shop]).astype(int)
    used = y if own else past
    rate = (np.bincount(shop, weights=used) / np.bincount(shop))[shop]
    return table({"rate": rate, "x": rng.normal(size=900), "y": y}, target="y")


class _Aggregate:
    """Anything computed without a row's label misses the average label of equal rows by chance, about as much as the
    rows of a group allow. A column that hits it more exactly holds those labels."""

    codes = ("leak.aggregate",)
    sample_rows = _MAX_ROWS
    examples = (
        Example(make=lambda: _rates(True), codes=("leak.aggregate",)),
        Example(make=lambda: _rates(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        found = strengths(evidence)
        if found is None or evidence.dataset is None:
            yield undecided("leak.aggregate", "data", "no feature column can be measured against the target")
            return
        view = _View.of(evidence, evidence.dataset)
        if view is None:
            return
        for column in view.columns[:_MAX_COLUMNS]:
            how = _how(view, column)
            if how is not None:
                yield _finding(found, column, how)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """All rows in file order with y of the development rows (NaN elsewhere), and the groupings that rows stand in."""

    frame: pl.DataFrame
    columns: list[str]
    y: NDArray[np.float64]
    binary: bool
    #: rows that have a label, seen or sealed
    labelled: NDArray[np.bool_]
    groupings: dict[str, NDArray[np.int64]]
    #: whether there are more rows than these
    cut: bool
    #: orders of rows, group by group and in time within: (name of the grouping or "", rows)
    runs: list[tuple[str, NDArray[np.int64]]]

    @classmethod
    def of(cls, evidence: DataEvidence, dataset: Dataset) -> _View | None:
        target, task = dataset.schema.target, task_of(evidence)
        if target is None or task is None:
            return None
        frame = dataset.frame.head(_MAX_ROWS)
        known = labelled = frame[target].is_not_null().to_numpy()
        if evidence.split is not None:
            sealed = evidence.split.test
            known = known.copy()
            known[sealed[sealed < frame.height]] = False
        if known.sum() < 60:
            return None
        values, n_classes = target_of(frame[target].filter(pl.Series(known)), task)
        if n_classes > 2:  # the most frequent class speaks for them all
            values = values == np.bincount(values).argmax()
        y = np.full(frame.height, np.nan)
        y[known] = values
        groupings = _groupings(dataset, frame)
        return cls(
            frame=frame,
            columns=[column.name for column in feature_columns(dataset) if column.type is ColumnType.NUMBER],
            y=y,
            binary=n_classes > 0,
            labelled=labelled,
            groupings=groupings,
            cut=dataset.n_rows > frame.height,
            runs=_runs(groupings, _time_order(dataset, frame), frame.height),
        )

    def glance(self, name: str) -> NDArray[np.int64] | None:
        """Rows of some whole groups, drawn at random, in file order within; None where all rows are few."""
        (rows,) = (rows for each, rows in self.runs[: 1 + len(self.groupings)] if each == name)
        return rows[:_GLANCE] if rows.size > 2 * _GLANCE else None


def _runs(
    groupings: dict[str, NDArray[np.int64]], order: NDArray[np.int64] | None, n: int
) -> list[tuple[str, NDArray[np.int64]]]:
    rng = np.random.default_rng(0)
    shuffled = {name: rng.permutation(int(group.max()) + 1)[group] for name, group in groupings.items()}
    found: list[tuple[str, NDArray[np.int64]]] = []
    for rows in [np.arange(n)] + ([] if order is None else [order]):
        found.append(("", rows))
        found += [(name, rows[np.argsort(group[rows], kind="stable")]) for name, group in shuffled.items()]
    return found


def _groupings(dataset: Dataset, frame: pl.DataFrame) -> dict[str, NDArray[np.int64]]:
    found: dict[str, NDArray[np.int64]] = {}
    there = frozenset(frame.columns)  # asked once: polars makes the list anew each time
    for column in dataset.schema.columns:
        series = frame[column.name] if column.name in there else None
        if series is None or column.role in (Role.TARGET, Role.TIME) or len(found) >= _MAX_GROUPINGS:
            continue
        whole = series.dtype.is_integer() or column.role in (Role.GROUP, Role.ID)
        if (series.dtype == pl.String or whole) and 3 <= series.n_unique() <= 0.34 * frame.height:
            found[column.name] = dense(series)
    return found


def _time_order(dataset: Dataset, frame: pl.DataFrame) -> NDArray[np.int64] | None:
    times = [column.name for column in dataset.schema.with_role(Role.TIME) if column.name in frame.columns]
    if not times or frame[times[0]].is_sorted():
        return None
    return np.argsort(numbers(frame[times[0]]), kind="stable")


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    says: str
    observed: dict[str, float | str]
    certain: bool = True


def _how(view: _View, column: str) -> _How | None:
    value = numbers(view.frame[column])
    known = value[np.isfinite(value)]
    if known.size < 60 or float(np.abs(known).max()) > 1e150:
        return None
    if np.unique(known[:1000]).size < 5 and np.unique(known).size < 5:
        return None
    return _too_exact(view, value) or _fractions(view, value) or _within(view, column, value) or _running(view, value)


def _too_exact(view: _View, value: NDArray[np.float64]) -> _How | None:
    groupings = [by for name, by in view.groupings.items() if _one_value_each(view, name, value)]
    tried = [aggregates.calibration_excess(value, view.y, view.binary, by) for by in (None, *groupings)]
    q, tail, groups = min(tried, key=lambda one: one[1])
    if q >= _EXACT or tail > _LOG_TAIL:
        return None
    return _How(
        says=f"the {groups:,} groups of rows that share a value have the target it foretells far more exactly than "
        f"chance allows ({q:.2f} of the sampling variance; 1 is the least for a rate from other rows)",
        observed={"variance_ratio": q, "log10_p": tail, "groups": float(groups)},
    )


def _fractions(view: _View, value: NDArray[np.float64]) -> _How | None:
    if not view.binary:
        return None
    for y in (view.y, 1.0 - view.y):  # whose rate it is, nobody says
        found = fractions.own_labels(value, y, view.labelled)
        if found is None:
            continue
        enough = _ODDS_OF_FRACTIONS if found.structured else _ODDS
        if found.odds > enough or (found.structured and found.odds > 0 and found.excess > _EXCESS):
            return _How(
                says=f"its {found.kinds:,} values are shares of up to {found.largest} rows, and the labels of the rows "
                f"that hold them are 10^{found.odds:.0f} times likelier if they are the ones counted than if others "
                "are",
                observed={"log10_odds": found.odds, "values": float(found.kinds), "largest_group": found.largest},
            )
    return None


def _one_value_each(view: _View, name: str, value: NDArray[np.float64]) -> bool:
    """Whether at a glance each group has one value; only then may its labels have made it."""
    rows = view.glance(name)
    if rows is None:
        return True
    rows = rows[np.isfinite(value[rows]) & np.isfinite(view.y[rows])]
    group, held = view.groupings[name][rows], value[rows]
    return not bool(((held[1:] != held[:-1]) & (group[1:] == group[:-1])).any())


def _within(view: _View, column: str, value: NDArray[np.float64]) -> _How | None:
    for name, group in view.groupings.items():
        if name == column:
            continue
        rows = view.glance(name)
        if rows is not None and aggregates.within_groups(value[rows], view.y[rows], group[rows])[0] < _GLANCE_R2:
            continue
        inside, overall = aggregates.within_groups(value, view.y, group)
        if inside > _WITHIN and overall < 0.9:
            return _How(
                says=f"among rows with the same '{name}' it gives the target exactly (R2 {inside:.3f}, against "
                f"{overall:.3f} over all rows), as a rate that leaves out the row itself does",
                observed={"r2_within": inside, "r2_overall": overall, "grouping": name},
            )
    return None


def _running(view: _View, value: NDArray[np.float64]) -> _How | None:
    for name, rows in view.runs:
        group = view.groupings[name] if name else None
        r2, what = 1.0, ""
        glances = [rows[:_FIRST_GLANCE]] if view.cut else []
        for part in (*glances, rows[:_GLANCE], rows) if rows.size > 2 * _GLANCE else (rows,):
            r2, what = aggregates.running(value[part], view.y[part], None if group is None else group[part])
            if r2 < _GLANCE_R2:
                break
        if r2 > _RUNNING:
            per = f" of each '{name}'" if name else ""
            return _How(
                says=f"from row to row{per} it changes by the row's own target (a {what}; R2 {r2:.3f})",
                observed={"r2": r2, "kind": what, "grouping": name},
            )
    return None


def _finding(found: Strengths, column: str, how: _How) -> Finding:
    from modelwright.stats.resampled import error_interval

    without = found.without(column)
    low, high = error_interval(found.y, found.predicted_without(column), found.n_classes)
    return Finding(
        code="leak.aggregate",
        severity=Severity.CRITICAL,
        blocking=True,
        confidence=Level.HIGH,
        subject=f"column:{column}",
        message=f"'{column}' was made from the target of the very rows it stands in: {how.says}. New rows come "
        "without a target, so it will not hold there what it holds here.",
        observed=how.observed,
        threshold={"variance_ratio": _EXACT, "r2_within": _WITHIN, "r2_running": _RUNNING},
        evidence={
            "score_with": found.score(found.full),
            "score_without": found.score(without),
            "interval_95": [found.score(high), found.score(low)],
        },
        advice=f"list '{column}' under features.ignore, or compute it from rows before the event only "
        f"(features.target_rates does it out of fold); expect about {found.score(without)} without it",
        source="Micci-Barreca (2001), SIGKDD Explorations 3; Kaufman et al. (2012), Leakage in data mining",
    )


PLUGIN: Check = _Aggregate()
