"""Every document of every record: deterministic, free of markup from data, true of what is missing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from modelwright.checks.checklist import QUESTIONS
from modelwright.core.nouns import ChecklistItem
from modelwright.core.run import RunRecord
from modelwright.documents import library
from modelwright.documents.assessment import AREAS, readiness
from tests.unit.documents import document_samples as samples
from tests.unit.documents import judged_samples as judged
from tests.unit.documents.test_documents_report import HOSTILE

RECORDS: dict[str, Callable[[], RunRecord]] = {
    "blocked": judged.blocked,
    "binary": samples.binary,
    "regression": samples.regression,
    "refused": samples.refused,
    "empty": samples.empty,
}
TEXTS = [kind for kind in library.DOCUMENTS if kind != "page"]


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", RECORDS)
def test_each_document_of_each_record_is_deterministic_and_titled(name: str, kind: str) -> None:
    record = RECORDS[name]()
    again = msgspec.json.decode(msgspec.json.encode(record), type=RunRecord)
    (text,) = library.written(record, kind).values()
    assert text.startswith("# ")
    assert library.written(again, kind) == library.written(record, kind)
    assert "None" not in text.replace("None.", "")
    assert not any(line.strip() == "##" for line in text.splitlines())


def test_all_writes_each_once() -> None:
    made = library.written(judged.blocked())
    assert sorted(made) == sorted(name for name, _ in library.DOCUMENTS.values())


@pytest.mark.parametrize("kind", TEXTS)
def test_names_from_data_cannot_become_markup(kind: str) -> None:
    base = judged.blocked()
    findings = tuple(
        msgspec.structs.replace(each, message=HOSTILE, advice=HOSTILE, subject=f"column:{HOSTILE}")
        for each in base.findings
    )
    assert base.verdict is not None
    verdict = msgspec.structs.replace(base.verdict, findings=findings, reasons=(HOSTILE,), red_flags=(HOSTILE,))
    record = msgspec.structs.replace(base, name=HOSTILE, source=HOSTILE, findings=findings, verdict=verdict)
    assert "<script" not in next(iter(library.written(record, kind).values()))


def test_the_data_sheet_asks_its_owner_what_no_table_can_say() -> None:
    text = library.written(judged.blocked(), "data_sheet")["data_sheet.md"]
    assert "## Questions to the owner" in text
    assert "when is `biopsy result` known" in text


def test_the_assessment_rests_on_every_question_of_the_checklist() -> None:
    named = tuple(beginning for beginnings in AREAS.values() for beginning in beginnings)
    assert [each.text for each in QUESTIONS if not each.text.startswith(named)] == []


def test_what_nobody_judged_is_never_ready() -> None:
    def item(answer: str) -> ChecklistItem:
        return ChecklistItem(question="q", answer=answer, evidence="e")

    assert readiness([item("could not judge")]) == "could not judge"
    assert readiness([item("yes"), item("could not judge")]) == "in part"
    assert readiness([item("yes"), item("not applicable")]) == "ready"
    assert readiness([item("yes"), item("no")]) == "not ready"
