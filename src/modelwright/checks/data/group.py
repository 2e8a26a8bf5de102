"""Rows of one patient, customer or place on both sides of the split, where knowing it gives the target away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.checks.data._accused import giving_away
from modelwright.checks.data._groups import Candidate, believed, candidates, named_by_order, share_target
from modelwright.checks.data._rows import model_inputs
from modelwright.checks.data._words import score
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import has_no_target, numbers, table, target_of, task_of
from modelwright.core.nouns import ColumnType, Finding, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.stats import association, resplit

#: of what the score explains, the share that must fall when groups are kept together: to be said, and to be high
NOTED, HIGH, BLOCKING = 0.05, 0.15, 0.5
#: routes of flights and months of indices lose 0.2 to 0.35 and will be met again
HIGH_UNNAMED = 0.45
#: columns that repeat together for more rows than this are a month's index or a site's climate, not one thing
_LARGEST_MEAN = 60
#: least fall on the error scale: 0.03 is an AUC 0.015 lower
_LEAST_FALL = 0.03
_ROWS = 5000
_FEWEST_ROWS = 100
#: candidates whose counter-proof is made; each costs two small forests
_MOST = 3
_REPEATS = 2


def _patients(effect: bool) -> DataEvidence:
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(60), 8)
    baseline = rng.normal(size=(60, 3))[patient]
    lucky = rng.random(60)[patient] if effect else rng.random(480)
    X = baseline + rng.normal(scale=0.1, size=baseline.shape)
    return table(
        {"patient_id": [f"p{at}" for at in patient], **{f"x{k}": X[:, k] for k in range(3)}, "y": (lucky > 0.5) * 1},
        target="y",
        roles={"patient_id": Role.ID},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    candidate: Candidate
    gap: resplit.Gap
    straddling: float
    guarded: bool


class _Group:
    codes = ("leak.group",)
    sample_rows = _ROWS
    examples = (
        Example(make=lambda: _patients(True), codes=("leak.group",)),
        Example(make=lambda: _patients(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or task is None or target is None:
            yield undecided("leak.group", "split", "there is no target to compare within groups")
            return
        known = np.flatnonzero(dataset.frame[target].is_not_null().to_numpy())
        if known.size < _FEWEST_ROWS:
            return
        y, n_classes = target_of(dataset.frame[target][known], task)
        if n_classes > 50 or (n_classes == 0 and (np.abs(y).max() > 1e150 or np.std(y) == 0)):
            return
        ranked: list[tuple[bool, float, int, Candidate]] = []
        for one in candidates(dataset):
            z = share_target(_at(one, known), y, n_classes)
            if believed(z) and _only_names(dataset, one, known, y, n_classes):
                ranked.append((not one.named, -z, len(ranked), one))
        proofs = [_prove(evidence, dataset, one, known, (y, n_classes)) for *_, one in sorted(ranked)[:_MOST]]
        shown = [one for one in proofs if one is not None]
        if shown:
            # Nested groups (family within ticket) fall together: the gravest is enough.
            yield _finding(evidence, max(shown, key=lambda one: one.gap.fall), n_classes)


def _at(candidate: Candidate, rows: NDArray[np.int64]) -> Candidate:
    if rows.size == candidate.groups.size:
        return candidate
    groups = np.unique(candidate.groups[rows], return_inverse=True)[1].astype(np.int64)
    return Candidate(
        subject=candidate.subject,
        label=candidate.label,
        groups=groups,
        named=candidate.named,
        columns=candidate.columns,
    )


def _only_names(dataset: Dataset, one: Candidate, known: NDArray[np.int64], y: NDArray[Any], n_classes: int) -> bool:
    """A number without a telling name must behave like a name."""
    if one.named or dataset.schema[one.columns[0]].type is not ColumnType.NUMBER:
        return True
    values = numbers(dataset.frame[one.columns[0]][known])
    truth = y.astype(np.float64) if n_classes == 0 else (y == int(np.bincount(y).argmax())).astype(np.float64)
    kept = np.isfinite(values)
    return bool(kept.any()) and named_by_order(values[kept], truth[kept])


def _prove(
    evidence: DataEvidence,
    dataset: Dataset,
    candidate: Candidate,
    known: NDArray[np.int64],
    truth: tuple[NDArray[Any], int],
) -> _Proof | None:
    y, n_classes = truth
    groups = _at(candidate, known).groups
    picked = _whole_groups(groups)
    units = np.unique(groups[picked], return_inverse=True)[1].astype(np.int64)
    part = y[picked]
    if n_classes:
        kinds, part = np.unique(part, return_inverse=True)
        if kinds.size < 2 or np.bincount(part).min() < 6:
            return None
        n_classes = int(kinds.size)
    # A column without a telling name may be an honest category: then the others must give the group away.
    leave = frozenset() if candidate.named else frozenset(candidate.columns)
    # Beside a column that gives the target away, nothing that groups share can show.
    leave |= giving_away(evidence)
    X, categorical = model_inputs(dataset, dataset.frame[known[picked]], leave)
    if X.shape[1] == 0:
        return None
    gaps = []
    for repeat in range(_REPEATS):
        kept, free = resplit.whole_group_folds(units, repeat), association.folds(part.size, repeat)
        if not all(resplit.every_class_learned(part, n_classes, fold) for fold in (kept, free)):
            return None
        answers = [association.together(X, part, n_classes, fold, categorical) for fold in (free, kept)]
        gaps.append(resplit.compare(part, n_classes, (answers[0], answers[1]), units))
    # How groups fall into folds is chance as well: the fall must stand in the mildest dealing, too.
    gap = min(gaps, key=lambda one: one.low)
    least = NOTED if candidate.named else 2 * NOTED
    if gap.low <= 0 or gap.fall < _LEAST_FALL or gap.share < least:
        return None
    straddling = _straddling(evidence, candidate.groups)
    guarded = evidence.split is not None and straddling < 0.01
    return _Proof(candidate=candidate, gap=gap, straddling=straddling, guarded=guarded)


def _whole_groups(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of as many groups, drawn at random, as fit into the sample; a row of a group never comes alone."""
    if groups.size <= _ROWS:
        return np.arange(groups.size)
    sizes = np.bincount(groups)
    order = np.random.default_rng(0).permutation(sizes.size)
    taken = order[np.cumsum(sizes[order]) <= _ROWS]
    if taken.size < 10:
        return np.sort(np.random.default_rng(0).choice(groups.size, _ROWS, replace=False))
    return np.flatnonzero(np.isin(groups, taken))


