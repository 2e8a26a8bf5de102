"""Reference statistics: complete, small, and without anybody's rare values."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.registry.reference_state import MAX_COLUMN_BYTES, reference_state

N = 3_000


def frame() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    number = np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N))
    return pl.DataFrame(
        {
            "number": pl.Series(number, nan_to_null=True),
            "constant": np.full(N, 3.0),
            "empty": pl.Series([None] * N, dtype=pl.Float64),
            "kind": rng.choice(["a", "b", "c"], N),
            "many": [f"{'long ' * 10}{i // 5}" for i in range(N)],
            "name": ["Ada Lovelace", *(["x"] * (N - 1))],
            "flag": rng.random(N) < 0.5,
            "text": ["some words here"] * N,
            "when": [datetime.fromisoformat("2024-01-01") + timedelta(hours=i) for i in range(N)],
        }
    )


def types() -> dict[str, ColumnType]:
    number, category = ColumnType.NUMBER, ColumnType.CATEGORY
    return {
        "number": number, "constant": number, "empty": number, "kind": category, "many": category, "name": category,
        "flag": ColumnType.BOOLEAN, "text": ColumnType.TEXT, "when": ColumnType.DATETIME,
    }  # fmt: skip


def signature() -> Signature:
    return Signature(
        inputs=tuple(SignatureField(name=name, type=kind) for name, kind in types().items()), task=Task.REGRESSION
    )


def test_every_row_is_counted_once_per_column() -> None:
    columns = json.loads(reference_state(frame(), signature()))["columns"]
    for name, kind in types().items():
        column = columns[name]
        if kind in (ColumnType.NUMBER, ColumnType.DATETIME):
            assert sum(column["counts"]) + column["below"] + column["above"] + column["missing"] == N
            assert column["edges"] == sorted(set(column["edges"]))
        elif kind is not ColumnType.TEXT:
            assert sum(column["categories"].values()) + column["other"] + column["missing"] == N
    assert columns["empty"]["edges"] == []


def test_columns_stay_small_and_rare_values_stay_out() -> None:
    content = reference_state(frame(), signature())
    for column in json.loads(content)["columns"].values():
        assert len(json.dumps(column)) <= MAX_COLUMN_BYTES
    assert b"Lovelace" not in content
    assert b"some words" not in content
    assert content == reference_state(frame(), signature())
