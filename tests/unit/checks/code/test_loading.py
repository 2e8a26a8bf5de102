"""Reading modules, scripts and notebooks: whatever a file holds, it is read, or it is said why not."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.checks.code.loading import MODULE_BYTES, Unreadable, from_text, load
from modelwright.checks.code.nouns import Kind, Source


def write(folder: Path, name: str, data: bytes) -> Source | Unreadable:
    path = folder / name
    path.write_bytes(data)
    return load(path, name)


def read(folder: Path, name: str, data: bytes) -> Source:
    found = write(folder, name, data)
    assert isinstance(found, Source), found
    return found


def defined(source: Source) -> set[str]:
    return {node.id for node in ast.walk(source.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("größe = 1\n".encode(), "größe"),
        (b"\xef\xbb\xbfx = 1\r\ny = 2\r\n", "y"),
        ("# -*- coding: latin-1 -*-\nx = 'é'\nz = 1\n".encode("latin-1"), "z"),
        ("# vim: set fileencoding=cp1251 :\nя = 'да'\n".encode("cp1251"), "я"),
        ("x = 'caf\xe9'\n".encode("latin-1"), "x"),
        ("x = 1\n".encode("utf-16"), "x"),
        (b"# coding: no-such-code\nx = '\xe9'\n", "x"),
    ],
)
def test_encodings(tmp_path: Path, data: bytes, name: str) -> None:
    assert name in defined(read(tmp_path, "a.py", data))


def test_a_guess_of_the_encoding_is_said(tmp_path: Path) -> None:
    assert any("Latin-1" in note for note in read(tmp_path, "a.py", b"x = '\xe9'\n").notes)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.py", b"\x7fELF\0\0\0\1\2\3", "binary"),
        ("a.py", bytes(range(1, 32)) * 40 + b"\xff\xfe\xfd", "binary"),
        ("a.py", b"This is a letter.\nDear reader, how are you?\n", "not-python"),
        ("a.ipynb", b"", "not-a-notebook"),
        ("a.ipynb", b"{", "not-a-notebook"),
        ("a.ipynb", b"[1, 2]", "not-a-notebook"),
        ("a.ipynb", b'{"metadata": {}}', "not-a-notebook"),
        ("a.ipynb", b'{"cells": 3}', "not-a-notebook"),
        ("a.ipynb", b"[" * 100_000, "not-a-notebook"),
        ("a.ipynb", b'{"cells": [], "metadata": {"language_info": {"name": "R"}}}', "other-language"),
        ("a.py", b"(" * 5000, "not-python"),
        ("a.py", b"-" * 100_000 + b"1", "not-python"),
        ("a.py", b"x = " + b"+".join([b"a"] * 5000), "not-python"),
        ("a.py", b"x" + b".a" * 5000, "not-python"),
        ("a.py", b"a\0b", "binary"),
        ("a.py", b"x = 1\n" * (MODULE_BYTES // 6 + 1), "too-large"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    found = write(tmp_path, name, data)
    assert isinstance(found, Unreadable)
    assert found.code == code
    assert found.path == name
    assert found.why


def test_folders_pipes_loops_and_gaps(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    for name, code in (("pipe.py", "not-a-file"), ("loop.py", "missing"), ("gone.py", "missing"), (".", "not-a-file")):
        found = load(tmp_path / name, name)
        assert isinstance(found, Unreadable)
        assert found.code == code


@pytest.mark.parametrize(
    ("text", "kept", "line"),
    [
        ("a = 1\nb = foo(\n\nc = 3\nd = 4\ne = 5\n", {"a", "d", "e"}, 2),
        ("a = 1\nfor i in range(3)\n    b = i\nc = 2\n", {"a", "b", "c"}, 2),
        ("a = 1\ndef f(:\n    b = 2\n    return b\nc = 3\n", {"a", "b", "c"}, 2),
        ("a = 1\nx = 'open\nb = 2\nc = 3\n", {"a", "b", "c"}, 2),
        ("a = 1\nb = 2\nc = 3\n  d = 4\ne = 5\n", {"a", "b", "c", "e"}, 4),
        ("a = 1\nif a:\nb = 2\nc = 3\nd = 4\n", {"a", "c", "d"}, 3),
    ],
)
def test_one_bad_line_does_not_lose_the_file(text: str, kept: set[str], line: int) -> None:
    source = from_text(text)
    assert kept <= defined(source)
    assert source.problems
    assert source.problems[0][0] == line
    assert len(source.text.split("\n")) == len(text.split("\n"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("print 'a', x", "print('a', x)"),
        ("print", "print()"),
        ("for x in y: print x", "for x in y:\n    print(x)"),
        ("print 'a %s' % (\n  3)", "print('a %s' % 3)"),
        ("print >>log, 'a'", "print('a', file=log)"),
        ("try:\n    pass\nexcept IOError, e:\n    pass", "try:\n    pass\nexcept IOError as e:\n    pass"),
        ("raise ValueError, 'x'", "raise ValueError('x')"),
        ("exec code", "exec(code)"),
        ("print 10L <> 0777", "print(10 != 511)"),
        ("print `x`", "print(repr(x))"),
    ],
)
def test_python_two_is_read(old: str, new: str) -> None:
    source = from_text(f"print 'old'\n{old}\n")
    assert ast.unparse(source.tree) == f"print('old')\n{new}"
    assert not source.problems
    assert source.notes


def test_scripts_with_cells_keep_their_lines() -> None:
    source = from_text("# %%\nx = 1\n# %%\ny = 2\n")
    assert source.kind is Kind.SCRIPT_CELLS
    assert source.place(source.tree.body[1]).line == 4


def test_columns_of_names_survive_a_notebook() -> None:
    cells = [{"cell_type": "code", "source": "a = 1"}, {"cell_type": "code", "source": ["%time b = 2\n", "c = b"]}]
    source = from_text(json.dumps({"cells": cells}))
    place = source.place(source.tree.body[-1])
    assert (place.cell, place.line, place.column) == (2, 2, 1)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_it(data: bytes) -> None:
    from modelwright.checks.code.loading import decode

    text, _ = decode(data)
    if text is None:
        return
    for path in ("a.py", "a.ipynb"):
        try:
            source = from_text(text, path)
        except ValueError:
            continue
        assert isinstance(source.tree, ast.Module)


@given(
    st.lists(
        st.sampled_from(
            ["x = 1", "def f(:", "    y = 2", "if x:", "else:", '"""', "(", ")", "print 'a'", "%time x", "@", "\\"]
        ),
        max_size=12,
    )
)
@settings(max_examples=150, deadline=None)
def test_no_mixture_of_lines_breaks_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        source = from_text(text)
    except ValueError:
        source = from_text("")
    assert isinstance(source.tree, ast.Module)
    notebook = from_text(json.dumps({"cells": [{"cell_type": "code", "source": text}] * 2}), "n.ipynb")
    assert len(notebook.cells) == 2
