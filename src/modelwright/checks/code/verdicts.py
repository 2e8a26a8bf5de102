"""Findings about code become findings like all others, and the one fold gives their verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelwright.checks import recommendations
from modelwright.checks.code.finding_models import FileReview, Reported, in_characters, subject
from modelwright.checks.code.nouns import Place
from modelwright.checks.verdict import fold, set_of
from modelwright.core.nouns import Decision, Finding, Level, Severity, Verdict

#: a proved flow may be wrong about what a person meant; two of them are not
PROVED_TO_BLOCK = 2
#: so many findings of medium severity are a condition; fewer stay open
MEDIUM_TO_ASK = 3
_MAX_REASONS = 8


def as_findings(reported: Sequence[Reported]) -> list[Finding]:
    """In the order given. What blocks depends on all of them: any critical one, or two proved ones of high severity."""
    proved = {each.subject + each.code for each in reported if _proved_high(each)}
    many = len(proved) >= PROVED_TO_BLOCK
    return [_as_finding(each, each.severity is Severity.CRITICAL or (many and _proved_high(each))) for each in reported]


def _proved_high(each: Reported) -> bool:
    return each.proved and each.severity is Severity.HIGH and not each.finding.undecided


def judge(reported: Sequence[Reported], unjudged: Sequence[FileReview] = ()) -> Verdict:
    """The verdict on findings that count. Files in which nothing could be judged never end in a plain APPROVE."""
    findings = as_findings(reported)
    decided = [each for each in set_of(findings) if not each.undecided]
    medium = [each for each in decided if each.severity is Severity.MEDIUM]
    high = any(each.blocking or each.severity.rank >= Severity.HIGH.rank for each in decided)
    borne = medium if not high and len(medium) < MEDIUM_TO_ASK else []
    kept = {(each.code, each.subject) for each in borne}
    verdict = fold([each for each in findings if (each.code, each.subject) not in kept], "code")
    return _told(verdict, findings, borne, unjudged)


def _told(verdict: Verdict, findings: list[Finding], borne: list[Finding], unjudged: Sequence[FileReview]) -> Verdict:
    asked = {(each.code, each.subject) for each in verdict.terms}
    deciding = [each for each in set_of(findings) if (each.code, each.subject) in asked]
    reasons = [f"{each.subject}: {each.message} ({each.code})" for each in deciding]
    if not deciding:
        reasons.append("No critical or high finding, and fewer than three of medium severity.")
    if borne:
        reasons.append(f"{_count(len(borne), 'finding')} of medium severity stay{'s' * (len(borne) == 1)} open.")
    decision, confidence = verdict.decision, verdict.confidence
    conditions = [f"{each.subject}: {each.advice or each.message} ({each.code})" for each in deciding]
    if unjudged:
        names = ", ".join(each.path for each in unjudged[:3]) + (" and more" if len(unjudged) > 3 else "")
        said = f"Could not judge {_count(len(unjudged), 'file')}: {names}."
        reasons.append(said)
        if decision is Decision.APPROVE:
            decision, confidence = Decision.CONDITIONAL, Level.LOW
            conditions.append(f"{said[:-1]}; see what was not judged")
    return msgspec.structs.replace(
        verdict,
        decision=decision,
        confidence=confidence,
        reasons=tuple(reasons[:_MAX_REASONS]),
        conditions=() if decision is Decision.NEEDS_REWORK else tuple(dict.fromkeys(conditions)),
        findings=tuple(findings),
        recommendations=recommendations.of([each for each in findings if not each.undecided], None),
    )


def word_for(review: FileReview) -> str:
    """The verdict on one file, or that there is none."""
    decision = judge(review.findings).decision
    if decision is Decision.APPROVE and review.could_not_judge:
        return "could not judge"
    return decision.value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _as_finding(each: Reported, blocking: bool) -> Finding:
    found = each.finding
    return Finding(
        code=each.code,
        severity=each.severity,
        subject=each.subject,
        message=found.message,
        blocking=blocking and not found.undecided,
        confidence=each.level,
        observed=found.statement or each.source_line.strip() or None,
        threshold=None,
        evidence=_evidence(each),
        advice=each.info.fix,
        source=each.info.source,
        undecided=found.undecided,
    )


def _evidence(each: Reported) -> dict[str, Any]:
    found = each.finding
    lines = each.step_lines or tuple(step.place.line for step in found.steps)
    steps = [
        {
            "text": step.text,
            "subject": subject(step.place),
            **_where(step.place, step.source),
            "file_line": line,
            "source": step.source,
        }
        for step, line in zip(found.steps, lines, strict=True)
    ]
    fix = found.fix
    return {
        "name": each.info.name,
        **_where(found.place, each.source_line),
        "file_line": each.file_line,
        "source_line": each.source_line,
        "function": found.function,
        "confidence": found.confidence.value,
        "steps": steps,
        "fix": None if fix is None else {"safe": fix.safe, "text": fix.text},
        "fingerprint": each.fingerprint,
    }


def _where(place: Place, line: str) -> dict[str, Any]:
    """Columns count characters here, not bytes."""
    same = place.end_line in (None, place.line)
    return {
        "path": place.path,
        "cell": place.cell,
        "line": place.line,
        "column": in_characters(line, place.column),
        "end_line": place.end_line,
        "end_column": in_characters(line, place.end_column) if same and place.end_column else place.end_column,
    }
