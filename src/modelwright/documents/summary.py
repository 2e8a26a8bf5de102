"""The executive summary: the verdict, why in three sentences, what to do next, and what a person must decide first."""

from __future__ import annotations

from modelwright.core.nouns import Escalation, Recommendation
from modelwright.core.run import RunRecord
from modelwright.documents import facts
from modelwright.documents.measured import primary_words
from modelwright.documents.words import listed, number, sentence

SENTENCES = 3
STEPS = 3
EFFORTS = {"S": "small", "M": "medium", "L": "large"}


def why(record: RunRecord) -> list[str]:
    """Three sentences: how good, and what decides the verdict; where something blocks, that comes first."""
    verdict = record.verdict
    if verdict is None:
        return [achieved(record) or facts.headline(record).sentence]
    quality = achieved(record)
    said = {sentence(each.message) for each in verdict.findings if each.code == "model.goal"} if quality else set()
    reasons = [each for each in map(sentence, verdict.reasons) if each not in said]
    blocked = any(each.blocking for each in verdict.findings)
    told = [*reasons[:2], quality, *reasons[2:]] if blocked and reasons else [quality, *reasons]
    told = list(dict.fromkeys(each for each in told if each)) or [facts.headline(record).sentence]
    if len(told) < SENTENCES and verdict.undecided:
        told.append(sentence(f"not judged for want of evidence: {listed(verdict.undecided, 4)}"))
    return told[:SENTENCES]


def achieved(record: RunRecord) -> str:
    """`F1 0.62 (0.59 to 0.65) on 900 sealed test rows, 0.2 better than the best baseline (dummy); goal missed: ...`"""
    words, report = primary_words(record), record.report
    if not words or report is None:
        return ""
    baseline = facts.best_baseline(report)
    told = any(each.code == "model.baseline" and not each.undecided for each in facts.findings(record))
    if baseline is not None and baseline.comparison is not None and not told:
        gap = baseline.comparison.difference
        side = "better" if gap.value > 0 else "worse"
        name = baseline.name.replace("_", " ")
        words += f", {number(abs(gap.value))} {side} than the best baseline ({name})"
    if report.goal is not None and facts.goal_words(report):
        words += f"; the goal is {facts.goal_words(report)}"
    return sentence(words)


def steps(record: RunRecord) -> tuple[Recommendation, ...]:
    return record.verdict.recommendations[:STEPS] if record.verdict else ()


def escalations(record: RunRecord) -> tuple[Escalation, ...]:
    return record.verdict.escalation if record.verdict else ()


def effort(recommendation: Recommendation) -> str:
    return EFFORTS.get(recommendation.effort, recommendation.effort)


def impact(recommendation: Recommendation) -> str:
    return "" if recommendation.impact in ("", "not measured") else recommendation.impact


def since_words(record: RunRecord) -> list[str]:
    """What became of the conditions of the former run of this name."""
    told = record.verdict.since if record.verdict else None
    if told is None:
        return []
    former = f"version {told.version}" if told.version else f"run {told.run_id}"
    named = (
        (f"Cleared since {former}", told.cleared),
        (f"Still open since {former}", told.still_open),
        ("Could not be judged again", told.not_judged),
    )
    return [
        f"{words}: {listed([f'{each.code} ({each.subject})' for each in found], 6)}." for words, found in named if found
    ]
