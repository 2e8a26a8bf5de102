"""A blocked run with everything that can be measured of a model, written out by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from modelwright.checks.verdict import fold, since
from modelwright.core.judgement import (
    Calibration,
    Dependence,
    Fairness,
    FairnessGap,
    GroupMeasure,
    Judgement,
    LearningCurve,
    LearningPoint,
    Proof,
    Robustness,
    Uncertainty,
    WeakSlice,
    WorstRow,
)
from modelwright.core.nouns import Estimate, Finding, Severity
from modelwright.core.report import Comparison
from modelwright.core.run import RunRecord
from tests.unit.documents import document_samples as samples


def estimate(value: float, half: float, n: int = 860) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=n, method="bootstrap")


LEAK = Finding(
    code="leak.post_event",
    severity=Severity.HIGH,
    blocking=True,
    subject="column:biopsy result",
    message="'biopsy result' is written after the diagnosis: filled in 99 % of malignant and 3 % of benign rows.",
    advice="drop 'biopsy result', or declare when it is known",
    observed=0.96,
)


def _group(name: str, n: int, score: float, chosen: float) -> GroupMeasure:
    half = 1.0 / n**0.5
    return GroupMeasure(
        group=name,
        n=n,
        measures={
            "score": estimate(score, half, n),
            "selection_rate": estimate(chosen, half * 0.8, n),
            "true_positive_rate": estimate(score - 0.06, half * 1.2, n),
        },
    )


def judgement() -> Judgement:
    grid = np.linspace(6, 28, 16)
    rise = 1 / (1 + np.exp(-(grid - 15) / 2))
    points = tuple(
        LearningPoint(n=n, train=0.999 - 0.004 * k, judged=estimate(0.90 + 0.024 * k**0.7, 0.03 / (k + 1)))
        for k, n in enumerate((50, 100, 199, 398))
    )
    return Judgement(
        calibration=Calibration(method="beta", error_raw=0.061, error=0.024, loss_raw=0.23, loss=0.19, n=483),
        learning_curve=LearningCurve(metric="roc_auc", points=points, last_gain=estimate(0.021, 0.009)),
        weak_slices=(
            WeakSlice(
                condition="mean radius <= 11.7 and clinic = north",
                columns=("mean radius", "clinic"),
                n=63,
                share=0.15,
                metric="balanced_accuracy",
                estimate=estimate(0.71, 0.08),
                whole=0.92,
                difference=-0.21,
                p_value=0.003,
                confirmed=True,
            ),
            WeakSlice(
                condition="age > 70",
                columns=("age",),
                n=48,
                share=0.11,
                metric="balanced_accuracy",
                estimate=estimate(0.84, 0.10),
                whole=0.92,
                difference=-0.08,
                p_value=0.2,
            ),
        ),
        fairness=(
            Fairness(
                column="clinic",
                groups=(
                    _group("north", 210, 0.88, 0.21),
                    _group("south", 340, 0.93, 0.42),
                    _group("west", 120, 0.92, 0.39),
                ),
                gaps=(
                    FairnessGap(
                        measure="selection_rate",
                        best="south",
                        worst="north",
                        difference=estimate(0.21, 0.07),
                        ratio=0.5,
                    ),
                ),
                too_small=("east (7 rows)",),
            ),
        ),
        robustness=(
            Robustness(
                kind="missing",
                subject="worst area",
                level="in all rows",
                score=estimate(0.81, 0.03),
                fall=0.164,
                changed=0.19,
            ),
            Robustness(
                kind="noise",
                subject="all",
                level="10 % of the standard deviation",
                score=estimate(0.967, 0.02),
                fall=0.007,
                changed=0.02,
            ),
            Robustness(
                kind="out_of_range",
                subject="mean texture",
                level="ten times the maximum",
                score=estimate(0.93, 0.03),
                fall=0.044,
            ),
            Robustness(
                kind="unseen", subject="clinic", level="a new category", score=estimate(0.975, 0.02), fall=-0.001
            ),
        ),
        uncertainty=Uncertainty(
            kind="set",
            asked=0.9,
            coverage=estimate(0.912, 0.03),
            size=1.14,
            quantile=0.62,
            worst_group="clinic = north",
            worst_coverage=0.83,
            n_calibration=240,
        ),
        dependence=(
            Dependence(
                column="mean radius",
                values=tuple(map(float, grid)),
                mean=tuple(map(float, rise)),
                low=tuple(map(float, rise * 0.7)),
                high=tuple(map(float, rise * 0.85 + 0.15)),
                label="malignant",
            ),
            Dependence(
                column="clinic",
                values=("south", "north", "west"),
                mean=(0.41, 0.33, 0.39),
                low=(0.1, 0.05, 0.1),
                high=(0.8, 0.7, 0.8),
                label="malignant",
            ),
            Dependence(
                column="mean texture",
                values=tuple(map(float, grid)),
                mean=tuple(map(float, 0.3 + rise * 0.2)),
                label="malignant",
            ),
        ),
        contributions={"worst area": 1.21, "worst perimeter": 0.84, "mean texture": 0.31, "clinic": 0.12, "age": 0.02},
        worst_rows=(WorstRow(row=17, truth="malignant", predicted="benign", loss=3.9, values={"mean radius": 9.1}),),
        proofs=(
            Proof(
                kind="without_column",
                subject="column:biopsy result",
                score=estimate(0.905, 0.03),
                unchanged=estimate(0.985, 0.01),
                difference=estimate(-0.08, 0.02),
            ),
            Proof(
                kind="out_of_time",
                subject="split",
                score=estimate(0.89, 0.04),
                unchanged=estimate(0.985, 0.01),
                difference=estimate(-0.095, 0.03),
            ),
            Proof(
                kind="shuffled_target",
                subject="target",
                score=estimate(0.503, 0.03),
                unchanged=estimate(0.985, 0.01),
                difference=estimate(-0.48, 0.03),
            ),
        ),
        champion=Comparison(against="champion", metric="roc_auc", difference=estimate(0.012, 0.01), p_value=0.02, n=86),
        champion_version=2,
        champion_looks=3,
        missing={"adversarial": "the model is not differentiable"},
    )


def blocked(**changes: Any) -> RunRecord:
    base = samples.binary()
    findings = (LEAK, *samples.FINDINGS)
    record = msgspec.structs.replace(base, judgement=judgement(), findings=findings, **changes)
    former = fold([LEAK, msgspec.structs.replace(LEAK, subject="column:surgeon")], "model", record=record)
    verdict = fold(findings, "model", record=record)
    verdict = msgspec.structs.replace(verdict, since=since(former, verdict, run_id="20260131-1", version=2))
    return msgspec.structs.replace(record, verdict=verdict)


def multiclass() -> RunRecord:
    """Three classes, each against the rest."""
    base = samples.binary()
    assert base.report is not None
    x = np.linspace(0, 1, 40)
    roc = {name: {"x": x.tolist(), "y": (x**power).tolist(), "area": 1 / (1 + power)}
           for name, power in (("setosa", 0.05), ("versicolor", 0.3), ("virginica", 0.2))}  # fmt: skip
    report = msgspec.structs.replace(base.report, curves={"roc_by_class": roc, "precision_recall_by_class": roc})
    return msgspec.structs.replace(base, report=report)
