"""The expression language: what it computes, how it treats missing values, and what its errors say."""

# ruff: noqa: DTZ001 - naive UTC is the storage of a datetime column
from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from modelwright.core.errors import SpecError
from modelwright.core.nouns import ColumnType
from modelwright.features.expressions import parse

KNOWN = {
    "x": ColumnType.NUMBER,
    "y": ColumnType.NUMBER,
    "odd name": ColumnType.NUMBER,
    "word": ColumnType.CATEGORY,
    "note": ColumnType.TEXT,
    "ok": ColumnType.BOOLEAN,
    "at": ColumnType.DATETIME,
}
ROW = {
    "x": 7.0,
    "y": -2.0,
    "odd name": 3.0,
    "word": "Blue",
    "note": "A b",
    "ok": True,
    "at": datetime(2024, 2, 29, 13, 5),
}
EMPTY = dict.fromkeys(KNOWN)


def value(text: str, row: dict[str, object] | None = None) -> object:
    expression = parse(text, KNOWN)
    found = ROW if row is None else row
    dtypes = {"word": pl.String, "note": pl.String, "ok": pl.Boolean, "at": pl.Datetime("us")}
    frame = pl.DataFrame({name: pl.Series([found[name]], dtype=dtypes.get(name, pl.Float64)) for name in KNOWN})
    single = expression.row()([found[name] for name in expression.columns])
    column = expression.apply(frame)[0]
    single = None if single != single else single
    assert column == single
    return single


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x + y * 2", 3.0),
        ("-x ** 2", -49.0),
        ("2 ** -1", 0.5),
        ("x // y", -4.0),
        ("x % y", -1.0),
        ("1 // 0.1", 9.0),
        ("`odd name` + col('odd name')", 6.0),
        ("0 < x <= 7", True),
        ("x > 5 and not ok", False),
        ("1 if x > 5 else 2", 1.0),
        ('"big" if x > 5 else "small"', "big"),
        ('word in ("Blue", "Red")', True),
        ('word not in ("Blue", "Red")', False),
        ("lower(word)", "blue"),
        ("length(note)", 3.0),
        ('contains(note, ".")', False),
        ("min(x, y, 0)", -2.0),
        ("clip(x, 0, 5)", 5.0),
        ("round(2.5)", 2.0),
        ("round(1.234, 2)", 1.23),
        ("year(at) * 100 + month(at)", 202402.0),
        ("weekday(at)", 3.0),
        ("hour(at) + minute(at) / 60", 13 + 5 / 60),
        ('days_between(date("2024-02-28"), at)', 1 + (13 * 60 + 5) / 1440),
        ("ok + 1", 2.0),
        ("1 / 0", None),
        ("log(y)", None),
        ("sqrt(y)", None),
        ("exp(1000)", None),
        ("y ** 0.5", None),
        ("1e308 * 10", None),
    ],
)
def test_values(text: str, wanted: object) -> None:
    assert value(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x + 1", None),
        ("x > 1", None),
        ("x > 1 and 1 > 2", False),
        ("x > 1 or 1 < 2", True),
        ("1 if x > 1 else 2", None),
        ("is_missing(word) and is_missing(at)", True),
        ("coalesce(x, y, 5)", 5.0),
        ('coalesce(word, "none")', "none"),
        ("max(x, 3)", None),
        ("length(note)", None),
        ('word == "a"', None),
    ],
)
def test_missing_values_travel(text: str, wanted: object) -> None:
    assert value(text, EMPTY) == wanted


@pytest.mark.parametrize(
    ("text", "code", "column", "hint"),
    [
        ("x + wrod", "unknown_column", 5, "did you mean 'word'"),
        ("x + word", "type", 5, "length(word)"),
        ("sqr(x)", "unknown_function", 1, "did you mean 'sqrt'"),
        ("x.real", "syntax", 2, "backticks"),
        ("x = 1", "syntax", 3, "=="),
        ("x + at", "type", 5, "days_between"),
        ("1 if x else 2", "type", 6, "compare"),
        ("(x + 1", "syntax", 7, "close the bracket"),
        ("x ** 1e9", "exponent", 6, "at most 100"),
        ("x == 'a'", "type", 6, "change"),
        ("length(x)", "type", 8, "change"),
        ("log(x, 2, 3)", "arguments", 1, "remove"),
    ],
)
def test_errors_point_and_advise(text: str, code: str, column: int, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, KNOWN)
    error = caught.value
    assert (error.code, error.column) == (f"expression.{code}", column)
    assert hint in error.hint
    assert error.caret().splitlines()[1].index("^") == len("    1 | ") + column - 1


def test_types_of_results() -> None:
    kinds = {
        text: parse(text, KNOWN).type for text in ("x + 1", "x > 1", "lower(word)", "lower(note)", "coalesce(at, at)")
    }
    assert list(kinds.values()) == [
        ColumnType.NUMBER,
        ColumnType.BOOLEAN,
        ColumnType.CATEGORY,
        ColumnType.TEXT,
        ColumnType.DATETIME,
    ]


def test_columns_are_the_ones_it_reads_once_each() -> None:
    assert parse("x + y * x", KNOWN).columns == ("x", "y")
