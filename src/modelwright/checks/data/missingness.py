"""A column whose being filled or empty gives the target away, whatever stands in it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from modelwright.checks.data._accused import BY_MISSINGNESS, counter_proof, said, surviving
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import (
    Strengths,
    development_rows,
    feature_columns,
    has_no_target,
    strengths,
    table,
    task_of,
)
from modelwright.core.nouns import Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.stats import association

#: error of missingness alone (0 perfect, 1 nothing; 0.15 is an AUC of 0.925), and how much worse the others must be
STRONG, GAP = BY_MISSINGNESS, 2.5
#: nearly perfect: then it blocks even where honest columns are as strong
_PERFECT = 0.05
#: rows where the column is filled (or empty) that agree on one class almost without exception
PURE, MIN_PURE_ROWS = 0.99, 50
#: natural logarithm of the probability of such agreement by chance
_MAX_LOG_CHANCE = -25.0
#: a class that most rows have anyway is no news
_COMMON = 0.7
#: by design: the other columns say who is asked so much better than the target does
_BY_DESIGN = 0.3


def _boats(leaks: bool) -> DataEvidence:
    rng = np.random.default_rng(5)
    n = 400
    a = rng.normal(size=n)
    y = (a + rng.normal(0, 1.5, n) > 0).astype(int)
    known = y == 1 if leaks else rng.random(n) < 0.4
    boat = [f"boat {i % 9}" if k else None for i, k in enumerate(known)]
    return table({"a": a, "boat": boat, "y": y}, target="y")


class _Missingness:
    codes = ("leak.missingness",)
    examples = (
        Example(make=lambda: _boats(True), codes=("leak.missingness",)),
        Example(make=lambda: _boats(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        found = strengths(evidence)
        if found is None:
            yield undecided(
                "leak.missingness",
                "data",
                "no feature column can be measured against the target (too few rows or texts only)",
            )
            return
        # Columns that are filled together cover for one another: all go at once.
        strong = [name for name, error in found.missing.items() if error <= STRONG and name in found.codes]
        strong = [name for name in strong if not _by_design(found, name, strong)]
        for column in sorted(strong, key=lambda name: found.missing[name]):
            yield _finding(found, column, tuple(sorted(strong)))
        yield from (one for one in _pure(evidence, found) if one.subject.partition(":")[2] not in strong)


def _finding(found: Strengths, column: str, group: tuple[str, ...]) -> Finding:
    """However strong the other columns are: that a cell is filled must not tell the answer this well."""
    error, without, left = found.missing[column], found.without(*group), surviving(found, group)
    blocking = error <= _PERFECT or without >= GAP * max(error, 1.0 / found.y.size)
    return Finding(
        code="leak.missingness",
        severity=Severity.HIGH,
        blocking=blocking,
        confidence=Level.HIGH if blocking else Level.MEDIUM,
        subject=f"column:{column}",
        message=f"Whether '{column}' is filled already tells the target ({found.score(error)} from that "
        f"alone); all other columns reach {said(left)}. It is probably filled in after the event.",
        observed={"missingness_alone": error, "all_others": without},
        threshold={"missingness_alone": STRONG, "gap": GAP},
        evidence={
            "score_without": left,
            "dropped_together": list(group),
            "counter_proof": counter_proof(found, column, group),
        },
        advice=f"list '{column}' under features.ignore; expect about {said(left)} without it",
    )


def _by_design(found: Strengths, column: str, beside: list[str]) -> bool:
    """A question put to one group only: another column says who was asked, and better than the target does."""
    at = found.names.index(column)
    filled = np.isfinite(found.X[:, at]).astype(np.int64)
    if not found.n_classes or np.bincount(filled, minlength=2).min() < 8:
        return False
    by_target = association.error(filled, association.single(found.y, filled, 2, found.fold), 2)
    keep = [one for one, name in enumerate(found.names) if name != column and name not in beside]
    if not keep:
        return False
    categorical = [keep.index(one) for one in found.categorical if one in keep]
    others = association.together(found.X[:, keep], filled, 2, found.fold, categorical)
    return association.error(filled, others, 2) < _BY_DESIGN * by_target


def _pure(evidence: DataEvidence, found: Strengths) -> Iterator[Finding]:
    """Columns filled (or empty) for one class only, even if few rows are concerned."""
    dataset, task = evidence.dataset, task_of(evidence)
    target = dataset.schema.target if dataset is not None else None
    if dataset is None or target is None or task is None or not task.is_classification:
        return
    frame = dataset.frame[development_rows(evidence, dataset.n_rows, limit=50_000)]
    shares = dict(frame[target].drop_nulls().value_counts(normalize=True).iter_rows())
    for column in feature_columns(dataset):
        empty = frame[column.name].is_null()
        for mask, state in ((~empty, "filled"), (empty, "empty")):
            part = frame[target].filter(mask).drop_nulls()
            if part.len() < MIN_PURE_ROWS or part.len() == frame.height:
                continue
            top = part.value_counts(sort=True)
            label, share = top[target][0], top["count"][0] / part.len()
            common = shares[label] > _COMMON
            if share < PURE or common or part.len() * math.log(max(shares[label], 1e-9)) > _MAX_LOG_CHANCE:
                continue
            if column.name in found.names and _by_design(found, column.name, []):
                continue
            yield Finding(
                code="leak.missingness",
                severity=Severity.HIGH,
                confidence=Level.MEDIUM,
                subject=f"column:{column.name}",
                message=f"In {part.len():,} rows '{column.name}' is {state}, and {share:.1%} of them are "
                f"'{label}' (of all "
                f"rows {shares[label]:.1%}). It is probably recorded after the event.",
                observed=share,
                threshold=PURE,
                evidence={"rows": part.len(), "label": label, "base_share": shares[label]},
                advice=f"list '{column.name}' under features.ignore unless it is known before the prediction is made",
            )


PLUGIN: Check = _Missingness()
