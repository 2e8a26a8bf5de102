"""More of what real files hold: other encodings, dates that are none, NaN in JSON, lines without end, no memory."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

PIPELINE = """\
data:
  source: {source}
{data}features:
  target: label
model:
  type: decision_tree
training:
  budget_s: 20
"""


def _rows(count: int = 120) -> list[tuple[float, str, str, str]]:
    generator = random.Random(7)
    return [
        (
            round(generator.random(), 4),
            generator.choice("abc"),
            f"2024-01-{n % 28 + 1:02d}",
            generator.choice(["yes", "no"]),
        )
        for n in range(count)
    ]


def _csv(rows: list[tuple[Any, ...]], header: str = "size,kind,day,label") -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def _with(at: int, **changed: Any) -> list[tuple[Any, ...]]:
    rows = [dict(zip(("size", "kind", "day", "label"), row, strict=True)) for row in _rows()]
    rows[at].update(changed)
    return [tuple(row.values()) for row in rows]


def _jsonl(at: int, text: str) -> str:
    lines = [json.dumps(dict(zip(("size", "kind", "day", "label"), row, strict=True))) for row in _rows()]
    lines[at] = text
    return "\n".join(lines) + "\n"


def _check(cli: Callable[..., Any], folder: Path, name: str, content: bytes, data: str = "") -> Any:
    (folder / name).write_bytes(content)
    (folder / "pipeline.yaml").write_text(PIPELINE.format(source=name, data=data))
    return cli("check", "data", "pipeline.yaml", "--json")


def test_latin_1_rows_are_set_aside_by_line_or_read_with_the_encoding_named(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    content = _csv(_with(3, kind="café")).encode("latin-1")
    said = _check(cli, tmp_path, "t.csv", content)
    assert said.code in (0, 3), said.out
    assert [row["line"] for row in said.json["quarantined"]] == [5]
    assert "UTF-8" in said.json["quarantined"][0]["reason"]


def test_a_latin_1_header_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = _check(cli, tmp_path, "t.csv", _csv(_rows(), "größe,kind,day,label").encode("latin-1"))
    assert said.code == 2
    assert "UTF-8" in said.json["error"]["message"]
    assert said.json["error"]["hint"]


def test_dates_that_do_not_parse_are_counted_and_shown(cli: Callable[..., Any], tmp_path: Path) -> None:
    declared = "  types: {day: datetime}\n"
    said = _check(cli, tmp_path, "t.csv", _csv(_with(3, day="2024-02-31")).encode(), declared)
    assert said.code in (0, 3), said.out
    (coercion,) = [each for each in said.json["coercions"] if each["column"] == "day"]
    assert coercion["count"] == 1
    assert "2024-02-31" in json.dumps(coercion)


def test_a_column_that_is_no_date_at_all(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = _check(cli, tmp_path, "t.csv", _csv(_rows()).encode(), "  types: {kind: datetime}\n")
    assert said.code == 2
    assert said.json["error"]["subject"] == "column:kind"
    assert "120 of 120 values" in said.json["error"]["message"]
    assert said.json["error"]["hint"]


def test_nan_in_json_lines(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = _check(cli, tmp_path, "t.jsonl", _jsonl(4, '{"size": NaN, "kind": "a", "label": "yes"}').encode())
    assert said.code in (0, 3), said.out
    assert said.json["quarantined"] == [{"line": 5, "reason": "NaN is not JSON"}]


def test_a_target_of_mixed_types(cli: Callable[..., Any], tmp_path: Path) -> None:
    rows = [(*row[:3], number) for number, row in enumerate(_rows())]
    rows[7] = (*rows[7][:3], "many")
    said = _check(cli, tmp_path, "t.csv", _csv(rows).encode())
    assert said.code in (0, 3), said.out
    assert (said.json["task"], said.json["rows"]) == ("regression", 119)
    assert [(each["column"], each["count"]) for each in said.json["coercions"]] == [("label", 1)]
    assert "'many'" in said.json["coercions"][0]["what"]


def test_infinite_targets(cli: Callable[..., Any], tmp_path: Path) -> None:
    rows = [(*row[:3], row[0] * 3) for row in _rows()]
    rows[7] = (*rows[7][:3], "inf")
    said = _check(cli, tmp_path, "t.csv", _csv(rows).encode())
    assert said.code in (0, 3), said.out
    assert said.json["rows"] == 119
    assert [(each["column"], each["count"]) for each in said.json["coercions"]] == [("label", 1)]
    assert "infinite" in said.json["coercions"][0]["what"]


def test_a_line_without_end_is_refused_before_it_fills_the_memory(cli: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(_csv(_rows()))
    with path.open("r+b") as handle:
        handle.truncate(200 << 20)  # sparse: it takes no room
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.format(source="t.csv", data=""))
    said = cli("check", "data", "pipeline.yaml", "--json")
    assert said.code == 2
    assert "122" in said.json["error"]["message"]
    assert said.json["error"]["hint"]


def test_too_little_memory_has_a_clear_outcome(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(_csv(_rows()))
    text = PIPELINE.format(source="t.csv", data="").replace("budget_s: 20", "budget_s: 20\n  memory_share: 0.00001")
    (tmp_path / "pipeline.yaml").write_text(text)
    said = cli("run", "pipeline.yaml", "--json")
    assert said.code in (0, 3), said.out
    assert said.json["chosen"]["family"] == "dummy"
    assert any("training.memory_share" in note for note in said.json["notes"]), said.json["notes"]


def test_nothing_of_this_leaves_a_workspace(cli: Callable[..., Any], tmp_path: Path) -> None:
    _check(cli, tmp_path, "t.csv", b"size,kind\n1,2\n")
    assert cli("run", "pipeline.yaml", "--json").code == 2
    assert not (tmp_path / ".modelwright").exists()
