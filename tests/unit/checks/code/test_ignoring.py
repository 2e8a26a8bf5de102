from __future__ import annotations

import pytest

from tests.unit.checks.code.toys import codes, notebook, review

pytestmark = pytest.mark.usefixtures("toys")


@pytest.mark.parametrize(
    "text",
    [
        "x = leak  # mw: ignore[ZZ101] the sheet fixes it",
        "x = f(leak,\n      1)  # mw: ignore[ZZ101] the sheet fixes it",
        "x = f(  # mw: ignore[ZZ101] the sheet fixes it\n    leak)",
        "# mw: ignore[ZZ101] the sheet fixes it\nx = leak",
        "# mw: ignore[ZZ101] the sheet fixes it\n# mw: ignore[ZZ201] so it is\nx = leak + bad",
        "x = leak + bad  # mw: ignore[ZZ101, zz201] the sheet fixes it",
        "def f():\n    return leak  #mw:ignore[ZZ101]: the sheet fixes it",
        "@leak  # mw: ignore[ZZ101] the sheet fixes it\ndef f():\n    pass",
        "if leak:  # mw: ignore[ZZ101] the sheet fixes it\n    pass",
    ],
)
def test_a_comment_with_a_reason_answers_for_its_statement(text: str) -> None:
    found = review(text)
    assert not found.findings
    assert {each.reason.split(" ")[0] for each in found.ignored} <= {"the", "so"}
    assert found.ignored


def test_without_a_reason_it_does_not_count_and_is_told() -> None:
    assert codes(review("x = leak  # mw: ignore[ZZ101]")) == ["ZZ101", "IG001"]
    assert codes(review("x = leak  # mw: ignore[ZZ101] -- ??")) == ["ZZ101", "IG001"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1  # mw: ignore[ZZ101] nothing is here", ["IG002"]),
        ("x = leak  # mw: ignore[ZZ201] the wrong code", ["ZZ101", "IG002"]),
        ("x = leak  # mw: ignore[ZZ1O1] a letter for a digit", ["ZZ101", "IG003"]),
        ("x = leak  # mw: ignore the whole line", ["ZZ101", "IG003"]),
        ("x = '# mw: ignore[ZZ101] no comment'; y = leak", ["ZZ101"]),
        ("if x:  # mw: ignore[ZZ101] only the head\n    y = leak", ["ZZ101", "IG002"]),
    ],
)
def test_comments_that_answer_for_nothing_are_told(text: str, expected: list[str]) -> None:
    assert codes(review(text)) == expected


def test_a_comment_for_a_rule_that_was_not_run_is_not_unused() -> None:
    assert codes(review("x = leak  # mw: ignore[ZZ101] it is so", ignore=("ZZ101",))) == []


def test_comments_work_in_notebooks() -> None:
    text = notebook("%matplotlib inline\nx = 1", "y = 2\nx = leak  # mw: ignore[ZZ101] it is so\nz = leak")
    found = review(text, "n.ipynb")
    assert [each.subject for each in found.findings] == ["n.ipynb:cell 2:line 3"]
    assert [each.subject for each in found.ignored] == ["n.ipynb:cell 2:line 2"]
