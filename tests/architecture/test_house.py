"""The house keeps its shape: rooms as drawn, sizes in bounds, names from the glossary's world."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "modelwright"
FILES = sorted(SOURCE.rglob("*.py"))
BANNED_NAMES = {"utils", "helpers", "common", "misc", "base", "manager", "handlers"}
BANNED_MODULES = {"pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve", "cPickle", "jsonpickle"}
LINES_AT_MOST = 400
CORE_LINES_AT_MOST = 1_600
#: with `on_...`, what a network library calls: how many there are is not of our choosing
CALLED_BY_ASYNCIO = frozenset({"connection_made", "connection_lost", "data_received", "eof_received"})
PUBLIC_METHODS_AT_MOST = 9


@functools.cache
def _nodes(file: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def _written(node: ast.expr) -> str:
    """Names and their attributes as they stand in the source; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{_written(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _code_lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_architecture_page_lists_exactly_the_rooms() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = page.partition("## Rooms")[2].split("```")[1]
    drawn = set(re.findall(r"^([a-z]+)/ ", rooms, flags=re.MULTILINE))
    built = {folder.name for folder in SOURCE.iterdir() if (folder / "__init__.py").exists()}
    assert drawn == built


def test_no_file_outgrows_its_room(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = sorted(((_code_lines(file), file) for file in FILES), reverse=True)
    with capsys.disabled():
        print("\nten largest files:", ", ".join(f"{file.relative_to(SOURCE)} {lines}" for lines, file in sizes[:10]))
    too_long = {str(file.relative_to(SOURCE)): lines for lines, file in sizes if lines > LINES_AT_MOST}
    assert not too_long


def test_core_stays_small() -> None:
    assert sum(_code_lines(file) for file in (SOURCE / "core").rglob("*.py")) <= CORE_LINES_AT_MOST


def test_no_vague_module_names() -> None:
    assert not [file for file in FILES if file.stem in BANNED_NAMES or file.parent.name in BANNED_NAMES]


def test_no_pickle_family_is_imported_anywhere() -> None:
    found = []
    peers = ROOT / "benchmarks" / "serving" / "peers"  # other products' servers, in environments of their own
    benchmarks = [file for file in (ROOT / "benchmarks").rglob("*.py") if peers not in file.parents]
    for file in [*FILES, *benchmarks, *(ROOT / "docs").rglob("*.py")]:
        for node in _nodes(file):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            elif isinstance(node, ast.Attribute) and node.attr in {"allow_pickle"}:
                modules = ["pickle"]
            found += [f"{file.name}: {name}" for name in modules if name.split(".")[0] in BANNED_MODULES]
    assert not found


def test_numpy_files_are_read_without_pickle() -> None:
    for file in FILES:
        for call in _nodes(file):
            if isinstance(call, ast.Call) and _written(call.func) in {"np.load", "numpy.load"}:
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                assert keywords.get("allow_pickle") == "False", f"{file}:{call.lineno}"


def test_no_bare_except_and_no_print_outside_the_doors() -> None:
    found = []
    for file in FILES:
        door = "interfaces" in file.parts
        for node in _nodes(file):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{file.relative_to(SOURCE)}:{node.lineno} bare except")
            if isinstance(node, ast.Call) and _written(node.func) == "print" and not door:
                found.append(f"{file.relative_to(SOURCE)}:{node.lineno} print")
    assert not found


def test_classes_have_few_public_methods() -> None:
    big = {}
    for file in FILES:
        for node in _nodes(file):
            if isinstance(node, ast.ClassDef):
                methods = [
                    item
                    for item in node.body
                    if isinstance(item, ast.FunctionDef)
                    and not item.name.startswith(("_", "on_"))
                    and item.name not in CALLED_BY_ASYNCIO
                    and not any("property" in ast.unparse(decorator) for decorator in item.decorator_list)
                ]
                if len(methods) > PUBLIC_METHODS_AT_MOST:
                    big[f"{file.relative_to(SOURCE)}:{node.name}"] = len(methods)
    assert not big


def test_every_plugin_has_its_first_and_last_line() -> None:
    from modelwright.core.plugins import SEAMS

    for package in SEAMS.values():
        for file in (SOURCE.parent / package.replace(".", "/")).glob("[a-z]*.py"):
            text = file.read_text(encoding="utf-8").rstrip()
            assert text.startswith('"""'), file
            assert re.search(r"^PLUGIN\b.*=", text, flags=re.MULTILINE), file


def test_every_listed_plugin_loads() -> None:
    from modelwright.core.errors import MissingExtraError
    from modelwright.core.plugins import SEAMS, load_all

    for seam in SEAMS:
        _, bad = load_all(seam)
        assert not {name: error for name, error in bad.items() if not isinstance(error, MissingExtraError)}


def test_the_version_is_told_once() -> None:
    import tomllib

    from modelwright._version import VERSION

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
