"""Rows and frames in, predictions out: by name, by type, counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import ModelError
from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.core.tables import Predictions
from modelwright.registry import answers
from modelwright.registry.answers import conform_frame, conform_row, predictions_frame

SIGNATURE = Signature(
    inputs=(
        SignatureField(name="number", type=ColumnType.NUMBER),
        SignatureField(name="flag", type=ColumnType.BOOLEAN),
        SignatureField(name="kind", type=ColumnType.CATEGORY),
        SignatureField(name="when", type=ColumnType.DATETIME, format="%Y-%m-%d"),
    ),
    task=Task.BINARY,
    classes=("no", "yes"),
)
ROW: dict[str, Any] = {"number": 1.5, "flag": True, "kind": "a b", "when": datetime.fromisoformat("2024-02-29")}


def test_columns_are_bound_by_name_and_further_ones_ignored() -> None:
    frame = pl.DataFrame({"kind": ["x"], "z": [1], "when": ["2024-02-29"], "number": ["1.5"], "flag": ["true"]})
    stored, coercions = conform_frame(frame, SIGNATURE)
    assert stored.rows() == [(1.5, True, "x", datetime.fromisoformat("2024-02-29"))]
    assert coercions == ()


def test_a_missing_column_is_named_with_the_nearest() -> None:
    frame = pl.DataFrame({"numbr": [1.0], "flag": [True], "kind": ["a"], "when": ["2024-01-01"]})
    with pytest.raises(ModelError, match="'number'") as caught:
        conform_frame(frame, SIGNATURE)
    assert caught.value.code == "bundle.missing_column"
    assert "numbr" in caught.value.hint
    with pytest.raises(ModelError, match="'kind'"):
        conform_row({"number": 1.0, "flag": True, "when": None}, SIGNATURE)


def test_values_that_do_not_read_are_counted_and_a_column_of_them_refused() -> None:
    frame = pl.DataFrame(
        {"number": ["1", "x", None], "flag": [True] * 3, "kind": ["a"] * 3, "when": ["2024-01-01"] * 3}
    )
    stored, coercions = conform_frame(frame, SIGNATURE)
    assert stored["number"].to_list() == [1.0, None, None]
    assert [(c.column, c.count) for c in coercions] == [("number", 1)]
    with pytest.raises(ModelError, match="'x'") as caught:
        conform_frame(frame[1:2], SIGNATURE)
    assert caught.value.code == "bundle.input"
    with pytest.raises(ModelError, match="'x'"):
        conform_row(ROW | {"number": "x"}, SIGNATURE)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"number": None, "kind": None, "flag": None, "when": None},
        {"number": 3},
        {"number": True},
        {"number": "7"},
        {"number": "-29.850"},
        {"number": "007"},
        {"number": "1e3"},
        {"number": "-0"},
        {"kind": 7.5},
        {"kind": -0.0},
        {"kind": 0.0},
        {"kind": True},
        {"number": float("nan")},
        {"number": float("inf")},
        {"number": 2**60},
        {"number": ""},
        {"number": "NA"},
        {"flag": "yes"},
        {"flag": 1},
        {"kind": "  padded "},
        {"kind": ""},
        {"kind": " "},
        {"kind": "\u00fcber"},
        {"kind": "\u00a0x"},
        {"kind": 7},
        {"when": "2024-02-29"},
        {"when": datetime(2024, 2, 29, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_a_row_is_stored_as_the_same_row_of_a_frame(change: dict[str, Any]) -> None:
    row = ROW | change
    frame = pl.DataFrame({name: [value] for name, value in row.items()}, strict=False)
    stored = conform_frame(frame, SIGNATURE)[0].row(0, named=True)
    cells: dict[Any, Any] = {}
    for _ in range(2):  # the second time from memory
        assert conform_row(row, SIGNATURE, cells) == stored


def test_what_cells_are_stored_as_is_remembered_within_bounds() -> None:
    cells: dict[Any, Any] = {}
    for value in range(answers._MOST_CELLS + 10):
        cells[("kind", int, -value)] = "x"
    conform_row(ROW | {"kind": 7}, SIGNATURE, cells)
    assert len(cells) == 1


@pytest.mark.parametrize(
    ("classes", "kind", "wanted"),
    [
        (("0", "1"), ColumnType.NUMBER, [1, 0]),
        (("0.5", "1.5"), ColumnType.NUMBER, [1.5, 0.5]),
        (("false", "true"), ColumnType.BOOLEAN, [True, False]),
        (("no", "yes"), ColumnType.BOOLEAN, ["yes", "no"]),
        (("no", "yes"), ColumnType.CATEGORY, ["yes", "no"]),
        (("1", "2"), ColumnType.CATEGORY, ["2", "1"]),
    ],
)
def test_labels_are_written_in_the_type_of_the_target(classes: Any, kind: ColumnType, wanted: list[Any]) -> None:
    signature = Signature(inputs=(), task=Task.BINARY, classes=classes, target_type=kind)
    said = Predictions(classes=classes, probabilities=np.array([[0.2, 0.8], [0.9, 0.1]]), labels=np.array([1, 0]))
    frame = predictions_frame(signature, said)
    assert frame.columns == ["prediction", *(f"probability_{name}" for name in classes)]
    assert frame["prediction"].to_list() == wanted
    assert frame[f"probability_{classes[1]}"].to_list() == [0.8, 0.1]


def test_values_have_one_column() -> None:
    signature = Signature(inputs=(), task=Task.REGRESSION)
    assert predictions_frame(signature, Predictions(values=np.array([1.0]))).to_dict(as_series=False) == {
        "prediction": [1.0]
    }
