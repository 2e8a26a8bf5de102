"""Labels that are probably wrong: surest predictions contradicted more often than a hard problem would explain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.strengths import Strengths, measured_rows, strengths, table, task_of
from modelwright.core.nouns import Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.stats import label_noise

#: the lower end of the interval, and the rate itself, from which it is said: below, honest tables reach it by chance
LOW, RATE = 0.015, 0.03
#: fewer rows bound no rate; wider or finer problems cost more than they tell
_MIN_ROWS, _MAX_CLASSES, _MAX_COLUMNS = 100, 20, 40
_SHOWN = 50
_CODE = "data.label_noise"


def _blobs(flipped: float) -> DataEvidence:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 600)
    a, b = rng.normal(size=600) + 2.5 * y, rng.normal(size=600) - 2.5 * y
    y = np.where(rng.random(600) < flipped, 1 - y, y)
    return table({"a": a, "b": b, "y": y}, target="y")


def _overlap() -> DataEvidence:
    """Hard and honest: four in ten rows cannot be told, and no label is wrong."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 600)
    return table({"a": rng.normal(size=600) + 0.6 * y, "b": rng.normal(size=600), "y": y}, target="y")


class _LabelNoise:
    codes = (_CODE,)
    examples = (
        Example(make=lambda: _blobs(0.12), codes=(_CODE,)),
        Example(make=lambda: _blobs(0.0)),
        Example(make=_overlap),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset, task = evidence.dataset, task_of(evidence)
        target = dataset.schema.target if dataset is not None else None
        if dataset is None or target is None:
            if evidence.problem is None or evidence.problem.task.has_target:
                yield undecided(_CODE, "data", "there is no target to look at")
            return
        if task is None or not task.is_classification:
            return
        found = strengths(evidence)
        if found is None or found.y.size < _MIN_ROWS or found.n_classes > _MAX_CLASSES:
            return
        noise = label_noise.estimate(found.y, found.joint, _linear(found))
        if noise.low < LOW or noise.rate < RATE or noise.evidence < label_noise.SURE:
            return
        yield _finding(noise, measured_rows(evidence, dataset, target), target)


def _linear(found: Strengths) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The strongest columns only; `names` are in that order."""
    width = min(_MAX_COLUMNS, found.X.shape[1])
    codes = tuple(at for at in found.categorical if at < width)
    return label_noise.linear_probabilities(found.X[:, :width], found.y, found.n_classes, found.fold, codes)


def _finding(
    noise: label_noise.LabelNoise, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]], target: str
) -> Finding:
    order = np.argsort(-noise.wrong, kind="stable")
    suspects = [int(rows[at]) for at in order[: int((noise.wrong > 0.5).sum())]]
    return Finding(
        code=_CODE,
        severity=Severity.MEDIUM,
        confidence=Level.HIGH if noise.evidence > 2 * label_noise.SURE else Level.MEDIUM,
        subject=f"column:{target}",
        message=f"About {noise.rate:.0%} of the labels of '{target}' are probably wrong (95 % interval {noise.low:.1%} "
        f"to {noise.high:.0%}): where a model is surest, {noise.observed_floor:.1%} of rows contradict it; an honest "
        f"problem as hard as this one would show {noise.expected_floor:.1%}. No model can measure much better than "
        f"{1 - noise.rate:.0%} accuracy on such labels. {len(suspects):,} of {rows.size:,} rows looked at are more "
        "likely wrong than right.",
        observed=noise.rate,
        threshold=RATE,
        evidence={
            "low": noise.low,
            "high": noise.high,
            "log_likelihood_gain": round(noise.evidence, 2),
            "contradicted_where_surest": round(noise.observed_floor, 4),
            "expected_where_surest": round(noise.expected_floor, 4),
            "rows_looked_at": int(rows.size),
            "suspects": len(suspects),
            "suspicious_rows": suspects[:_SHOWN],
        },
        advice="have a person look at the rows listed (0 is the first row with a target), most suspicious first; "
        "correct them at the source rather than dropping them, and have a sample labelled twice to know the true rate",
        source="slip of the four-parameter logistic curve (Barton and Lord 1981) over out-of-fold margins; compare "
        "Northcutt, Jiang and Chuang (2021), Confident learning",
    )


PLUGIN: Check = _LabelNoise()
