"""The ML engineering assessment: summary, readiness by area, risks, recommendations, what a person must decide."""

from __future__ import annotations

from modelwright.core.nouns import ChecklistItem, Severity
from modelwright.core.run import RunRecord
from modelwright.documents import facts, review_text, summary
from modelwright.documents import markdown as text
from modelwright.documents.words import listed, sentence

#: area -> beginnings of the checklist's questions that it rests on
AREAS = {
    "Problem and goal": ("Is the problem type", "Is the goal met", "Does the metric fit"),
    "Data": ("Is the data sound", "Do missing values", "Is class imbalance"),
    "Leakage and splits": ("Is the data free", "Is the split honest", "Are the features available", "Was it validated"),
    "Features": ("Is scaling", "Are categories", "Is the importance"),
    "Model": (
        "Is a simple baseline",
        "Is the complexity",
        "Is the search",
        "Was interpretability",
        "Is it better than",
    ),
    "Trust": ("Are segments", "Were the errors", "Does it stand", "Are groups of people", "Are its probabilities"),
    "Operation": ("Are the seeds", "Can the run", "Does the packaged", "Are the known limits"),
}


def markdown(record: RunRecord) -> str:
    verdict = record.verdict
    return text.document(
        [
            f"# ML engineering assessment: {text.safe(record.name)}",
            *review_text.escalation(verdict),
            *text.section("Executive summary", *_summary(record)),
            *text.section("Readiness by area", *_readiness(record)),
            *text.section("Risks", *_risks(record)),
            *text.section("Recommendations", *review_text.recommendations(verdict.recommendations if verdict else ())),
            *text.section("Since the last run", text.bullets(text.safe(each) for each in summary.since_words(record))),
        ]
    )


def _summary(record: RunRecord) -> list[str]:
    head = facts.headline(record)
    confidence = f" ({head.confidence} confidence)" if head.confidence else ""
    return [
        f"**{head.word}**{confidence}. {' '.join(text.safe(each) for each in summary.why(record))}",
        review_text.next_steps(summary.steps(record)),
    ]


def _readiness(record: RunRecord) -> list[str]:
    items = record.verdict.checklist if record.verdict else ()
    rows = []
    for area, questions in AREAS.items():
        mine = [item for item in items if item.question.startswith(questions)]
        if mine:
            rows.append((area, readiness(mine), text.safe(_why(mine))))
    return [text.table(("Area", "Readiness", "Why"), rows)]


def readiness(items: list[ChecklistItem]) -> str:
    """One `no`: not ready. Some partly or unjudged: in part. What nobody judged is never ready."""
    answers = [item.answer for item in items if item.answer != "not applicable"]
    if not answers:
        return "not applicable"
    if "no" in answers:
        return "not ready"
    if all(answer == "could not judge" for answer in answers):
        return "could not judge"
    return "ready" if all(answer == "yes" for answer in answers) else "in part"


def _why(items: list[ChecklistItem]) -> str:
    for answer in ("no", "partly", "could not judge"):
        found = [item for item in items if item.answer == answer]
        if found:
            others = [item.question.rstrip("?") for item in found[1:]]
            words = f"{found[0].question} {answer.capitalize()}: {sentence(found[0].evidence)}"
            return words + (f" Likewise: {listed(others, 4)}." if others else "")
    return f"{len(items)} of {len(items)} questions answered by evidence."


def _risks(record: RunRecord) -> list[str]:
    """Graded by severity and by how sure the finding is."""
    found = [
        each for each in facts.findings(record) if not each.undecided and each.severity.rank >= Severity.MEDIUM.rank
    ]
    rows = [
        (
            "blocking" if each.blocking else each.severity.value,
            text.safe(sentence(each.message)),
            each.confidence.value.lower(),
            text.safe(sentence(each.advice)),
        )
        for each in found[:40]
    ]
    flags = [
        flag for flag in (record.verdict.red_flags if record.verdict else ()) if flag not in {e.message for e in found}
    ]
    more = f"And {len(found) - len(rows)} more." if len(found) > len(rows) else ""
    if not rows and not flags:
        return ["No risk of medium or higher severity was found." if record.verdict else ""]
    return [
        text.table(("Grade", "Risk", "How sure", "Answer"), rows),
        text.bullets(text.safe(flag) for flag in flags),
        more,
    ]
