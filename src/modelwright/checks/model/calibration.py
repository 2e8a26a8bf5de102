"""Whether predicted probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import example, report_of
from modelwright.core.judgement import Calibration, Judgement
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example

LIMIT = 0.05


def _curve(error: float) -> dict[str, Any]:
    return {"calibration": {"expected_error": error, "chance_error": 0.01}}


class _Calibration:
    codes = ("model.calibration",)
    examples = (
        Example(make=lambda: example(curves=_curve(0.12)), codes=("model.calibration",)),
        Example(
            make=lambda: example(
                curves=_curve(0.12),
                judgement=Judgement(calibration=Calibration(method="platt", error_raw=0.2, error=0.03)),
            ),
            codes=("model.calibration",),
        ),
        Example(make=lambda: example(curves=_curve(0.02))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is not None and not report.task.is_classification:
            return
        curve = report.curves.get("calibration") if report is not None else None
        error = curve.get("expected_error") if isinstance(curve, dict) else None
        if not isinstance(curve, dict) or not isinstance(error, float | int):
            yield undecided("model.calibration", "model", "the probabilities were not compared with what happened")
            return
        chance = float(curve.get("chance_error") or 0.0)
        if error <= LIMIT + chance:
            return
        yield Finding(
            code="model.calibration",
            severity=Severity.MEDIUM if error > 2 * LIMIT + chance else Severity.LOW,
            subject="model",
            message=f"Predicted probabilities are off by {error:.1%} on average (chance alone would give "
            f"{chance:.1%}){_before(evidence)}.",
            observed=float(error),
            threshold=LIMIT + chance,
            evidence=_measured(evidence),
            advice="leave model.calibrate on, or read the probabilities as ranks only",
            source="Naeini et al. (2015), AAAI",
        )


def _tried(evidence: ModelEvidence) -> Calibration | None:
    judged = evidence.record.judgement if evidence.record is not None else None
    return judged.calibration if judged is not None else None


def _before(evidence: ModelEvidence) -> str:
    """What calibration did on the rows it was chosen by, whether not enough or too much."""
    one = _tried(evidence)
    if one is None or one.error is None:
        return ""
    if one.method == "raw" or one.error_raw is None:
        return f"; out of fold they were off by {one.error:.1%}, and no calibration did better"
    return f"; out of fold {one.method} had brought them from {one.error_raw:.1%} to {one.error:.1%}"


def _measured(evidence: ModelEvidence) -> dict[str, Any] | None:
    one = _tried(evidence)
    return (
        None if one is None else {"method": one.method, "out_of_fold": one.error, "before": one.error_raw, "n": one.n}
    )


PLUGIN: Check = _Calibration()