def _straddling(evidence: DataEvidence, groups: NDArray[np.int64]) -> float:
    """Share of sealed rows whose group is also among the rows to learn from; 1 where there is no split yet."""
    split = evidence.split
    if split is None or split.test.size == 0:
        return 1.0
    learned = np.unique(groups[np.concatenate([split.train, split.val])])
    return float(np.isin(groups[split.test], learned).mean())


def _finding(evidence: DataEvidence, proof: _Proof, n_classes: int) -> Finding:
    one, gap = proof.candidate, proof.gap
    kind = str(getattr(evidence.split.kind, "value", evidence.split.kind)) if evidence.split is not None else ""
    declared = evidence.spec is not None and evidence.spec.features.group in one.columns
    sure = one.named and (len(one.columns) == 1 or one.subject == "rows")
    severity = Severity.HIGH if gap.share >= (HIGH if sure else HIGH_UNNAMED) else Severity.MEDIUM
    period = not sure and one.groups.size > _LARGEST_MEAN * (int(one.groups.max()) + 1)
    if not one.named or period:
        severity = Severity.MEDIUM  # a route, a shop: an honest category that is met again; only its owner knows
    if proof.guarded:
        severity = Severity.LOW if declared else Severity.MEDIUM
    elif "time" in kind and severity is Severity.HIGH:
        severity = Severity.MEDIUM  # known things met again later: often just how the model will be used
    fair, honest = score(n_classes, gap.flattering), score(n_classes, gap.honest)
    where = (
        "the split keeps each on one side, as it must"
        if proof.guarded
        else f"{proof.straddling:.0%} of the sealed rows share theirs with rows to learn from"
    )
    column = one.columns[0]
    return Finding(
        code="leak.group",
        severity=severity,
        blocking=severity is Severity.HIGH and gap.share >= BLOCKING,
        subject=one.subject,
        message=f"Rows {one.label} share more than the features say: a small model scores {fair} when they are "
        f"dealt at random and {honest} when each stays on one side; {where}.",
        observed={"random": gap.flattering, "grouped": gap.honest, "share_lost": gap.share},
        threshold={"share_lost": NOTED},
        evidence={
            "groups": int(one.groups.max()) + 1,
            "fall": gap.fall,
            "low": gap.low,
            "high": gap.high,
            "rows": gap.n,
            "sealed_rows_with_known_group": proof.straddling,
            "score_random": fair,
            "score_grouped": honest,
        },
        advice=f"set features.group: {column} and data.split.kind: group, and promise {honest} for new ones"
        if len(one.columns) == 1
        else "number what these rows have in common in a column, name it in features.group, and set "
        f"data.split.kind: group; promise {honest} for new ones",
    )


PLUGIN: Check = _Group()
