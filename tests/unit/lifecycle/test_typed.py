"""A function of the user's own gets numbers as numbers, in training as in predict."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.core.tables import RawTable
from modelwright.lifecycle.prepare import prepare
from modelwright.lifecycle.typed import texts_of_training, typed
from modelwright.spec.load import load_spec

_COLUMNS = {
    "whole": ["1", None, "-3"],
    "real": ["1.5", "2", "3e2"],
    "zeros": ["007", "012", "100"],
    "mixed": ["1", "2", "n/a"],
    "date": ["2024-01-01", "2024-01-02", None],
    "huge": ["92233720368547758080", "1", "2"],
    "word": ["nan", "1.5", "2.5"],
    "spaced": [" 1", "2", "3"],
    "empty": [None, None, None],
}


def _types(frame: pl.DataFrame) -> dict[str, pl.DataType]:
    return {name: dtype for name, dtype in frame.schema.items() if dtype != pl.String}


def test_only_columns_of_nothing_but_numbers_are_typed() -> None:
    raw = RawTable(frame=pl.DataFrame(_COLUMNS, schema=dict.fromkeys(_COLUMNS, pl.String)), digest="d", source="s")
    assert _types(typed(raw).frame) == {"whole": pl.Int64(), "real": pl.Float64()}
    assert typed(raw).frame["whole"].to_list() == [1, None, -3]
    assert _types(typed(raw, {"whole"}).frame) == {"real": pl.Float64()}


def test_a_source_with_types_keeps_its_texts() -> None:
    raw = RawTable(frame=pl.DataFrame({"a": [1, 2], "b": ["1", "2"]}), digest="d", source="s")
    assert typed(raw).frame["b"].dtype == pl.String


def test_predict_keeps_what_training_had_as_text() -> None:
    field = SignatureField
    signature = Signature(
        inputs=(
            field(name="level", type=ColumnType.CATEGORY, categories=("1", "2", "x")),
            field(name="zip", type=ColumnType.CATEGORY, categories=("123", "456")),  # a code by its name
            field(name="age", type=ColumnType.CATEGORY, categories=("young", "old")),  # made of a number
            field(name="note", type=ColumnType.TEXT),
            field(name="size", type=ColumnType.NUMBER),
        ),
        task=Task.BINARY,
    )
    new = pl.DataFrame(
        {"level": ["1", "2"], "zip": ["123", "9"], "age": ["20", "70"], "note": ["5", "6"], "size": ["1", "2.5"]}
    )
    assert texts_of_training(new, signature) == {"level", "note"}


def test_a_step_computes_with_the_numbers_of_a_csv_file(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 7}.5,{'xy'[i % 2]},{i % 3:03d},{i % 2}\n" for i in range(60))
    (tmp_path / "t.csv").write_text("n,size,kind,code,y\n" + rows, encoding="utf-8")
    (tmp_path / "own_step.py").write_text(
        "import polars as pl\n\n\ndef prepare(df):\n"
        "    assert df.schema['code'] == pl.String and df.schema['n'] == pl.String\n"
        "    return df.with_columns(pl.col('size') * 2)\n",
        encoding="utf-8",
    )
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "data:\n  source: t.csv\n  prepare: own_step:prepare\n  types: {n: category}\nfeatures:\n  target: y\n",
        encoding="utf-8",
    )
    prepared = prepare(load_spec(path).spec, tmp_path)
    assert prepared.dataset.frame["size"].to_list()[:3] == [1.0, 3.0, 5.0]
    assert prepared.raw is not None
    assert prepared.raw.frame["size"].dtype == pl.Float64
