from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from modelwright.checks.code.cells_in_json import code_cells, replaced
from modelwright.checks.code.editing import CannotEditError, Document
from modelwright.checks.code.fixing import FixedFile, fix, suggest
from modelwright.checks.code.loading import decode, from_text
from modelwright.checks.code.nouns import Edit
from tests.unit.checks.code.toys import notebook, review, reviewer

pytestmark = pytest.mark.usefixtures("toys")


def _fixed(text: str, path: str = "a.py", data: bytes | None = None) -> FixedFile:
    written = text.encode() if data is None else data
    read, _ = decode(written)
    asked = reviewer()
    return fix(written, review(read or "", path), asked, Path(path))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = bad\n", "x = good\n"),
        ("é = 'ü'; x = bad; y = bad", "é = 'ü'; x = good; y = good"),
        ("x = [\n  bad,\n  bad]\n", "x = [\n  good,\n  good]\n"),
        ("x = bad\r\ny = 1\r\n", "x = good\r\ny = 1\r\n"),
        ("\ufeffx = bad\n", "\ufeffx = good\n"),
        ("def f():\n\treturn bad", "def f():\n\treturn good"),
    ],
)
def test_safe_fixes_change_only_their_place(before: str, after: str) -> None:
    done = _fixed(before.lstrip("\ufeff"), data=before.encode())
    assert done.data.decode() == after
    assert done.changed
    assert not done.refused


def test_a_second_run_changes_nothing() -> None:
    once = _fixed("x = bad\ny = bad\nwrongfix\n")
    twice = _fixed(once.data.decode())
    assert not twice.changed
    assert twice.data == once.data


def test_a_fix_that_breaks_the_file_is_not_kept() -> None:
    done = _fixed("wrongfix\nx = bad\n")
    assert done.data == b"wrongfix\nx = good\n"
    assert [each.reason for each in done.refused] == ["the file does not parse any more"]


def test_a_fix_that_brings_another_finding_is_not_kept() -> None:
    done = _fixed("swap\n")
    assert done.data == b"swap\n"
    assert [each.reason for each in done.refused] == ["it would bring ZZ101"]


@pytest.mark.parametrize("style", [{"indent": 1}, {"indent": None}, {"indent": 4, "ensure_ascii": True}, {"indent": 2}])
@pytest.mark.parametrize("lists", [True, False])
def test_notebooks_keep_their_form(style: dict[str, object], lists: bool) -> None:
    text = notebook("%time\n# ü\nx = bad", "y = bad\n", lists=lists, **style)
    done = _fixed(text, "n.ipynb")
    assert done.data.decode() == text.replace("bad", "good")
    assert len(done.mended) == 2


def test_other_encodings_are_written_back() -> None:
    data = "# -*- coding: latin-1 -*-\nx = 'é', bad\n".encode("latin-1")
    done = _fixed(data.decode("latin-1"), data=data)
    assert done.data == data.replace(b"bad", b"good")


def test_suggestions_are_diffs_and_change_nothing() -> None:
    text = notebook("a = 1\nmeh\n")
    found = suggest(text.encode(), review(text, "n.ipynb", noisy=True), reviewer(noisy=True), Path("n.ipynb"))
    assert len(found) == 1
    assert "-meh\n+fine" in found[0].diff
    assert "n.ipynb cell 1" in found[0].diff


@pytest.mark.parametrize(
    "edit",
    [
        Edit(line=9, column=1, end_line=9, end_column=2, text="x"),
        Edit(line=1, column=9, end_line=1, end_column=10, text="x"),
        Edit(line=1, column=3, end_line=1, end_column=1, text="x"),
        Edit(line=1, column=2, end_line=1, end_column=3, text="x"),  # inside a letter of two bytes
        Edit(line=0, column=1, end_line=1, end_column=1, text="x"),
    ],
)
def test_edits_outside_of_the_text_are_refused(edit: Edit) -> None:
    with pytest.raises(CannotEditError):
        Document.of("é = 1\n".encode(), notebook=False).edited([edit])


