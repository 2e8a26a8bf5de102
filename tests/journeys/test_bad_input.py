"""Every bad input gives one clear sentence with the place and the fix, exit code 2, no traceback, no trace."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

PIPELINE = """\
data:
  source: table.csv
features:
  target: label
model:
  type: decision_tree
training:
  budget_s: 5
"""


def _rows(n: int = 120) -> list[str]:
    generator = random.Random(7)
    return [f"{generator.random():.4f},{generator.choice('abc')},{generator.choice(['yes', 'no'])}" for _ in range(n)]


def _good() -> str:
    return "\n".join(["size,kind,label", *_rows()]) + "\n"


def _edit(row: int, text: str) -> str:
    lines = _good().splitlines()
    lines[row] = text
    return "\n".join(lines) + "\n"


TABLES: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "empty"),
    "header only": (b"size,kind,label\n", "row"),
    "missing target": (_good().replace("label", "lable").encode(), "label"),
    "one class": (_good().replace(",no\n", ",yes\n").encode(), "one class|only|single"),
    "target all missing": (("size,kind,label\n" + "1,a,\n" * 50).encode(), "label"),
    "duplicated header": (_good().replace("size,kind,label", "size,size,label").encode(), "size"),
    "empty header": (_good().replace("size,kind,label", "size,,label").encode(), "header|name"),
    "binary": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "table.csv"),
    "utf-16": (_good().encode("utf-16"), "UTF-16|encod"),
    "too few rows": (("size,kind,label\n" + "1,a,yes\n2,b,no\n").encode(), "row"),
    "million-column header": ((",".join(f"c{i}" for i in range(1_000_000)) + "\n").encode(), "column"),
}


@pytest.mark.parametrize("case", list(TABLES))
def test_bad_table(cli: Callable, tmp_path: Path, case: str) -> None:
    content, expected = TABLES[case]
    (tmp_path / "table.csv").write_bytes(content)
    _assert_refused(cli, tmp_path, expected)


SPECS: dict[str, tuple[str, str]] = {
    "sample_rate zero": (PIPELINE.replace("source: table.csv", "source: table.csv\n  sample_rate: 0"), "sample_rate"),
    "splits do not add up": (
        PIPELINE.replace(
            "source: table.csv", "source: table.csv\n  train_split: 0.7\n  val_split: 0.2\n  test_split: 0.2"
        ),
        "1",
    ),
    "unknown family": (PIPELINE.replace("decision_tree", "decison_tree"), "decision_tree"),
    "unknown metric": (PIPELINE + "evaluation:\n  metric: f1_scor\n", "f1"),
    "metric that does not fit": (PIPELINE + "evaluation:\n  metric: rmse\n", "rmse"),
    "misspelt key": (PIPELINE.replace("target:", "tarject:"), "target"),
    "misspelt parameter": (PIPELINE.replace("type: decision_tree", "type: decision_tree\n  max_dept: 3"), "max_depth"),
    "parameter out of range": (
        PIPELINE.replace("type: decision_tree", "type: random_forest\n  n_estimators: -5"),
        "n_estimators",
    ),
    "tag": (PIPELINE.replace("table.csv", "!!python/object:os.system table.csv"), "tag"),
    "anchor": (PIPELINE.replace("source: table.csv", "source: &a table.csv"), "anchor"),
    "merge bomb": ("a: &a {x: 1}\nb: &b {<<: [*a, *a]}\n" + PIPELINE, "anchor|alias|merge"),
    "not yaml": ("data: [\n", "never closed"),
    "empty spec": ("", "data"),
    "missing file": (PIPELINE.replace("table.csv", "tabel.csv"), "tabel.csv"),
    "unreadable s3 object": (PIPELINE.replace("table.csv", "s3://bucket-not-there/x.csv"), "s3"),
    "column not there": (PIPELINE.replace("target: label", "target: label\n  numerical: [sise]"), "size"),
    "budget over four hours": (PIPELINE.replace("budget_s: 5", "budget_s: 99999"), "14|4 hours|budget"),
    "hook not found": (PIPELINE.replace("source: table.csv", "source: nowhere:table"), "nowhere"),
}


@pytest.mark.parametrize("case", list(SPECS))
def test_bad_spec(cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    text, expected = SPECS[case]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nothing listens on the discard port
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    (tmp_path / "table.csv").write_text(_good())
    _assert_refused(cli, tmp_path, expected, text)


def _assert_refused(cli: Callable, folder: Path, expected: str, text: str = PIPELINE) -> None:
    import re

    (folder / "pipeline.yaml").write_text(text)
    before = _tree(folder)
    said = cli("run", "pipeline.yaml", "--json")
    error = said.json["error"]
    assert said.code == 2, error
    assert re.search(expected, f"{error['message']} {error['hint']}", re.IGNORECASE), error
    assert error["hint"]
    assert "Traceback" not in said.err + said.out
    assert _tree(folder) == before
    people = cli("run", "pipeline.yaml")
    assert people.code == 2
    assert "fix" in people.err.lower()
    assert "Traceback" not in people.err


def _tree(folder: Path) -> dict[str, int]:
    return {
        str(file.relative_to(folder)): file.stat().st_size
        for file in folder.rglob("*")
        if "__pycache__" not in file.parts
    }


RECOVERABLE: dict[str, str] = {
    "all-missing column": "\n".join(["size,kind,label,void", *(row + "," for row in _rows())]) + "\n",
    "mixed types": _edit(5, "large,a,yes"),
    "infinity and NaN": _edit(5, "inf,a,yes").replace("size", "size", 1),
    "ragged row": _edit(5, "0.5,a,yes,more,and more"),
    "text with quotes": _edit(5, '0.5,"a ""quoted"" b",yes'),
}


@pytest.mark.parametrize("case", list(RECOVERABLE))
def test_poor_but_usable_tables_are_used_and_said(cli: Callable, tmp_path: Path, case: str) -> None:
    (tmp_path / "table.csv").write_text(RECOVERABLE[case])
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    said = cli("check", "data", "pipeline.yaml", "--json")
    assert said.code in (0, 3), said.err
    assert said.json["verdict"] in {"APPROVE", "CONDITIONAL", "NEEDS REWORK"}
    if case == "ragged row":
        assert [row["line"] for row in said.json["quarantined"]] == [6]
    if case in {"mixed types", "infinity and NaN"}:
        assert any(each["column"] == "size" for each in said.json["coercions"])


def test_an_unreadable_file_is_named(cli: Callable, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "table.csv").mkdir()  # root reads everything, but not a folder as a file
    else:
        (tmp_path / "table.csv").write_text(_good())
        (tmp_path / "table.csv").chmod(0)
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    said = cli("run", "pipeline.yaml", "--json")
    assert said.code == 2
    assert "table.csv" in said.json["error"]["message"]


def test_unknown_command_and_missing_file(cli: Callable) -> None:
    unknown = cli("rnu")
    assert unknown.code == 2
    assert "run" in unknown.err
    missing = cli("run", "nothing.yaml", "--json")
    assert missing.code == 2
    assert "nothing.yaml" in missing.json["error"]["message"]
