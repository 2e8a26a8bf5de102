"""The files that workers read: no second copy of a stored table, never a write into it, folds as they were."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelwright.training import bench as benches
from modelwright.training.request import Stored, TrainRequest
from tests.unit.training._tables import request


@pytest.fixture
def stored(tmp_path: Path) -> TrainRequest:
    """A request whose table lies in the file of a finished step."""
    asked = request(tmp_path)
    file = tmp_path / "step.arrow"
    benches.write_table(asked.frame, file)
    return replace(asked, stored=Stored(file=file, frame=asked.frame))


def test_a_stored_table_is_not_written_again_and_names_the_same_job(stored: TrainRequest, tmp_path: Path) -> None:
    lent = benches.lay(stored, tmp_path / "bench")
    assert (tmp_path / "bench" / benches.TABLE).samefile(tmp_path / "step.arrow")
    written = benches.lay(replace(stored, stored=None), tmp_path / "other")
    assert not (tmp_path / "other" / benches.TABLE).samefile(tmp_path / "step.arrow")
    assert written.job == lent.job
    read = benches.read(lent.folder)
    assert read.frame.equals(stored.frame)
    assert read.frame.n_chunks() == 1
    assert read.job == lent.job


def test_another_table_at_the_same_bench_leaves_the_stored_file_alone(stored: TrainRequest, tmp_path: Path) -> None:
    assert stored.stored is not None
    before = stored.stored.file.read_bytes()
    benches.lay(stored, tmp_path / "bench")
    fewer = stored.frame.head(300)
    folds = [(np.arange(100, 300), np.arange(100))]
    assert stored.y is not None
    other = replace(stored, frame=fewer, y=stored.y[:300], folds=folds)  # its `stored` is of another frame
    laid = benches.lay(other, tmp_path / "bench")
    assert benches.read(laid.folder).frame.equals(fewer)
    assert stored.stored.file.read_bytes() == before


@pytest.mark.parametrize("how", ["gone", "other rows", "other types"])
def test_a_file_that_is_not_exactly_these_rows_is_not_used(stored: TrainRequest, tmp_path: Path, how: str) -> None:
    assert stored.stored is not None
    file = stored.stored.file
    if how == "gone":
        file.unlink()
    elif how == "other rows":
        benches.write_table(stored.frame.head(10), file)
    else:
        benches.write_table(stored.frame.with_columns(pl.col("a").cast(pl.Float32)), file)
    laid = benches.lay(stored, tmp_path / "bench")
    assert benches.read(laid.folder).frame.equals(stored.frame)


def test_a_file_that_holds_more_than_its_rows_is_not_used(stored: TrainRequest, tmp_path: Path) -> None:
    assert stored.stored is not None
    content = stored.stored.file.read_bytes()
    footer = 10 + int.from_bytes(
        content[-10:-6], "little"
    )  # an Arrow file ends in its footer, which says where rows lie
    stored.stored.file.write_bytes(content[:-footer] + b"sealed row " * 10_000 + content[-footer:])
    assert pl.read_ipc(stored.stored.file).equals(stored.frame)
    laid = benches.lay(stored, tmp_path / "bench")
    assert b"sealed" not in (laid.folder / benches.TABLE).read_bytes()
    assert benches.read(laid.folder).frame.equals(stored.frame)


def test_without_links_the_table_is_copied(
    stored: TrainRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_paths: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    laid = benches.lay(stored, tmp_path / "bench")
    assert not (laid.folder / benches.TABLE).samefile(tmp_path / "step.arrow")
    assert benches.read(laid.folder).frame.equals(stored.frame)


def test_folds_come_back_as_they_were_and_small(tmp_path: Path) -> None:
    n = 1_000
    part = np.random.default_rng(0).integers(0, 5, n)
    random = [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(5)]
    forward = [(np.arange(100 * k), np.arange(100 * k, 100 * k + 100)) for k in range(1, 5)]
    turned = [(np.arange(n)[::-1][:900], np.arange(100))]  # another order is other folds
    for folds in (random, forward, turned, []):
        benches.write_folds(folds, n, tmp_path / "folds.npz")
        read = benches.read_folds(tmp_path / "folds.npz")
        assert len(read) == len(folds)
        for ours, theirs in zip(read, folds, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                assert one.dtype == np.int64
                np.testing.assert_array_equal(one, other)
    benches.write_folds(random, n, tmp_path / "folds.npz")
    assert (tmp_path / "folds.npz").stat().st_size < 4 * n + 3_000