def test_overlapping_edits_are_refused() -> None:
    edit = Edit(line=1, column=1, end_line=1, end_column=4, text="x")
    with pytest.raises(CannotEditError):
        Document.of(b"abcdef\n", notebook=False).edited([edit, edit])


def test_cells_are_found_where_they_stand() -> None:
    text = notebook("a = 1\nb = 2", "", "c = 3\n")
    cells = code_cells(text)
    assert [cell.text for cell in cells] == ["a = 1\nb = 2", "", "c = 3\n"]
    lines = text.splitlines()
    assert ["a = 1" in lines[cells[0].lines[0] - 1], "b = 2" in lines[cells[0].lines[1] - 1]] == [True, True]
    assert "c = 3" in lines[cells[2].lines[0] - 1]


def test_cells_may_grow_and_shrink() -> None:
    rng = random.Random(7)
    for _ in range(60):
        sources = [
            "\n".join(rng.choice(["x = 1", "ü", "", '"\\n"']) for _ in range(rng.randint(1, 4))) for _ in range(3)
        ]
        text = notebook(*sources, lists=rng.random() < 0.5, indent=rng.choice([None, 1, 3]))
        number = rng.randrange(3)
        cell = code_cells(text)[number]
        if cell.is_list and not cell.literals:
            continue
        new = "\n".join(rng.choice(["y", "é\t", "z = '\\\\'"]) for _ in range(rng.randint(1, 5)))
        changed = replaced(text, cell, new)
        read = ["".join(each["source"]) for each in json.loads(changed)["cells"][1:]]
        assert read == [new if at == number else source for at, source in enumerate(sources)]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', '{"cells": [', '{"cells" 1}', "[" * 5000])
def test_broken_notebooks_are_an_answer(text: str) -> None:
    with pytest.raises(ValueError, match=r"notebook|cells|JSON"):
        code_cells(text)


SPLIT = "a, b, c, d = train_test_split(X, y, random_state=0)\nprint(SVC().fit(a, c).score(b, d))\n"
HEAD = """from imblearn.over_sampling import SMOTE
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
X, y = load()
"""


@pytest.mark.parametrize(
    ("step", "below"),
    [
        ("X = StandardScaler().fit_transform(X)\n", ["a = step.fit_transform(a)", "b = step.transform(b)"]),
        ("s = StandardScaler()\nX = s.fit_transform(X)\n", ["a = s.fit_transform(a)", "b = s.transform(b)"]),
        ("X = SelectKBest(k=9).fit_transform(X, y)\n", ["a = step.fit_transform(a, c)", "b = step.transform(b)"]),
        ("X, y = SMOTE(random_state=0).fit_resample(X, y)\n", ["a, c = SMOTE(random_state=0).fit_resample(a, c)"]),
    ],
)
@pytest.mark.parametrize("path", ["t.py", "t.ipynb"])
def test_a_step_before_the_split_is_suggested_below_it(step: str, below: list[str], path: str) -> None:
    text = HEAD + step + SPLIT if path == "t.py" else notebook(HEAD + step.strip(), SPLIT)
    asked = reviewer(select=("LK",))
    found = suggest(text.encode(), asked.source(from_text(text, path)), asked, Path(path))
    assert len(found) == 1
    added = [line[1:] for line in found[0].diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added[-len(below) :] == below


@pytest.mark.parametrize("between", ["plot(X)\n", "X = X[:5]\n"])
def test_nothing_is_suggested_where_the_rows_are_used_in_between(between: str) -> None:
    text = HEAD + "X = StandardScaler().fit_transform(X)\n" + between + SPLIT
    asked = reviewer(select=("LK",))
    assert suggest(text.encode(), asked.source(from_text(text)), asked, Path("t.py")) == []
