"""Rows known over time, split at random, although later rows are harder to answer from earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.checks.data._clocks import Clock, clocks
from modelwright.checks.data._rows import model_inputs
from modelwright.checks.data._words import score
from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import has_no_target, table, target_of, task_of
from modelwright.core.nouns import Finding, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Dataset
from modelwright.stats import association, resplit

#: of what the score explains, the share that must fall on later rows: to be said, and to be high
NOTED, HIGH, BLOCKING = 0.06, 0.15, 0.6
_LEAST_FALL = 0.02
#: a strong model loses a small share of what it explains and yet makes so many more errors
_MORE_ERROR = 0.4
_ROWS = 6000
_FEWEST_ROWS = 150
_BLOCKS = 60
_MOST = 2
_REPEATS = 2


def _drifting(drift: bool) -> DataEvidence:
    rng = np.random.default_rng(11)
    n = 900
    step = np.sort(rng.integers(0, 100, n))
    x, z = rng.normal(size=n), rng.normal(size=n)
    late = np.clip((step - 50) / 30, 0, 1) if drift else 0.0
    y = ((1 - late) * x + late * z + 0.3 * rng.normal(size=n) > 0).astype(int)
    return table({"step": step, "x": x, "z": z, "y": y}, target="y", roles={"step": Role.TIME})


class _Time:
    codes = ("leak.time",)
    sample_rows = _ROWS
    examples = (
        Example(make=lambda: _drifting(True), codes=("leak.time",)),
        Example(make=lambda: _drifting(False)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        if has_no_target(evidence):
            return
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or task is None or target is None:
            yield undecided("leak.time", "split", "there is no target to follow over time")
            return
        declared = evidence.spec is not None and "time" in str(evidence.spec.data.split.kind.value)
        known = np.flatnonzero(dataset.frame[target].is_not_null().to_numpy())
        if declared or known.size < _FEWEST_ROWS:
            return
        y, n_classes = target_of(dataset.frame[target][known], task)
        if n_classes > 50 or (n_classes == 0 and np.abs(y).max() > 1e150):
            return
        proofs = []
        for clock in clocks(dataset)[:_MOST]:
            gaps = both_proofs(dataset, clock.times, known, (y, n_classes))
            proofs += [(gap, clock, level) for gap, level in zip(gaps, (False, True), strict=False) if clear(gap)]
        if proofs:
            # What is ranked wrongly comes before what is only said too high or too low.
            gap, clock, level = max(proofs, key=lambda one: (not one[2], one[0].share))
            yield _finding(evidence, dataset, (clock, level), gap, n_classes)


def clear(gap: resplit.Gap) -> bool:
    much = gap.share >= NOTED or gap.fall >= _MORE_ERROR * gap.flattering
    return gap.low > 0 and gap.fall >= _LEAST_FALL and much


def proof(
    dataset: Dataset, times: NDArray[np.float64], known: NDArray[np.int64], truth: tuple[NDArray[Any], int]
) -> resplit.Gap | None:
    """The last third of the rows judged by models that learned from as many rows: at random, or the earlier ones.

    truth: targets of the `known` rows and the number of classes. None where the rows do not suffice.
    """
    return next(iter(both_proofs(dataset, times, known, truth)), None)


def both_proofs(
    dataset: Dataset, times: NDArray[np.float64], known: NDArray[np.int64], truth: tuple[NDArray[Any], int]
) -> tuple[resplit.Gap, ...]:
    """`proof`, and for classes the same by a proper score, which a mere change of their shares makes worse as well."""
    y, n_classes = truth
    at = np.flatnonzero(np.isfinite(times[known]))
    if at.size > _ROWS:
        at = np.sort(np.random.default_rng(0).choice(at, _ROWS, replace=False))
    at = at[np.argsort(times[known][at], kind="stable")]
    if at.size < _FEWEST_ROWS:
        return ()
    edge = times[known][at[2 * at.size // 3]]
    late = times[known][at] >= edge
    part = y[at]
    if n_classes:
        kinds, part = np.unique(part, return_inverse=True)
        n_classes = int(kinds.size)
    if not _fit_to_judge(part, late, n_classes):
        return ()
    X, categorical = model_inputs(dataset, dataset.frame[known[at]])
    if X.shape[1] == 0:
        return ()
    later = association.together(X, part, n_classes, np.where(late, 1, 2), categorical)[late]
    gaps: list[resplit.Gap] = []
    levels: list[resplit.Gap] = []
    for repeat in range(_REPEATS):
        fold = association.folds(part.size, repeat)
        if not resplit.every_class_learned(part, n_classes, fold):
            return ()
        random = association.together(X, part, n_classes, fold, categorical)[late]
        units = np.arange(int(late.sum())) * _BLOCKS // int(late.sum())
        gaps.append(resplit.compare(part[late], n_classes, (random, later), units))
        if n_classes:
            levels.append(resplit.compare(part[late], n_classes, (random, later), units, resplit.brier))
    return tuple(min(some, key=lambda one: one.low) for some in (gaps, levels) if some)


def _fit_to_judge(y: NDArray[Any], late: NDArray[np.bool_], n_classes: int) -> bool:
    if int(late.sum()) < 50 or int((~late).sum()) < 50:
        return False
    if n_classes == 0:
        return float(np.std(y[late])) > 0 and float(np.std(y[~late])) > 0
    if n_classes < 2:
        return False
    counts = np.bincount(y[late], minlength=n_classes)
    early = np.bincount(y[~late], minlength=n_classes)
    return bool((counts > 0).sum() >= 2 and np.sort(counts)[-2] >= 8 and (early > 0).all())


def _finding(
    evidence: DataEvidence, dataset: Dataset, told: tuple[Clock, bool], gap: resplit.Gap, n_classes: int
) -> Finding:
    clock, level = told
    kind = str(getattr(evidence.split.kind, "value", evidence.split.kind)) if evidence.split is not None else ""
    guarded = "time" in kind
    # Where only the level moves, the ranking holds: a new threshold mends it.
    severity = Severity.HIGH if gap.share >= HIGH and not level else Severity.MEDIUM
    if guarded:
        severity = Severity.LOW
    fair, honest = (
        (f"Brier skill {1 - one:.3f}" if level else score(n_classes, one)) for one in (gap.flattering, gap.honest)
    )
    named = any(dataset.schema[name].role is Role.TIME for name in clock.columns)
    tell = "" if named or len(clock.columns) > 1 else f"features.time: {clock.columns[0]} and "
    steps = f"set {tell}data.split.kind: time"
    if len(clock.columns) > 1:
        steps += ", with the rows sorted by these columns, or make one date of them and name it in features.time"
    return Finding(
        code="leak.time",
        severity=severity,
        blocking=not guarded and not level and gap.share >= BLOCKING,
        subject="split",
        message=f"Rows are known over time ({clock.label}), and what holds early does not hold late: on the last third "
        f"a small model scores {fair} when it learned from rows of all times and {honest} when it learned from earlier "
        f"ones; " + ("the split is by time, as it must be." if guarded else f"a {kind or 'random'} split hides that."),
        observed={"random": gap.flattering, "later": gap.honest, "share_lost": gap.share},
        threshold={"share_lost": NOTED},
        evidence={
            "clock": list(clock.columns),
            "level_only": level,
            "fall": gap.fall,
            "low": gap.low,
            "high": gap.high,
            "rows": gap.n,
            "score_random": fair,
            "score_later": honest,
        },
        advice=f"{steps}, and promise {honest}",
    )


PLUGIN: Check = _Time()
