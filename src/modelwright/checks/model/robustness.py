"""Disturbances that break the model: a field that goes missing, noise, wild values, another unit."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.checks.floor import floor_of
from modelwright.checks.model._shared import estimate, example, figure, metric_name, primary, report_of, sign
from modelwright.core.judgement import Judgement, Robustness
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.report import Report

#: share of what the model adds to the best free answer, above which a fall is a break; half of it is a weakness
BREAKS = 0.5
WEAKENS = 0.25
_MOST = 3
#: disturbances that nobody can expect a model to ride out, told as information
_STRONG = ("adversarial", "out_of_range", "shifted")
_WORDS = {
    "missing": "is missing",
    "noise": "carries noise",
    "out_of_range": "lies far outside what was seen in training",
    "shifted": "is shifted",
    "unseen": "holds a value never seen",
    "typos": "is misspelt",
    "adversarial": "is moved the worst way",
}


def _judged(kind: str, fall: float, subject: str = "column:tenure") -> Judgement:
    one = Robustness(
        kind=kind, subject=subject, level="always missing", score=estimate(0.85 - fall), fall=fall, seen=0.02
    )
    return Judgement(robustness=(one,))


class _Robustness:
    codes = ("model.robustness",)
    examples = (
        Example(make=lambda: example(judgement=_judged("missing", 0.25)), codes=("model.robustness",)),
        Example(make=lambda: example(judgement=_judged("noise", 0.25, "all")), codes=("model.robustness",)),
        Example(make=lambda: example(judgement=_judged("adversarial", 0.3, "all")), codes=("model.robustness",)),
        Example(make=lambda: example(judgement=_judged("missing", 0.02))),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        report = report_of(evidence)
        judgement = evidence.record.judgement if evidence.record is not None else None
        if report is not None and not report.task.has_target:
            return
        gain = _gain(report) if report is not None else None
        if report is None or judgement is None or not judgement.robustness or gain is None:
            yield undecided("model.robustness", "model", "the model was not tried on disturbed rows")
            return
        broken = [one for one in judgement.robustness if _share(one, gain) >= WEAKENS and _is_sure(one, report)]
        told: set[str] = set()
        for one in sorted(broken, key=lambda found: (_is_strong(found), -found.fall, found.subject, found.level)):
            if one.subject in told or len(told) == _MOST:
                continue
            told.add(one.subject)
            yield _finding(one, report, _share(one, gain))


def _gain(report: Report) -> float | None:
    """What the model adds to the best free answer, in the metric; a tenth of its score where none was measured."""
    found = primary(report)
    if found is None:
        return None
    floor = floor_of(report)
    if floor is None and report.metric == "roc_auc":
        gain = found.value - 0.5
    elif floor is None:
        gain = 0.2 * abs(found.value)
    else:
        gain = sign(report) * (found.value - floor.value)
    return gain if gain > 0 else None


def _share(one: Robustness, gain: float) -> float:
    return one.fall / gain


def _is_sure(one: Robustness, report: Report) -> bool:
    """The undisturbed score lies outside the interval of the disturbed one."""
    bound = one.score.high if report.greater_is_better else one.score.low
    if bound is None:
        return True
    before = one.score.value + sign(report) * one.fall
    return sign(report) * (before - bound) > 0


def _is_strong(one: Robustness) -> bool:
    return one.kind in _STRONG or "0.5 standard" in one.level


def _finding(one: Robustness, report: Report, share: float) -> Finding:
    breaks = share >= BREAKS
    field = one.subject.removeprefix("column:")
    what = f"'{field}'" if one.subject.startswith("column:") else "input"
    # a field that has never been missing is a risk to know of; one that is missing at times does harm already
    severity = Severity.MEDIUM if breaks and (one.seen or one.kind != "missing") else Severity.LOW
    before = one.score.value + sign(report) * one.fall
    changed = "" if one.changed is None else f", and {one.changed:.0%} of the answers change"
    verb = "breaks" if breaks else "suffers"
    return Finding(
        code="model.robustness",
        severity=Severity.INFO if _is_strong(one) else severity,
        subject=one.subject if one.subject.startswith("column:") else "model",
        message=f"The model {verb} when {what} {_WORDS.get(one.kind, one.kind)} ({one.level}): "
        f"{metric_name(report.metric)} goes "
        f"from {figure(before)} to {figure(one.score.value)}, {share:.0%} of what it adds to a "
        f"constant answer{changed}.",
        observed=share,
        threshold=WEAKENS,
        evidence={"kind": one.kind, "level": one.level, "fall": one.fall, "changed": one.changed},
        advice=_advice(one, field),
    )


def _advice(one: Robustness, field: str) -> str:
    if one.kind == "missing" and one.subject != "all":
        return f"refuse rows without '{field}' or send them to a person, and watch how often it is missing in use"
    if one.kind in ("out_of_range", "shifted"):
        return f"check the range and the unit of '{field}' before predicting"
    if one.kind == "unseen":
        return f"collect rows with the new values of '{field}', and watch for unseen ones in use"
    return "check inputs before predicting, and train with rows disturbed like those met in use"


PLUGIN: Check = _Robustness()
