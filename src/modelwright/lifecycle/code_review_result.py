"""What a review of code hands back: the shape of every review, and what was read, left out and mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelwright._version import VERSION
from modelwright.checks.code import verdicts
from modelwright.checks.code.finding_models import FileReview, Ignored, Reported, Skipped
from modelwright.core.nouns import Severity


@dataclass(slots=True)
class Work:
    """What has come together so far."""

    reviews: list[FileReview] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    fixed: list[dict[str, str]] = field(default_factory=list)
    not_fixed: list[dict[str, str]] = field(default_factory=list)
    suggestions: list[dict[str, str]] = field(default_factory=list)
    known: list[Ignored] = field(default_factory=list)
    baseline: dict[str, Any] = field(default_factory=dict)


def result_of(work: Work, fail_on: Severity | None) -> dict[str, Any]:
    """The result of the operation, whose shape is that of every review."""
    reported = [found for review in work.reviews for found in review.findings]
    reported.sort(key=lambda found: (-found.severity.rank, found.finding.place.path, *found.order()))
    undecided = [found for review in work.reviews for found in review.undecided]
    unjudged = [review for review in work.reviews if review.could_not_judge]
    verdict = verdicts.judge(reported, unjudged)
    gate = _gate(fail_on, reported)
    return {
        "kind": "code",
        "version": VERSION,
        "verdict": verdict.decision.value,
        "confidence": verdict.confidence.value,
        "reasons": list(verdict.reasons),
        "conditions": list(verdict.conditions),
        "recommendations": [msgspec.to_builtins(each) for each in verdict.recommendations],
        "red_flags": list(verdict.red_flags),
        "gate": gate,
        "findings": [msgspec.to_builtins(each) for each in verdict.findings],
        "undecided": [msgspec.to_builtins(each) for each in verdicts.as_findings(undecided)],
        "ignored": [msgspec.to_builtins(each) for each in _all_ignored(work)],
        "files": {"read": [_file(each) for each in work.reviews], "skipped": _skipped(work.skipped)},
        "counts": _counts(reported, undecided, work),
        "rules": {each.code: _rule(each) for each in (*reported, *undecided)},
        "fixed": work.fixed,
        "not_fixed": work.not_fixed,
        "suggestions": work.suggestions,
        "baseline": work.baseline,
        "paths": {},
    }


def _all_ignored(work: Work) -> list[Ignored]:
    every = [each for review in work.reviews for each in review.ignored] + work.known
    return sorted(every, key=lambda each: (each.by, each.subject, each.code))


def _skipped(skipped: Sequence[Skipped]) -> list[dict[str, str]]:
    return [{"path": each.path, "reason": each.reason} for each in sorted(skipped, key=lambda each: each.path)]


def _gate(fail_on: Severity | None, reported: Sequence[Reported]) -> str | None:
    if fail_on is None:
        return None
    return "failed" if any(found.severity.rank >= fail_on.rank for found in reported) else "passed"


def _file(review: FileReview) -> dict[str, Any]:
    return {
        "path": review.path,
        "kind": review.source.kind.value,
        "role": review.role.value,
        "verdict": verdicts.word_for(review),
        "findings": len(review.findings),
        "undecided": len(review.undecided),
        "notes": list(review.source.notes),
    }


def _rule(found: Reported) -> dict[str, str]:
    info = found.info
    return {
        "code": found.code,
        "name": info.name,
        "severity": info.severity.value,
        "why": info.why,
        "fix": info.fix,
        "source": info.source,
    }


def _counts(reported: Sequence[Reported], undecided: Sequence[Reported], work: Work) -> dict[str, Any]:
    return {
        "severity": dict(Counter(found.severity.value for found in reported)),
        "code": dict(sorted(Counter(found.code for found in reported).items())),
        "family": dict(sorted(Counter(found.code[:2] for found in reported).items())),
        "files": len(work.reviews),
        "files_with_findings": sum(bool(review.findings) for review in work.reviews),
        "undecided": len(undecided),
        "skipped": len(work.skipped),
    }
