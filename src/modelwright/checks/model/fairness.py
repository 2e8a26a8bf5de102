"""Groups of people that the model serves differently."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.model._shared import estimate, example, figure, report_of
from modelwright.core.judgement import Fairness, FairnessGap, GroupMeasure, Judgement
from modelwright.core.nouns import Estimate, Finding, Level, Severity
from modelwright.core.ports import Check, Example

#: a rate that differs by this much, or by this ratio, harms somebody
GAP = 0.1
FOUR_FIFTHS = 0.8
#: for numbers: the error of a group over the mean of the groups'
ERROR_GAP = 0.25
#: gaps that block a model whose owner asked for fairness
EXTREME = 0.5
_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
_SIZED = (*_RATES, "calibration_error")


def _judged(gap: float, low: float, *, asked: bool = True, ratio: float = 0.9, ratio_high: float = 1.0) -> Judgement:
    measured = Estimate(value=gap, low=low, high=gap + 0.05, n=2000, method="example")
    groups = tuple(
        GroupMeasure(group=name, n=1000, measures={"true_positive_rate": estimate(value)})
        for name, value in (("F", 0.8 - gap), ("M", 0.8))
    )
    one = FairnessGap(
        measure="true_positive_rate", best="M", worst="F", difference=measured, ratio=ratio, ratio_high=ratio_high
    )
    return Judgement(fairness=(Fairness(column="sex", groups=groups, gaps=(one,), asked=asked),))


class _Fairness:
    codes = ("model.fairness",)
    examples = (
        Example(make=lambda: example(judgement=_judged(0.25, 0.15)), codes=("model.fairness",)),
        Example(make=lambda: example(judgement=_judged(0.25, 0.15, asked=False)), codes=("model.fairness",)),
        Example(
            make=lambda: example(judgement=_judged(0.7, 0.6, ratio=0.1, ratio_high=0.2)), codes=("model.fairness",)
        ),
        Example(make=lambda: example(judgement=_judged(0.03, 0.0))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        judgement = evidence.record.judgement if evidence.record is not None else None
        if report is not None and not report.task.has_target:
            return
        if judgement is None:
            yield undecided("model.fairness", "model", "no groups were compared")
            return
        if "fairness" in judgement.missing:
            yield undecided(
                "model.fairness", "model", f"groups could not be compared ({judgement.missing['fairness']})"
            )
        for one in judgement.fairness:
            if one.asked and not one.gaps:
                why = f"the groups of '{one.column}' are too small to compare: {listing(one.too_small)}"
                yield undecided("model.fairness", f"column:{one.column}", why)
                continue
            yield from _judge(one)


def _judge(one: Fairness) -> Iterator[Finding]:
    """One finding a column: its gravest gap, the others as evidence."""
    ranked = sorted(one.gaps, key=lambda gap: (-_gravity(one, gap), gap.measure))
    grave = [gap for gap in ranked if _gravity(one, gap) > 0]
    if not grave:
        return
    worst = grave[0]
    is_extreme = one.asked and worst.measure in _RATES and (worst.difference.low or 0.0) > EXTREME
    severity = Severity.INFO if not one.asked else (Severity.HIGH if _gravity(one, worst) >= 1 else Severity.LOW)
    tried = f"; tried: {'; '.join(one.mitigations)}" if one.mitigations else ""
    yield Finding(
        code="model.fairness",
        severity=Severity.CRITICAL if is_extreme else severity,
        blocking=is_extreme,
        confidence=Level.HIGH if (worst.difference.low or 0.0) > 0 else Level.MEDIUM,
        subject=f"column:{one.column}",
        message=_said(one, worst),
        observed=worst.difference.value,
        threshold=GAP if worst.measure in _SIZED else ERROR_GAP,
        evidence={
            gap.measure: {"gap": gap.difference.value, "low": gap.difference.low, "ratio": gap.ratio} for gap in grave
        },
        advice=(
            f"decide whether this difference between groups of '{one.column}' is right; weigh rows so that the groups "
            f"count alike, or collect more rows of {worst.worst}{tried}"
            if one.asked
            else f"write evaluation.fairness: [{one.column}] if its groups must be served alike"
        ),
        source="four-fifths rule: 29 CFR 1607.4 (D); equal opportunity: Hardt, Price and Srebro (2016)",
    )


def _gravity(one: Fairness, gap: FairnessGap) -> float:
    """0: not beyond chance; below 1: real but small; 1 and more: harmful, larger the worse."""
    low = gap.difference.low or 0.0
    if gap.measure in _SIZED:
        unequal = gap.measure == "selection_rate" and gap.ratio_high is not None and gap.ratio_high < FOUR_FIFTHS
        if low <= 0.0 and not unequal:
            return 0.0
        return max(low / GAP, 1.0 if unequal else 0.0)
    if low <= 0.0:
        return 0.0
    name = gap.measure if gap.measure != "mean_error" else "mae"
    sizes = [group.measures[name].value for group in one.groups if name in group.measures]
    typical = sum(sizes) / len(sizes) if sizes else 0.0
    return low / max(ERROR_GAP * typical, 1e-12)


def _said(one: Fairness, gap: FairnessGap) -> str:
    words = gap.measure.replace("_", " ")
    low, high = gap.difference.low, gap.difference.high
    between = "" if low is None or high is None else f" ({figure(low)} to {figure(high)})"
    ratio = f", a ratio of {figure(gap.ratio)}" if gap.ratio is not None and gap.measure == "selection_rate" else ""
    values = {group.group: group.measures[gap.measure] for group in one.groups if gap.measure in group.measures}
    each = " and ".join(f"{figure(values[name].value)} for {name}" for name in (gap.worst, gap.best) if name in values)
    gap_said = f"{figure(gap.difference.value)}{between}{ratio}"
    return f"The {words} differs between groups of '{one.column}' by {gap_said}: {each}."


PLUGIN: Check = _Fairness()
