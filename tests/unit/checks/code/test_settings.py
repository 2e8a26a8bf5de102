from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.checks.code.settings import Settings, left_out, read
from modelwright.core.errors import SpecError
from modelwright.core.nouns import Severity
from tests.unit.checks.code.toys import codes, review, reviewer

HEAD = "[tool.modelwright.review]\n"


def _read(folder: Path, body: str) -> Settings:
    (folder / "pyproject.toml").write_text(HEAD + body)
    return read(folder / "deep" / "er")


def test_the_section_is_found_upwards_and_read(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        'select = ["LK"]\nignore = ["LK115"]\nexclude = ["old"]\nfail-on = "high"\nnoisy = true\nbaseline = "b.json"\n'
        'per-file-ignores = {"tests/*" = ["SE701"]}\n',
    )
    assert found.fail_on is Severity.HIGH
    assert (found.select, found.ignore, found.exclude, found.noisy) == (("LK",), ("LK115",), ("old",), True)
    assert left_out("tests/a.py", found.per_file_ignores) == ("SE701",)
    assert left_out("src/a.py", found.per_file_ignores) == ()


def test_no_section_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'modelwright'\n")
    assert read(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("selct = []\n", "did you mean 'select'"),
        ("fail_on = 'high'\n", "did you mean 'fail-on'"),
        ("fail-on = 'hihg'\n", "did you mean 'high'"),
        ("select = 'LK'\n", ""),
        ("noisy = 'yes'\n", ""),
        ("per-file-ignores = ['a']\n", ""),
        ("select = [\n", "mend the file"),
    ],
)
def test_mistakes_are_told_with_what_was_meant(tmp_path: Path, body: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        _read(tmp_path, body)
    assert caught.value.code == "review.settings"
    assert hint in caught.value.hint
    assert caught.value.file.endswith("pyproject.toml")


@pytest.mark.usefixtures("toys")
def test_codes_choose_rules() -> None:
    text = "leak\nx = bad\ny = meh\n"
    assert codes(review(text)) == ["ZZ101", "ZZ201"]
    assert codes(review(text, select=("zz2",))) == ["ZZ201"]
    assert codes(review(text, select=("ZZ101,ZZ202",))) == ["ZZ101", "ZZ202"]  # a whole code is loud enough
    assert codes(review(text, noisy=True)) == ["ZZ101", "ZZ201", "ZZ202"]
    assert codes(review(text, ignore=("ZZ1",))) == ["ZZ201"]
    assert codes(review(text, per_file_ignores={"a.py": ("ZZ2",)})) == ["ZZ101"]


@pytest.mark.usefixtures("toys")
def test_an_unknown_code_is_a_mistake() -> None:
    with pytest.raises(SpecError, match="no rule 'ZZ9'"):
        reviewer(ignore=("ZZ9",))
