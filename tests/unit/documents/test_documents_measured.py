"""What was measured beyond the metrics reaches page and Markdown, each part alone may be absent, and all is inert."""

from __future__ import annotations

import re

import msgspec
import pytest

from modelwright.core.judgement import Judgement
from modelwright.core.run import RunRecord
from modelwright.documents import measured, report, review, story, summary
from tests.unit.documents import document_samples as samples
from tests.unit.documents import judged_samples as judged
from tests.unit.documents.test_documents_report import HOSTILE, Page

FIELDS = tuple(field.name for field in msgspec.structs.fields(Judgement))


def test_the_page_shows_every_measurement_and_stays_small() -> None:
    text = report.html(judged.blocked())
    Page(text)
    for words in (
        "What remains under a change", "Against its rivals", "Learning curve", "Calibration before and after",
        "Conformal sets", "Weak groups", "By clinic", "Loss by disturbance", "Contributions to answers",
        "How answers move with one column", "Rows it got most wrong", "Not measured",
    ):  # fmt: skip
        assert words in text, words
    assert len(text.encode()) < 400_000


def test_what_a_person_must_decide_comes_first() -> None:
    record = judged.blocked()
    page, text = report.html(record), report.markdown(record)
    assert record.verdict is not None
    question = record.verdict.escalation[0].question
    assert page.index(question) < page.index(">NEEDS REWORK<")
    assert text.index(question) < text.index("**NEEDS REWORK**")
    assert story.story(record).index("A person must decide") < story.story(record).index("Verdict:")
    told = review.markdown("Review", record.verdict, record.findings)
    assert told.index(question) < told.index("**NEEDS REWORK**")
    assert "## Since the last run of this name" in told


def test_the_summary_has_three_sentences_and_three_steps() -> None:
    record = judged.blocked()
    assert len(summary.why(record)) == 3
    assert len(summary.steps(record)) == 3
    assert summary.steps(record)[0].priority == "P1"
    assert summary.why(samples.empty()) != []


@pytest.mark.parametrize("name", FIELDS)
def test_any_measurement_may_be_absent(name: str) -> None:
    record = judged.blocked()
    assert record.judgement is not None
    default = getattr(Judgement(), name)
    without = msgspec.structs.replace(record, judgement=msgspec.structs.replace(record.judgement, **{name: default}))
    alone = Judgement(**{name: getattr(record.judgement, name)})
    for one in (without, msgspec.structs.replace(record, judgement=alone)):
        Page(report.html(one))
        assert report.markdown(one)
    bare = RunRecord(run_id="r", name="n", status="failed", started_at="", judgement=alone)
    Page(report.html(bare))
    assert report.markdown(bare)


def test_numbers_that_are_none_or_not_finite_draw_nothing_wrong() -> None:
    record = judged.blocked()
    assert record.judgement is not None
    bad = [msgspec.structs.replace(each, fall=float("nan")) for each in record.judgement.robustness]
    broken = msgspec.structs.replace(
        record.judgement, robustness=tuple(bad), contributions={"a": float("nan"), "b": 0.0}, weak_slices=()
    )
    text = report.html(msgspec.structs.replace(record, judgement=broken))
    assert not re.search(r"\b(nan|inf)\b", text)
    assert measured.robustness(msgspec.structs.replace(record, judgement=broken)) == []


def test_hostile_names_are_inert() -> None:
    record = judged.blocked()
    assert record.judgement is not None
    found = record.judgement
    hostile = msgspec.structs.replace(
        found,
        weak_slices=tuple(msgspec.structs.replace(each, condition=HOSTILE) for each in found.weak_slices),
        fairness=tuple(msgspec.structs.replace(each, column=HOSTILE) for each in found.fairness),
        robustness=tuple(msgspec.structs.replace(each, subject=HOSTILE, level=HOSTILE) for each in found.robustness),
        dependence=tuple(msgspec.structs.replace(each, column=HOSTILE, label=HOSTILE) for each in found.dependence),
        contributions={HOSTILE: 1.0},
        proofs=tuple(msgspec.structs.replace(each, subject=f"column:{HOSTILE}") for each in found.proofs),
        missing={HOSTILE: HOSTILE},
    )
    one = msgspec.structs.replace(record, judgement=hostile)
    assert all(tag != "img" for tag, _ in Page(report.html(one)).tags)
    assert "<img" not in report.markdown(one)


def test_every_class_has_its_curve() -> None:
    text = report.html(judged.multiclass())
    assert "ROC curve by class" in text
    assert "Precision and recall by class" in text
    assert "versicolor" in text
