"""Notebook cells: magics blanked, outputs and counts kept, old formats read."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from modelwright.checks.code.loading import from_text
from modelwright.checks.code.nouns import Source


def notebook(*cells: str | dict[str, Any]) -> Source:
    code = [{"cell_type": "code", **(cell if isinstance(cell, dict) else {"source": cell})} for cell in cells]
    return from_text(json.dumps({"cells": code, "nbformat": 4}, indent=1), "n.ipynb")


def lines(source: Source) -> list[str]:
    return [line for line in ast.unparse(source.tree).split("\n") if line]


@pytest.mark.parametrize(
    ("cell", "left"),
    [
        ("%matplotlib inline\nx = 1", ["x = 1"]),
        ("!pip install \\\n  a b\nx = 1", ["x = 1"]),
        ("x = !ls", ["x = []"]),
        ("x = %sql select 1", ["x = None"]),
        ("%time y = f(x)", ["y = f(x)"]),
        ("%timeit -n 10 f(x)", ["f(x)"]),
        ("%%time\nmodel.fit(X)", ["model.fit(X)"]),
        ("%%capture out\nf()", ["f()"]),
        ("%%bash\nls -l", []),
        ("%%html\n<b>x</b>", []),
        ("%%writefile a.py\nx = (", []),
        ("df.head?\nx = 1", ["x = 1"]),
        ("?df\nx = 1", ["x = 1"]),
        ("df??\nx = 1", ["x = 1"]),
        ("if a:\n    !ls\nelse:\n    %cd x", ["if a:", "    pass", "else:", "    pass"]),
        ("x = (a\n     % b)", ["x = a % b"]),
        ('x = """\n%not a magic\n!nor this\n"""', ["x = '\\n%not a magic\\n!nor this\\n'"]),
        ("x = a if b else c  # really?", ["x = a if b else c"]),
        ("    y = 1\n    z = 2", ["y = 1", "z = 2"]),
        ("print 'old'", ["print('old')"]),
        ("await load()", ["await load()"]),
        ("", []),
    ],
)
def test_a_cell_is_cleaned(cell: str, left: list[str]) -> None:
    source = notebook(cell, "def broken(:")
    assert lines(source)[: len(left)] == left
    assert source.cells[0].parsed
    assert not source.cells[1].parsed
    assert source.cells[0].text == cell


def test_a_broken_cell_costs_no_other() -> None:
    source = notebook("a = 1", "b = (", "c = 3\nfor x in y\nd = 4")
    found = {
        node.id for node in ast.walk(source.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    assert {"a", "c", "d"} <= found
    assert [cell.parsed for cell in source.cells] == [True, False, False]
    assert [source.cell_at(line) for line, _ in source.problems] == [source.cells[1], source.cells[2]]


def test_places_count_within_the_cell() -> None:
    source = notebook("a = 1\nb = 2", "%matplotlib inline\n\nc = 3")
    place = source.place(source.tree.body[-1])
    assert (place.cell, place.line) == (2, 3)


def test_format_three_has_worksheets() -> None:
    cells = [{"cell_type": "code", "input": ["x = 1\n", "y = 2"], "prompt_number": 7, "outputs": [{"text": ["1"]}]}]
    source = from_text(json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3, "cells_": 0}), "old.ipynb")
    assert source.cells[0].execution_count == 7
    assert source.cells[0].outputs == ("1",)
    assert len(source.tree.body) == 2


def test_outputs_counts_and_json_lines_are_kept() -> None:
    outputs = [
        {"output_type": "stream", "text": ["a", "b"]},
        {"output_type": "display_data", "data": {"text/plain": "c"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "bad"},
        "nonsense",
    ]
    source = notebook({"source": "x = 1", "execution_count": 3, "outputs": outputs}, {"source": ["y"], "outputs": None})
    assert source.cells[0].outputs == ("ab", "c", "ValueError: bad")
    assert source.cells[0].execution_count == 3
    assert source.cells[1].json_line > source.cells[0].json_line > 1


def test_markdown_and_odd_cells_are_passed_over() -> None:
    cells = [
        {"cell_type": "markdown", "source": "# x"},
        None,
        3,
        {"cell_type": "code"},
        {"cell_type": "code", "source": 5},
    ]
    source = from_text(json.dumps({"cells": cells}), "n.ipynb")
    assert [cell.text for cell in source.cells] == ["", ""]
