from __future__ import annotations

import os
from pathlib import Path

from modelwright.checks.code.collecting import Collected, collect, excluded


def _make(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n")


def _names(found: Collected) -> list[str]:
    return [each.shown for each in found.files]


def test_folders_are_walked_without_what_others_wrote(tmp_path: Path) -> None:
    _make(
        tmp_path, "a.py", "b/c.ipynb", "b/d.txt", ".hidden/x.py", "venv/x.py", "build/x.py", "p/__pycache__/x.py",
        "node_modules/x.py", "own/pyvenv.cfg", "own/x.py", "pkg.egg-info/x.py", ".ipynb_checkpoints/c.ipynb",
    )  # fmt: skip
    assert _names(collect([str(tmp_path)], tmp_path)) == ["a.py", "b/c.ipynb"]


def test_named_files_are_always_taken(tmp_path: Path) -> None:
    _make(tmp_path, ".hidden/x.py", "venv/y.py", "script")
    found = collect([str(tmp_path / name) for name in (".hidden/x.py", "venv/y.py", "script")], tmp_path)
    assert _names(found) == [".hidden/x.py", "script", "venv/y.py"]


def test_order_and_repeats_of_arguments_change_nothing(tmp_path: Path) -> None:
    _make(tmp_path, "z.py", "a/b.py", "a.py")
    one = collect([str(tmp_path)], tmp_path)
    other = collect([str(tmp_path / "z.py"), str(tmp_path / "a"), str(tmp_path), str(tmp_path / "z.py")], tmp_path)
    assert _names(one) == _names(other) == ["a.py", "a/b.py", "z.py"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    _make(tmp_path, "a/b.py")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "c.py").symlink_to(tmp_path / "c.py")
    found = collect([str(tmp_path)], tmp_path)
    assert _names(found) == ["a/b.py"]
    assert [(each.path, each.reason) for each in found.skipped] == [("c.py", "not a regular file")]


def test_what_is_missing_or_strange_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    found = collect([str(tmp_path / "no.py"), str(tmp_path / "pipe.py"), "a\0b"], tmp_path)
    assert not found.files
    assert len(found.skipped) == 3


def test_exclusion_names_folders_files_and_globs(tmp_path: Path) -> None:
    _make(tmp_path, "a.py", "old/b.py", "x/old/c.py", "x/d_gen.py")
    assert _names(collect([str(tmp_path)], tmp_path, ["old", "*_gen.py"])) == ["a.py"]
    assert excluded("x/old/c.py", ["x/old"])
    assert excluded("x/old/c.py", ["x/*"])
    assert not excluded("x/old/c.py", ["y"])
