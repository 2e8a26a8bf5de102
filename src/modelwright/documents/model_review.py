"""The model review: the verdict, the checklist with its evidence, everything measured, every finding."""

from __future__ import annotations

from modelwright.core.run import RunRecord
from modelwright.documents import markdown as text
from modelwright.documents import review, review_text
from modelwright.documents.words import listed, sentence


def markdown(record: RunRecord) -> str:
    """A run without a verdict has nothing to review, and the document says so."""
    title = f"Model review: {record.name}, run {record.run_id}"
    if record.verdict is None:
        return text.document([f"# {text.safe(title)}", "This run has no verdict: nothing was judged."])
    findings = record.findings or record.verdict.findings
    told = review.markdown(title, record.verdict, findings)
    return text.document([told, *review_text.sections(record), *text.section("Not answered", *_open(record))])


def _open(record: RunRecord) -> list[str]:
    """The questions that nobody could answer, since they are the reader's next work."""
    found = [item for item in (record.verdict.checklist if record.verdict else ()) if item.answer == "could not judge"]
    undecided = record.verdict.undecided if record.verdict else ()
    return [
        text.bullets(f"{text.safe(item.question)} {text.safe(sentence(item.evidence))}" for item in found),
        f"Rules without evidence: {text.safe(listed(undecided, 20))}." if undecided else "",
    ]
