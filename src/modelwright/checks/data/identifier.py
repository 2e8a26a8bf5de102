"""Columns that only name or number the rows: harmless among features, or telling the target by their parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import Strengths, development_rows, feature_columns, strengths, table
from modelwright.checks.strengths import row_limit as row_limit
from modelwright.core.nouns import Column, ColumnType, Finding, Level, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset

UNIQUE_SHARE = 0.95
MIN_ROWS = 50
#: error of a part of an id (0 tells everything, 1 nothing) up to which it tells the target: AUC 0.85
TELLS = 0.3
#: up to which it blocks: AUC 0.95
GIVES_AWAY = 0.1
#: a quick model of all other columns must err at least so many times more
GAP = 2.0


def _coded(leaks: bool) -> DataEvidence:
    rng = np.random.default_rng(31)
    y = rng.integers(0, 2, 300)
    mark = y if leaks else rng.integers(0, 2, 300)
    names = [f"{'AB'[kind]}-{number}" for kind, number in zip(mark, rng.permutation(300), strict=True)]
    return table({"record": names, "x": rng.normal(size=300), "y": y}, target="y")


class _Identifier:
    codes = ("data.identifier", "leak.identifier")
    examples = (
        Example(make=lambda: _coded(True), codes=("data.identifier", "leak.identifier")),
        Example(make=lambda: _coded(False), codes=("data.identifier",)),
        Example(
            make=lambda: table({"name": [f"row-{i * 37}" for i in range(100)], "b": [i % 7 for i in range(100)]}),
            codes=("data.identifier",),
        ),
        Example(
            make=lambda: table({"number": list(range(1, 101)), "b": [i % 7 for i in range(100)]}),
            codes=("data.identifier",),
        ),
        Example(make=lambda: table({"size": [(i * 37) % 101 for i in range(100)], "kind": ["a", "b"] * 50})),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.identifier", "data", "there is no table to look at")
            return
        if dataset.n_rows < MIN_ROWS:
            return
        yield from _telling(evidence, dataset)
        for column in feature_columns(dataset):
            what = _names_rows(dataset, column)
            if not what:
                continue
            yield Finding(
                code="data.identifier",
                severity=Severity.MEDIUM,
                subject=f"column:{column.name}",
                message=f"'{column.name}' {what}: a model can only memorise it, and new rows will carry new values.",
                observed=dataset.frame[column.name].n_unique() / dataset.n_rows,
                threshold=UNIQUE_SHARE,
                advice=f"list '{column.name}' under features.id (or features.time if it tells when)",
            )


def _telling(evidence: DataEvidence, dataset: Dataset) -> Iterator[Finding]:
    """Ids a part of which tells the target far better than everything else does."""
    found = strengths(evidence)
    if found is None or dataset.schema.target is None:
        return
    rows = development_rows(evidence, dataset.n_rows, row_limit(len(feature_columns(dataset))))
    frame = dataset.frame[rows].filter(pl.col(dataset.schema.target).is_not_null())
    if frame.height != found.y.size:
        return
    there = frozenset(frame.columns)  # asked once: polars makes the list anew each time
    for column in dataset.schema.columns:
        is_id = column.role is Role.ID
        if column.name not in there or not (is_id or column.role is Role.FEATURE):
            continue
        if is_id or _is_id_like(frame[column.name]):
            what, error = _best_part(found, frame[column.name])
            others = found.without(column.name)
            if error <= TELLS and others >= GAP * max(error, 1.0 / found.y.size):
                yield _tells(found, column, what, (error, others))


def _is_id_like(series: pl.Series) -> bool:
    """Nearly all texts or whole numbers are different."""
    known = series.drop_nulls()
    if known.len() < MIN_ROWS or not (series.dtype == pl.String or series.dtype.is_integer()):
        return False
    return known.n_unique() > (0.9 if series.dtype == pl.String else UNIQUE_SHARE) * known.len()


def _best_part(found: Strengths, series: pl.Series) -> tuple[str, float]:
    from modelwright.stats import association, labels_in_names

    tried = [*labels_in_names.parts(series), ("its place among all ids", labels_in_names.blocks(series))]
    best = ("", 1.0)
    for what, codes in tried:
        predicted = association.single(codes, found.y, found.n_classes, found.fold)
        error = association.error(found.y, predicted, found.n_classes)
        if error < best[1]:
            best = (what, error)
    return best


_SEVERITY = {
    (True, True): Severity.CRITICAL,
    (True, False): Severity.HIGH,
    (False, True): Severity.HIGH,
    (False, False): Severity.MEDIUM,
}


def _tells(found: Strengths, column: Column, what: str, errors: tuple[float, float]) -> Finding:
    error, others = errors
    used = column.role is Role.FEATURE
    exact = error <= GIVES_AWAY
    return Finding(
        code="leak.identifier",
        # An id that is left out cannot mislead the model, but it shows how the rows were gathered.
        severity=_SEVERITY[(used, exact)],
        blocking=used and exact,
        confidence=Level.HIGH if exact else Level.MEDIUM,
        subject=f"column:{column.name}",
        message=f"'{column.name}' names the rows, yet {what} tells the target ({found.score(error)} on rows it was not "
        f"fitted on; all other columns reach {found.score(others)}): the ids were given after or by the target"
        + ("." if used else ". The model does not use it; other columns or the file's order may carry the same."),
        observed={"part": what, "alone": error, "all_others": others},
        threshold={"tells": TELLS, "gap": GAP},
        evidence={"score_without": found.score(others), "scale": "0 perfect, 1 no better than knowing nothing"},
        advice=f"list '{column.name}' under features.id, and ask how these ids are given; expect about "
        f"{found.score(others)} without it",
    )


def _names_rows(dataset: Dataset, column: Column) -> str:
    series = dataset.frame[column.name]
    known = series.len() - series.null_count()
    if known < MIN_ROWS:
        return ""
    if column.type is ColumnType.CATEGORY:
        distinct = series.n_unique() - bool(series.null_count())
        return f"has {distinct:,} different values in {known:,} rows" if distinct > UNIQUE_SHARE * known else ""
    if column.type is ColumnType.NUMBER and series.dtype.is_integer() and known == series.len():
        steps = np.diff(series.to_numpy())
        if (steps == 1).all() or (steps == -1).all():
            return "numbers the rows in file order"
    return ""


PLUGIN: Check = _Identifier()
