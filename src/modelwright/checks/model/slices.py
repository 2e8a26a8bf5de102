"""Groups of rows that are served clearly worse than the whole."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.model._shared import estimate, example, figure, metric_name, primary, report_of, shown, sign
from modelwright.core.judgement import Judgement, WeakSlice
from modelwright.core.nouns import Finding, Level, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import SliceResult

#: how far a group may fall behind, as a share of the whole's value
LIMIT = 0.10
MIN_SHARE = 0.03
_MOST = 3
#: a confirmed slice is grave where its loss is this many times the usual, and adds this share to all loss
HIGH_RATIO = 2.0
MEDIUM_RATIO = 1.5
HIGH_HARM = 0.05
_METRICS = {"error_rate": "error rate", "mae": "mean absolute error"}


def _slice(value: float) -> tuple[SliceResult, ...]:
    one = estimate(value, 0.03, 300)
    return (SliceResult(condition="plan = basic", n=300, share=0.15, estimate=one, difference=value - 0.85),)


def _found(*, confirmed: bool) -> Judgement:
    one = WeakSlice(
        condition="age <= 25 and plan = basic",
        columns=("age", "plan"),
        n=120,
        share=0.04,
        metric="error_rate",
        estimate=estimate(0.30, 0.08, 120),
        whole=0.12,
        difference=-0.18,
        p_value=0.001 if confirmed else 0.4,
        confirmed=confirmed,
    )
    return Judgement(weak_slices=(one,))


class _Slices:
    codes = ("model.slices",)
    examples = (
        Example(make=lambda: example(slices=_slice(0.60)), codes=("model.slices",)),
        Example(make=lambda: example(slices=_slice(0.84), judgement=_found(confirmed=True)), codes=("model.slices",)),
        Example(make=lambda: example(slices=_slice(0.84), judgement=_found(confirmed=False)), codes=("model.slices",)),
        Example(make=lambda: example(slices=_slice(0.84))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        if report is not None and not report.task.has_target:
            return
        yield from _discovered(evidence)
        whole = primary(report) if report is not None else None
        searched = evidence.record is not None and evidence.record.judgement is not None
        if report is None or whole is None or (not report.slices and not searched):
            yield undecided("model.slices", "model", "no group of rows was measured on its own")
            return
        # Many groups are looked at: each interval is widened by half before it counts (a cheap Bonferroni).
        weak = [one for one in report.slices if one.share >= MIN_SHARE and _is_weak(one, whole.value, sign(report))]
        for one in sorted(weak, key=lambda found: (found.difference, found.condition))[:_MOST]:
            everywhere = whole.value if one.whole is None else one.whole
            yield Finding(
                code="model.slices",
                severity=Severity.LOW,
                confidence=Level.MEDIUM,
                subject=f"slice:{one.condition}",
                message=f"Where {one.condition}, {metric_name(one.metric or report.metric)} is "
                f"{shown(one.estimate)} on {one.n:,} rows; on all rows it is {figure(everywhere)}.",
                observed=one.estimate.value,
                threshold=LIMIT,
                evidence={"share": one.share, "difference": one.difference},
                advice=f"look at the errors where {one.condition}: more rows like these, or columns that tell them "
                "apart, help there; until then let people decide",
            )


def _discovered(evidence: ModelEvidence) -> Iterator[Finding]:
    """Slices that were searched for: confirmed ones count, of the others the best is told and counts for nothing."""
    judgement = evidence.record.judgement if evidence.record is not None else None
    found = judgement.weak_slices if judgement is not None else ()
    confirmed = [one for one in found if one.confirmed]
    for one in confirmed[:_MOST]:
        yield _weak(one)
    if not confirmed and found:
        yield _weak(found[0])


def _weak(one: WeakSlice) -> Finding:
    worse = one.estimate.value / max(one.whole, 1e-12)
    # what the slice costs all rows together: its share of all loss beyond what it would be at the usual rate
    harm = one.share * (worse - 1)
    is_large = one.confirmed and worse >= HIGH_RATIO and harm >= HIGH_HARM
    severity = Severity.MEDIUM if worse >= MEDIUM_RATIO else Severity.LOW
    severity = Severity.HIGH if is_large else severity if one.confirmed else Severity.INFO
    tail = "" if one.confirmed else "; the rows kept to confirm it do not bear it out, so it may be chance"
    return Finding(
        code="model.slices",
        severity=severity,
        confidence=Level.HIGH if one.confirmed else Level.LOW,
        subject=f"slice:{one.condition}",
        message=f"Where {one.condition}, the {_METRICS.get(one.metric, metric_name(one.metric))} is "
        f"{shown(one.estimate)} on "
        f"{one.n:,} rows that did not help to find this group ({one.share:.1%} of all); on all rows it is "
        f"{figure(one.whole)}{tail}.",
        observed=one.estimate.value,
        threshold=one.whole,
        evidence={"share": one.share, "ratio": worse, "p_value": one.p_value, "columns": list(one.columns)},
        advice=f"collect more rows where {one.condition}, add columns that tell them apart, or send them to a person"
        if one.confirmed
        else "judge more rows before acting on this group",
        source="Benjamini and Hochberg (1995) over the groups tested",
    )


def _is_weak(one: SliceResult, primary: float, direction: float) -> bool:
    """Far behind, and not by chance. A slice that has its own metric says by its difference which way is better."""
    part, whole = one.estimate, primary if one.whole is None else one.whole
    if part.low is None or part.high is None or -one.difference <= LIMIT * max(abs(whole), 1e-12):
        return False
    if one.whole is not None:
        direction = 1.0 if part.value < whole else -1.0
    bound = part.high if direction > 0 else part.low
    widened = part.value + 1.5 * (bound - part.value)
    return direction * (whole - widened) > 0


PLUGIN: Check = _Slices()
