"""A review as Markdown: verdict, conditions, checklist, findings with their evidence."""

from __future__ import annotations

from collections.abc import Sequence

from modelwright.core.nouns import ChecklistItem, Finding, Verdict
from modelwright.documents import facts, review_text
from modelwright.documents import markdown as text
from modelwright.documents.words import listed, sentence


def markdown(title: str, verdict: Verdict, findings: Sequence[Finding], checklist: Sequence[ChecklistItem] = ()) -> str:
    """The text of `review data|features|pipeline|model`; deterministic, most important first."""
    reasons = [text.safe(sentence(reason)) for reason in verdict.reasons]
    lead = f"**{verdict.decision.value}** ({verdict.confidence.value.lower()} confidence)"
    ordered = facts.ordered(findings)
    undecided = ""
    if verdict.undecided:
        undecided = f"Could not be judged, for want of evidence: {text.safe(listed(verdict.undecided, 12))}."
    conditions = "\n".join(f"{place}. {text.safe(sentence(each))}" for place, each in enumerate(verdict.conditions, 1))
    found = [sentence(facts.tally(ordered)), text.findings(ordered)] if ordered else ["None."]
    return text.document(
        [
            f"# {text.safe(title)}",
            *review_text.escalation(verdict),
            "## Verdict" if verdict.escalation else "",
            f"{lead}: {reasons[0]}" if reasons else f"{lead}.",
            text.bullets(reasons[1:]),
            *text.section("Red flags", text.bullets(text.safe(each) for each in verdict.red_flags)),
            *text.section("What to do", *review_text.recommendations(verdict.recommendations)),
            *text.section("What clears it", conditions),
            *text.section("Since the last run of this name", *_since(verdict)),
            *text.section("Checklist", text.checklist(checklist or verdict.checklist)),
            *text.section("Findings", *found, undecided),
        ]
    )


def _since(verdict: Verdict) -> list[str]:
    told = verdict.since
    if told is None:
        return []
    former = f"version {told.version}" if told.version else f"run {told.run_id}"
    return [
        text.bullets(
            f"{words} since {text.safe(former)}: {text.safe(sentence(each.text))} {text.code(each.code)} "
            f"{text.code(each.subject)}"
            for words, found in (
                ("Cleared", told.cleared),
                ("Still open", told.still_open),
                ("Not judged again", told.not_judged),
                ("New", told.new),
            )
            for each in found
        )
    ]
