"""The sealed test part: opened only on the record, and never after a byte has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import DataError
from modelwright.core.nouns import Column, ColumnType, Schema
from modelwright.core.tables import Dataset
from modelwright.data.sealed import open_sealed, seal

ROWS = np.array([2, 5, 7], dtype=np.int64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame = pl.DataFrame({"a": [float(i) for i in range(10)]})
    schema = Schema(columns=(Column(name="a", type=ColumnType.NUMBER),))
    seal(Dataset(frame=frame, schema=schema, digest="b3:1"), np.arange(10), ROWS, tmp_path / "sealed")
    return tmp_path / "sealed"


def test_opening_is_recorded_and_returns_the_rows(folder: Path) -> None:
    looks: list[int] = []

    def record() -> int:
        looks.append(1)
        return len(looks)

    dataset, y = open_sealed(folder, record)
    assert dataset.frame["a"].to_list() == [2.0, 5.0, 7.0]
    assert y is not None
    assert y.tolist() == ROWS.tolist()
    assert len(looks) == 1


@pytest.mark.parametrize("name", ["test.arrow", "y.npy", "seal.json"])
def test_a_flipped_bit_is_named_and_no_look_is_counted(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2 if name != "seal.json" else 0] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_sealed(folder, lambda: pytest.fail("a look was counted"))
    assert caught.value.code == "data.seal_broken"


def test_an_extra_file_is_refused(folder: Path) -> None:
    (folder / "more.arrow").write_bytes(b"x")
    with pytest.raises(DataError, match=r"more\.arrow"):
        open_sealed(folder, lambda: 1)
