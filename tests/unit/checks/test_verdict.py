from __future__ import annotations

import itertools

import msgspec

from modelwright.checks.verdict import fold, of_kind
from modelwright.core.nouns import Decision, Finding, Severity


def finding(code: str, severity: Severity, *, blocking: bool = False, undecided: bool = False) -> Finding:
    return Finding(
        code=code, severity=severity, subject="x", message="m.", advice="do it", blocking=blocking, undecided=undecided
    )


BLOCK = finding("leak.target_copy", Severity.HIGH, blocking=True)
MEDIUM = finding("data.missing", Severity.MEDIUM)
LOW = finding("data.constant", Severity.LOW)
UNKNOWN = finding("model.baseline", Severity.INFO, undecided=True)
MINOR_UNKNOWN = finding("model.slices", Severity.INFO, undecided=True)


def test_a_blocking_finding_needs_rework() -> None:
    assert fold([LOW, BLOCK, MEDIUM], "model").decision is Decision.NEEDS_REWORK


def test_medium_is_a_condition_and_low_is_not() -> None:
    assert fold([MEDIUM, LOW], "data").decision is Decision.CONDITIONAL
    assert fold([MEDIUM], "data").conditions == ("do it (data.missing, x)",)
    assert fold([LOW], "data").decision is Decision.APPROVE


def test_what_could_not_be_judged_is_never_approved() -> None:
    assert fold([UNKNOWN], "model").decision is Decision.CONDITIONAL
    assert fold([MINOR_UNKNOWN], "model").decision is Decision.APPROVE
    assert fold([], "model").decision is Decision.CONDITIONAL


def test_the_fold_does_not_depend_on_order() -> None:
    found = [fold(order, "model") for order in itertools.permutations([BLOCK, MEDIUM, LOW, UNKNOWN])]
    assert all(verdict == found[0] for verdict in found)


def test_a_review_sees_its_own_families() -> None:
    assert of_kind([BLOCK, MEDIUM, UNKNOWN], "data") == (BLOCK, MEDIUM)


def test_unanswerable_questions_say_so() -> None:
    answers = {item.answer for item in fold([], "model").checklist}
    assert answers == {"could not judge"}


def test_what_is_asked_of_a_leaking_column_is_moot() -> None:
    def about(code: str, column: str, **more: bool) -> Finding:
        return msgspec.structs.replace(finding(code, Severity.MEDIUM, **more), subject=f"column:{column}")

    verdict = fold(
        [about("leak.post_event", "boat", blocking=True), about("data.missing", "boat"), about("data.missing", "age")],
        "model",
    )
    assert {(one.code, one.subject) for one in verdict.terms} == {
        ("leak.post_event", "column:boat"),
        ("data.missing", "column:age"),
    }
    assert {one.subjects for one in verdict.recommendations} == {("column:boat",), ("column:age",)}
    assert len(verdict.findings) == 3  # still told, as evidence
