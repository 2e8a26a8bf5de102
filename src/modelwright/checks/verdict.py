"""The fold: findings become APPROVE, CONDITIONAL or NEEDS REWORK, with reasons, conditions and confidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelwright.checks import checklist, escalation, recommendations
from modelwright.checks.floor import floor_of
from modelwright.checks.wording import metric_name
from modelwright.core.nouns import Condition, Decision, Finding, Level, Severity, Since, Verdict
from modelwright.core.run import RunRecord

#: families of codes that a review of a kind looks at; the model review and the pipeline review look at everything
_KINDS: dict[str, tuple[str, ...] | None] = {
    "data": ("data", "leak", "split", "check"),
    "features": ("feature", "leak", "data", "check"),
    "model": None,
    "pipeline": None,
    "deployment": ("deployment", "check"),
}
#: codes that a model's approval rests on: when one of these could not judge, there is no approval
ESSENTIAL = frozenset({"model.baseline", "model.goal", "model.overfit", "data.missing", "split.looks", "check.failed"})
_MAX_REASONS = 8
_MANY_LOOKS = 5
#: a shuffled target may beat the constant by this share of its score before it is a sign of a leak
_CHANCE = 0.05
_SURE = 0.01  # and no chance may explain it, where that was tested


def fold(findings: Iterable[Finding], kind: str, *, record: RunRecord | None = None) -> Verdict:
    """Deterministic and independent of the order of findings.

    Any blocking finding: NEEDS REWORK. Any other high or critical one, or any of medium severity that says what to
    do: CONDITIONAL. An essential check that could not judge: never APPROVE. No findings at all and no record:
    nothing was judged, so CONDITIONAL.
    """
    ordered = sorted(set_of(findings), key=_order)
    judged = [finding for finding in ordered if not finding.undecided]
    undecided = [finding for finding in ordered if finding.undecided]
    blocking = [finding for finding in judged if finding.blocking]
    judged = _without_moot(judged, blocking)
    serious = [finding for finding in judged if not finding.blocking and finding.severity.rank >= Severity.MEDIUM.rank]
    missing = [finding for finding in undecided if finding.code in ESSENTIAL]
    nothing = not ordered and record is None and kind in ("model", "pipeline")
    if blocking:
        decision = Decision.NEEDS_REWORK
    elif serious or missing or nothing:
        decision = Decision.CONDITIONAL
    else:
        decision = Decision.APPROVE
    conditions = [] if blocking else [_condition(finding) for finding in (*serious, *missing)]
    if nothing and not blocking:
        conditions.append("hand in the evidence: nothing was judged")
    return Verdict(
        decision=decision,
        confidence=_confidence(decision, judged, undecided, record),
        reasons=_reasons(blocking, serious, missing, decision),
        conditions=tuple(dict.fromkeys(conditions)),
        findings=tuple(ordered),
        checklist=checklist.answer(kind, ordered, record),
        undecided=tuple(sorted({finding.code for finding in undecided})),
        terms=tuple(_term(finding) for finding in (*blocking, *serious, *missing)),
        recommendations=recommendations.of(judged, record),
        escalation=escalation.of(ordered, record) if kind in ("model", "pipeline") else (),
        red_flags=_red_flags(judged, record),
    )


def _without_moot(judged: list[Finding], blocking: list[Finding]) -> list[Finding]:
    """Without what is asked of columns that must go because they leak: it settles itself once they are gone."""
    leaks = {finding.subject for finding in blocking if finding.code.startswith("leak.")}
    gone = {subject for subject in leaks if subject.startswith("column:")}
    return [
        finding
        for finding in judged
        if finding.blocking or finding.code.startswith("model.") or finding.subject not in gone
    ]


def since(before: Verdict, after: Verdict, *, run_id: str, version: int | None = None) -> Since:
    """What became of the conditions of `before`, the verdict of run `run_id`; a verdict without `terms` has none.

    Cleared: its check ran and no longer says so of its subject. A check that could not judge clears nothing, and a
    rule that broke may have been any of them.
    """
    now = {(each.code, each.subject) for each in after.terms}
    broken = "check.failed" in after.undecided
    mute = {each.code for each in before.terms} if broken else set(after.undecided)
    gone = [each for each in before.terms if (each.code, each.subject) not in now]
    known = {(each.code, each.subject) for each in before.terms}
    return Since(
        run_id=run_id,
        version=version,
        cleared=tuple(each for each in gone if each.code not in mute),
        still_open=tuple(each for each in before.terms if (each.code, each.subject) in now),
        new=tuple(each for each in after.terms if (each.code, each.subject) not in known),
        not_judged=tuple(each for each in gone if each.code in mute),
    )


def of_kind(findings: Sequence[Finding], kind: str) -> tuple[Finding, ...]:
    """The findings that a review of this kind looks at, in the order given."""
    families = _KINDS.get(kind)
    if families is None:
        return tuple(findings)
    return tuple(finding for finding in findings if finding.code.split(".")[0] in families)


def set_of(findings: Iterable[Finding]) -> list[Finding]:
    """Equal code and subject once, the gravest."""
    kept: dict[tuple[str, str], Finding] = {}
    for finding in sorted(findings, key=_order):
        kept.setdefault((finding.code, finding.subject), finding)
    return list(kept.values())


def _order(finding: Finding) -> tuple[bool, bool, int, str, str, str]:
    return (
        finding.undecided,
        not finding.blocking,
        -finding.severity.rank,
        finding.code,
        finding.subject,
        finding.message,
    )


def _condition(finding: Finding) -> str:
    return f"{finding.advice or finding.message} ({finding.code}, {finding.subject})"


def _term(finding: Finding) -> Condition:
    return Condition(code=finding.code, subject=finding.subject, text=finding.advice or finding.message)


def _red_flags(judged: list[Finding], record: RunRecord | None) -> tuple[str, ...]:
    """What should make a reader stop: grave findings by rule, then signs that only the measurements show."""
    flags: dict[str, list[str]] = {}
    for finding in judged:
        if finding.blocking or finding.severity.rank >= Severity.HIGH.rank:
            flags.setdefault(finding.code, []).append(finding.message)
    said = [
        found[0] if len(found) == 1 else f"{found[0]} ({len(found) - 1} more by the same rule)"
        for found in flags.values()
    ]
    return tuple(dict.fromkeys([*said, *_signs(record)]))


def _signs(record: RunRecord | None) -> list[str]:
    if record is None or record.report is None:
        return []
    report, said = record.report, []
    for proof in record.judgement.proofs if record.judgement is not None else ():
        chance = proof.chance or floor_of(report)
        bound = proof.score.low if report.greater_is_better else proof.score.high
        if proof.kind != "shuffled_target" or chance is None or bound is None:
            continue
        if proof.p_value is not None and proof.p_value > _SURE:
            continue
        if (1 if report.greater_is_better else -1) * (bound - chance.value) > _CHANCE * max(abs(chance.value), 1e-12):
            said.append(
                f"With a shuffled target the model still reaches {metric_name(report.metric)} "
                f"{proof.score.value:.3g}, where chance "
                f"gives {chance.value:.3g}: rows or preparation give answers away."
            )
    if report.looks >= _MANY_LOOKS:
        said.append(f"The sealed rows have been opened {report.looks} times: choosing by them flatters the score.")
    return said


def _reasons(
    blocking: list[Finding], serious: list[Finding], missing: list[Finding], decision: Decision
) -> tuple[str, ...]:
    reasons = [finding.message for finding in (*blocking, *serious)]
    reasons += [f"Not judged: {finding.message}" for finding in missing]
    if decision is Decision.APPROVE:
        reasons.append("Every check that could judge is satisfied, and nothing essential was left unjudged.")
    return tuple(dict.fromkeys(reasons))[:_MAX_REASONS]


def _confidence(decision: Decision, judged: list[Finding], undecided: list[Finding], record: RunRecord | None) -> Level:
    """How sure the decision is: a block rests on its finding; anything else on how much was measured and how well.

    Doubts: an essential check undecided counts 2, three other undecided ones 1; a deciding finding of low confidence
    1; a primary interval wider than a tenth (a fifth) of its value 1 (2); fewer than 500 (100) judged rows 1 (2).
    """
    blocking = [finding for finding in judged if finding.blocking]
    if blocking:
        best = max(blocking, key=lambda finding: list(Level).index(finding.confidence))
        return best.confidence
    doubts = 2 * any(finding.code in ESSENTIAL for finding in undecided)
    doubts += len({finding.code for finding in undecided if finding.code not in ESSENTIAL}) >= 3
    serious = [finding for finding in judged if finding.severity.rank >= Severity.MEDIUM.rank]
    doubts += any(finding.confidence is Level.LOW for finding in serious)
    doubts += _doubts_of_measurement(record)
    if decision is Decision.APPROVE and not judged and record is None:
        doubts += 0 if not undecided else 1
    return (Level.HIGH, Level.MEDIUM)[doubts] if doubts < 2 else Level.LOW


def _doubts_of_measurement(record: RunRecord | None) -> int:
    if record is None or record.report is None:
        return 0
    try:
        primary = record.report.primary
    except KeyError:
        return 2
    doubts = 1 if primary.n < 500 else 0
    doubts += 1 if primary.n < 100 else 0
    if primary.low is None or primary.high is None:
        return doubts + 1
    width = (primary.high - primary.low) / max(abs(primary.value), 1e-12)
    return doubts + (1 if width > 0.1 else 0) + (1 if width > 0.2 else 0)
