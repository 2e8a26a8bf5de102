from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.checks.code import baselines
from modelwright.checks.code.changes import changed_lines
from modelwright.core.errors import NotFoundError, SpecError
from tests.unit.checks.code.toys import notebook, review

pytestmark = pytest.mark.usefixtures("toys")


def _names(text: str, path: str = "a.py") -> list[str]:
    return sorted(each.fingerprint for each in review(text, path).findings)


def test_lines_spaces_and_comments_are_not_in_the_name() -> None:
    assert _names("x = leak\n") == _names("# more\n\n\nx   =   leak  # so\n") == _names("x = leak", "other/b.py")


def test_function_statement_and_number_are() -> None:
    whole = _names("x = leak\ny = leak\nx = leak\ndef f():\n    x = leak\n")
    assert len(set(whole)) == 4


def test_a_notebook_names_like_a_script() -> None:
    assert _names("a = 1\nx = leak\n") == _names(notebook("a = 1", "x = leak"), "n.ipynb")


def test_a_baseline_knows_what_it_was_told(tmp_path: Path) -> None:
    found = review("x = leak\ny = bad\n").findings
    text = baselines.written(found)
    assert text == baselines.written(reversed(found))
    file = tmp_path / "known.json"
    file.write_text(text)
    assert baselines.read(file) == {each.key for each in found}
    assert baselines.gone(baselines.read(file), found[:1], ["a.py"]) == 1
    file.write_text(baselines.written([]))
    assert baselines.read(file) == frozenset()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2, "findings": []}', '{"schema": 1, "findings": [{}]}'])
def test_a_wrong_baseline_is_a_mistake(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(text)
    with pytest.raises(SpecError):
        baselines.read(file)
    with pytest.raises(NotFoundError):
        baselines.read(tmp_path / "no.json")


def test_changed_lines_are_those_of_now() -> None:
    assert changed_lines(["a", "b", "c"], ["a", "x", "b", "c", "d"]) == {2, 5}
    assert changed_lines([], ["a"]) == {1}
    assert changed_lines(["a", "b"], ["a"]) == frozenset()
    assert changed_lines(["a"] * 3000 + ["b"], ["a"] * 3000 + ["c"]) == {3001}
