"""Poor and broken tables through the real door: a finding or a clear error, never a traceback or a numpy warning."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEADER = "size,kind,w,label"


def _rows(n: int, label: Callable[[int], str] | None = None) -> list[tuple[Any, ...]]:
    rng = random.Random(3)
    chosen = label or (lambda _: rng.choice(["yes", "no"]))
    return [(round(rng.random(), 4), rng.choice("abc"), round(rng.gauss(5, 2), 3), chosen(i)) for i in range(n)]


def _csv(header: str, rows: list[tuple[Any, ...]]) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def _check(cli: Callable[..., Any], folder: Path, table: str, more: str = "", target: str = "label") -> Any:
    (folder / "t.csv").write_text(table, encoding="utf-8")
    (folder / "pipeline.yaml").write_text(
        f"data:\n  source: t.csv\nfeatures:\n  target: {target}\n{more}", encoding="utf-8"
    )
    said = cli("check", "data", "pipeline.yaml", "--json")
    assert said.code in (0, 2, 3), said.out
    assert "check.failed" not in said.out
    return said


def _codes(said: Any) -> set[tuple[str, str]]:
    return {(one["code"], one["subject"]) for one in said.json["findings"]}


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (_csv(HEADER, _rows(2, lambda i: "ny"[i])), "data.too_few_rows"),
        (_csv(HEADER, _rows(200, lambda _: "yes")), "data.one_class"),
        (_csv(HEADER, _rows(200, lambda i: "rare" if i == 5 else "ny"[i % 2])), "data.rare_class"),
        (_csv("k,label", [(7, "ny"[i % 2]) for i in range(100)]), "data.no_features"),
        (_csv(HEADER, [("", "", "", row[3]) for row in _rows(100)]), "data.no_features"),
        (_csv(HEADER, [(1, "a", 2, "ny"[i % 2]) for i in range(120)]), "data.no_features"),
    ],
    ids=["two_rows", "one_class", "class_of_one_row", "constant_only", "nothing_known", "duplicates_only"],
)
def test_what_cannot_be_learned_from_is_refused(cli: Callable[..., Any], tmp_path: Path, table: str, code: str) -> None:
    said = _check(cli, tmp_path, table)
    assert said.code == 2
    assert said.json["error"]["code"] == code
    assert said.json["error"]["hint"]


def _with(rows: list[tuple[Any, ...]], value: Callable[[int], Any]) -> list[tuple[Any, ...]]:
    return [(*row[:3], value(at), row[3]) for at, row in enumerate(rows)]


ZONES = ("2024-01-05T10:00:00+02:00", "2024-01-06T10:00:00Z", "2024-01-07T10:00:00", "05/01/2024")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda _: 7, ("data.constant", "column:x")),
        (lambda i: 7 if i % 2 else "", ("data.missing", "column:x")),
        (lambda _: "", ("data.all_missing", "column:x")),
        (lambda i: ZONES[i % 4], ("data.mixed_dates", "column:x")),
        (lambda i: f"{i % 37} {'kg' if i % 3 else 'lb'}", ("data.mixed_units", "column:x")),
        (lambda i: ("Rome", "ROME", "rome", "Oslo")[i % 4], ("data.category_variants", "column:x")),
        (lambda i: ("cafÃ©", "bar", "pub")[i % 3], ("data.encoding", "column:x")),
        (lambda i: -999 if i % 9 == 0 else i % 31, ("data.sentinel", "column:x")),
    ],
    ids=["constant", "constant_or_missing", "empty", "dates", "units", "spellings", "mojibake", "sentinel"],
)
def test_a_poor_column_is_named(
    cli: Callable[..., Any], tmp_path: Path, value: Callable[[int], Any], expected: tuple[str, str]
) -> None:
    said = _check(cli, tmp_path, _csv("size,kind,w,x,label", _with(_rows(240), value)))
    assert expected in _codes(said)


@pytest.mark.parametrize(
    ("table", "more"),
    [
        (_csv(HEADER, _rows(10, lambda i: "ny"[i % 2])), ""),
        (_csv(HEADER, _rows(300, lambda i: "yes" if i < 8 else "no")), ""),
        (_csv("a,label", [(i % 13 + i / 7, "ny"[i % 2]) for i in range(150)]), ""),
        (_csv("a,label", [(i % 13 + i / 7, ("true", "false")[i % 2]) for i in range(150)]), ""),
        (_csv("g," + HEADER, [(f"g{i}", *row) for i, row in enumerate(_rows(200))]), "  group: g\n"),
        (
            _csv(HEADER, [(*row[:3], "" if i % 5 == 0 else row[3]) for i, row in enumerate(_rows(200))]),
            "",
        ),
        (_csv("größe,种类,п р,label", _rows(150)), ""),
        (_csv("a,b,label", [(i % 13, i % 7, 5e-324 * (i % 90 + 1)) for i in range(150)]), ""),
    ],
    ids=[
        "ten_rows",
        "one_class_folds",
        "one_feature",
        "boolean",
        "groups_of_one",
        "target_gaps",
        "unicode",
        "denormal",
    ],
)
def test_poor_tables_get_findings_and_a_verdict(cli: Callable[..., Any], tmp_path: Path, table: str, more: str) -> None:
    said = _check(cli, tmp_path, table, more)
    assert said.code in (0, 3), said.out
    assert said.json["verdict"]


def test_rows_without_any_value_are_counted(cli: Callable[..., Any], tmp_path: Path) -> None:
    rows = [("", "", "", row[3]) if at % 12 == 0 else row for at, row in enumerate(_rows(240))]
    assert ("data.empty_rows", "rows") in _codes(_check(cli, tmp_path, _csv(HEADER, rows)))


def test_personal_values_are_found_and_never_repeated(cli: Callable[..., Any], tmp_path: Path) -> None:
    rows = _with(_rows(200), lambda i: f"person{i % 90}@example.org")
    said = _check(cli, tmp_path, _csv("size,kind,w,contact,label", rows))
    assert ("data.personal", "column:contact") in _codes(said)
    assert "@example.org" not in said.out


def test_flipped_labels_are_counted_through_the_door(cli: Callable[..., Any], tmp_path: Path) -> None:
    rng = random.Random(5)
    rows = []
    for _ in range(900):
        truth = rng.random() < 0.5
        label = truth != (rng.random() < 0.12)
        rows.append((rng.gauss(4.0 * truth, 1), rng.gauss(0, 1), "yes" if label else "no"))
    said = _check(cli, tmp_path, _csv("a,b,label", rows))
    (noise,) = [one for one in said.json["findings"] if one["code"] == "data.label_noise"]
    assert 0.08 <= noise["observed"] <= 0.16
    assert noise["evidence"]["suspicious_rows"]


def _extreme(n: int) -> str:
    """Numbers at both ends of what a float can hold."""
    big, small = (1e308, -1e308, 1e300, 3.0), (5e-324, 1e-310, 0.0)
    rows = [(*row[:3], big[at % 4], small[at % 3], row[3]) for at, row in enumerate(_rows(n))]
    return _csv("size,kind,w,big,small,label", rows)


@pytest.mark.parametrize(
    "table",
    [_extreme(300), _csv(HEADER, _rows(10, lambda i: "ny"[i % 2]))],
    ids=["ends_of_floats", "ten_rows"],
)
def test_poor_tables_go_through_a_whole_run(cli: Callable[..., Any], tmp_path: Path, table: str) -> None:
    """Warnings are errors here, so that none can reach a person's terminal."""
    (tmp_path / "t.csv").write_text(table, encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(
        "data:\n  source: t.csv\nfeatures:\n  target: label\nmodel:\n  type: decision_tree\n", encoding="utf-8"
    )
    said = cli("run", "pipeline.yaml", "--set", "training.budget_s=4", "--json")
    assert said.code in (0, 3), said.out
    assert "check.failed" not in said.out
    record = json.loads((Path(said.json["paths"]["run"]) / "run.json").read_text(encoding="utf-8"))
    missing = record["judgement"]["missing"]
    assert not [reason for reason in missing.values() if "Error" in reason or "Warning" in reason], missing


@pytest.mark.parametrize(
    ("table", "code", "says"),
    [
        (
            _csv("a,b,label", [(i % 13, i % 7, (i + 1) * 1e305) for i in range(150)]),
            "data.target_too_large",
            "squares",
        ),
        (
            _csv("a,x,label", [(i % 13, 1.5 if i % 10 == 0 else "inf", "ny"[i % 2]) for i in range(150)]),
            "data.not_number",
            "looks like a number",
        ),
    ],
    ids=["target_beyond_squares", "mostly_infinite"],
)
def test_numbers_beyond_arithmetic_are_refused_in_a_sentence(
    cli: Callable[..., Any], tmp_path: Path, table: str, code: str, says: str
) -> None:
    said = _check(cli, tmp_path, table)
    assert said.code == 2
    assert said.json["error"]["code"] == code
    assert says in said.json["error"]["message"]
