"""What more rows would bring."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, figure, metric_name, report_of
from modelwright.core.judgement import Judgement, LearningCurve, LearningPoint
from modelwright.core.nouns import Estimate, Finding, Severity, Task
from modelwright.core.ports import Check, Example

_CODE = "model.learning_curve"
#: without an earlier doubling to compare with, each is taken to bring so much of the one before: errors that fall with
#: the square root of the rows do
_USUAL_RATIO = 0.7


def _curve(gain: float) -> ModelEvidence:
    from dataclasses import replace

    made = example()
    assert made.record is not None
    points = tuple(
        LearningPoint(n=n, train=0.99, judged=estimate(0.85 - gain * back)) for back, n in enumerate((1000, 2000, 4000))
    )
    last = Estimate(value=gain, low=gain - 0.003, high=gain + 0.003)
    curve = LearningCurve(metric="roc_auc", points=points, last_gain=last)
    return replace(made, record=msgspec.structs.replace(made.record, judgement=Judgement(learning_curve=curve)))


def _without_target() -> ModelEvidence:
    from dataclasses import replace

    made = example()
    assert made.record is not None
    assert made.record.report is not None
    report = msgspec.structs.replace(made.record.report, task=Task.CLUSTERING)
    return replace(made, record=msgspec.structs.replace(made.record, report=report))


class _LearningCurve:
    codes = (_CODE,)
    examples = (
        Example(make=lambda: _curve(0.01), codes=(_CODE,)),
        Example(make=_without_target),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        record, report = evidence.record, report_of(evidence)
        if record is None or report is None:
            yield undecided(_CODE, "model", "nothing was trained")
            return
        if not report.task.has_target:
            return
        judgement = record.judgement or Judgement()
        curve = judgement.learning_curve
        if curve is None or curve.last_gain is None or len(curve.points) < 2:
            why = judgement.missing.get("learning_curve", "nothing was fit on fewer rows")
            yield undecided(_CODE, "model", f"whether more rows would help is not known ({why})")
            return
        yield _finding(curve, curve.last_gain)


def _finding(curve: LearningCurve, gain: Estimate) -> Finding:
    before, now = curve.points[-2].n, curve.points[-1].n
    interval = "" if gain.low is None or gain.high is None else f" ({figure(gain.low)} to {figure(gain.high)})"
    rising = gain.low is not None and gain.low > 0
    said = (
        f"Learning from {now:,} rows instead of {before:,} improves {metric_name(curve.metric)} by "
        f"{figure(gain.value)}{interval}"
    )
    if rising:
        message = f"{said}: twice as many rows again would help by about {figure(expected_gain(curve))}."
        advice = "collect more rows if that gain is worth their cost"
    else:
        message = f"{said}, which is within chance: more rows of the same kind would help little."
        advice = "look for better columns rather than for more rows"
    return Finding(
        code=_CODE,
        severity=Severity.INFO,
        subject="model",
        message=message,
        observed=gain.value,
        evidence={
            "rows": [point.n for point in curve.points],
            "score": [point.judged.value for point in curve.points],
            "gain": {"value": gain.value, "low": gain.low, "high": gain.high},
            "next doubling": expected_gain(curve) if rising else 0.0,
        },
        advice=advice,
        source="the chosen configuration fit on nested shares of each fold's rows",
    )


def expected_gain(curve: LearningCurve) -> float:
    """What the next doubling brings when each brings the same share of the one before (a power law of the rows)."""
    assert curve.last_gain is not None
    gain = curve.last_gain.value
    if len(curve.points) < 3:
        return _USUAL_RATIO * gain
    third, second = (curve.points[at].judged.value for at in (-3, -2))
    earlier = abs(second - third)
    ratio = gain / earlier if earlier > 0 else _USUAL_RATIO
    return gain * min(1.0, max(0.25, ratio))


PLUGIN: Check = _LearningCurve()
