"""Mistakes found after loading come out at their place in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelwright.core.errors import SpecError
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.operations import check_data, run
from modelwright.spec.load import load_spec_text

TABLE = "when,who,a,b,label\n" + "".join(
    f"2024-{at % 12 + 1:02d}-{at % 28 + 1:02d},w{at % 7},{at % 13}.5,{at % 5},{'yes' if at % 3 else 'no'}\n"
    for at in range(120)
)
HEAD = "data: {source: table.csv}\nfeatures:\n  target: label\n"


def refused(tmp_path: Path, text: str, module: Any = check_data) -> SpecError:
    (tmp_path / "table.csv").write_text(TABLE)
    file = tmp_path / "pipeline.yaml"
    file.write_text(text)
    request = module.Request(pipeline=str(file))
    with pytest.raises(SpecError) as caught:
        module.perform(request, Context(workspace=tmp_path / "work", progress=lambda _event: None))
    assert caught.value.file.endswith("pipeline.yaml")
    assert not (tmp_path / "work").exists()
    return caught.value


def pointed(error: SpecError) -> str:
    """The rest of the source line from the caret on."""
    assert error.column is not None
    return error.source_line[error.column - 1 :]


@pytest.mark.parametrize("written", ["{}", '"{}"', "'{}'", "|\n      {}", ">-\n      {}"])
def test_a_broken_expression_is_pointed_at_inside_its_text(tmp_path: Path, written: str) -> None:
    error = refused(tmp_path, HEAD + "  derived:\n    ratio: " + written.format("a / bb + 1") + "\n")
    assert error.code == "expression.unknown_column"
    assert error.line == (6 if "\n" in written else 5)
    assert pointed(error).startswith("bb + 1")


def test_an_expression_over_several_lines_is_pointed_at_as_a_whole(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + "  derived:\n    ratio: a /\n      bb\n")
    assert (error.line, pointed(error)) == (5, "a /")


@pytest.mark.parametrize(
    ("text", "code", "line", "at"),
    [
        (HEAD + "evaluation:\n  metric: rmse\n", "metric.misfit", 5, "rmse"),
        (
            HEAD + "  windows:\n    - {name: w, column: who, entity: who}\n  time: when\n",
            "features.window_column",
            5,
            "w, column",
        ),
        (HEAD + "  crosses:\n    - [who, a]\n", "features.cross", 5, "[who, a]"),
        (HEAD + "  custom: nowhere:make\n", "hook.not_found", 4, "nowhere:make"),
    ],
)
def test_later_mistakes_have_a_place(tmp_path: Path, text: str, code: str, line: int, at: str) -> None:
    module = run if code == "metric.misfit" else check_data
    error = refused(tmp_path, text, module)
    assert error.code == code
    assert error.line == line
    assert pointed(error).startswith(at)


def test_a_key_left_out_is_shown_by_its_section_and_strangers_stay_as_they_are() -> None:
    loaded = load_spec_text(HEAD)
    with pytest.raises(SpecError) as caught, loaded.locating():
        raise SpecError("No.", subject="features.group")
    assert caught.value.line == 3
    stranger = SpecError("No.", subject="usage")
    with pytest.raises(SpecError) as caught, loaded.locating():
        raise stranger
    assert caught.value is stranger
