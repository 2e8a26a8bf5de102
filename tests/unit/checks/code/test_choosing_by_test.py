"""The common ways of choosing by the test rows are found, and the same by a validation part is left in peace.

`choosing.txt` holds the programs: `misuse` and `peace` begin with its head, the `whole` ones do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.checks.code.finding_models import FileReview
from modelwright.checks.code.reviewing import Reviewer

_VALIDATION = "X_fit, X_val, y_fit, y_val = train_test_split(X_train, y_train, random_state=1)\n"
_LAST_LOOK = "final = RandomForestClassifier(max_depth=3).fit(X_train, y_train)\nprint(final.score(X_test, y_test))\n"
_CODES = {"EV201", "EV202", "EV203", "EV207", "LK104", "LK114"}


def _programs() -> dict[str, str]:
    """Name (`misuse: frame_sort`) to text."""
    text = (Path(__file__).parent / "choosing.txt").read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("### ")[1:])
    return {name: body for name, _, body in parts}


def _by_validation(text: str) -> str:
    """The same choice by rows cut out of the training part, and one look at the test rows."""
    for part in "Xy":
        text = text.replace(f"{part}_train", f"{part}_fit").replace(f"{part}_test", f"{part}_val")
    return f"{_VALIDATION}{text}\n{_LAST_LOOK}"


PROGRAMS = _programs()
HEAD = PROGRAMS["head: head"]
MISUSE = {name: HEAD + text for name, text in PROGRAMS.items() if name.startswith("misuse:")}
PEACE = {name: HEAD + text for name, text in PROGRAMS.items() if name.startswith("peace:")}
PEACE |= {
    f"{name} by validation": HEAD + _by_validation(text)
    for name, text in PROGRAMS.items()
    if name.startswith("misuse:") and "grid_" not in name
}
MISUSE |= {name: text for name, text in PROGRAMS.items() if name.startswith("misuse whole:")}
PEACE |= {name: text for name, text in PROGRAMS.items() if name.startswith("peace whole:")}


def grave(text: str, tmp_path: Path) -> set[str]:
    file = tmp_path / "study.py"
    file.write_text(text, encoding="utf-8")
    review = Reviewer(root=tmp_path).file(file, "study.py")
    assert isinstance(review, FileReview)
    return {each.code for each in review.findings if each.severity.value not in {"low", "info"}}


@pytest.mark.parametrize("name", MISUSE)
def test_choice_by_the_test_rows_is_found(tmp_path: Path, name: str) -> None:
    assert grave(MISUSE[name], tmp_path) & _CODES


@pytest.mark.parametrize("name", PEACE)
def test_choice_elsewhere_is_left_in_peace(tmp_path: Path, name: str) -> None:
    assert not grave(PEACE[name], tmp_path)
