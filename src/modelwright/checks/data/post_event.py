"""A column written during or after the event, as its name, its form or the model that rests on it say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from modelwright.checks.data._accused import BY_MISSINGNESS, accused, finding
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.names import is_after, is_planned
from modelwright.checks.strengths import Strengths, development_rows, feature_columns, has_no_target, table
from modelwright.core.nouns import ColumnType, Finding, Level, Role, Severity
from modelwright.core.ports import Check, Example

#: share of rows in which a date lies after the moment the row was known
LATER = 0.5


def _calls(name: str, leaks: bool) -> DataEvidence:
    rng = np.random.default_rng(11)
    n = 600
    a, b = rng.normal(size=n), rng.normal(size=n)
    y = (a + rng.normal(0, 1.5, n) > 0).astype(int)
    column = y * 2.0 + rng.normal(0, 0.7, n) + 0.3 * a if leaks else a + rng.normal(0, 1, n)
    return table({"a": a, "b": b, name: column, "y": y}, target="y")


class _PostEvent:
    codes = ("leak.post_event",)
    examples = (
        Example(make=lambda: _calls("call_duration", True), codes=("leak.post_event",)),
        Example(make=lambda: _calls("call_duration", False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        yield from _later_dates(evidence)
        found, suspects = accused(evidence)
        if found is None:
            yield undecided(
                "leak.post_event",
                "data",
                "no feature column can be measured against the target (too few rows or texts only)",
            )
            return
        explained = _sums(found)
        for one in suspects:
            by_being_filled = one.kind == "asked" and found.missing.get(one.column, 1.0) <= BY_MISSINGNESS
            if one.kind != "copy" and one.column not in explained and not by_being_filled:
                yield finding(found, one, "leak.post_event")


def _sums(found: Strengths) -> frozenset[str]:
    """Columns whose combination gives the target exactly: their own rule names them."""
    from modelwright.stats.association import exact_combination

    return frozenset(exact_combination(found.X, found.y, found.names) if found.n_classes == 0 else ())


def _later_dates(evidence: DataEvidence) -> Iterator[Finding]:
    """Features that are moments after `features.time`, unless their names say that they were planned."""
    dataset = evidence.dataset
    times = [] if dataset is None else dataset.schema.with_role(Role.TIME)
    if dataset is None or not times or times[0].type is not ColumnType.DATETIME:
        return
    frame = dataset.frame[development_rows(evidence, dataset.n_rows, 50_000)]
    for column in feature_columns(dataset):
        if column.type is not ColumnType.DATETIME or is_planned(column.name):
            continue
        both = frame.select(a=pl.col(column.name), b=pl.col(times[0].name)).drop_nulls()
        share = float((both["a"] > both["b"]).mean() or 0.0) if both.height >= 20 else 0.0  # type: ignore[arg-type]
        if share <= LATER:
            continue
        told = is_after(column.name)
        yield Finding(
            code="leak.post_event",
            severity=Severity.HIGH if told else Severity.MEDIUM,
            confidence=Level.MEDIUM,
            subject=f"column:{column.name}",
            message=f"'{column.name}' lies after '{times[0].name}', the moment the row was known, in {share:.1%} of "
            f"{both.height:,} rows: it cannot have been known then, unless it is a plan.",
            observed=share,
            threshold=LATER,
            evidence={"time": times[0].name, "rows": both.height, "name_hint": told},
            advice=f"list '{column.name}' under features.ignore unless it was planned beforehand",
        )


PLUGIN: Check = _PostEvent()
