"""Tables larger than the memory allowed: read in pieces, drawn by the seed, the same rows however they are cut."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sqlalchemy

from modelwright.adapters.sources import _shared
from modelwright.core.errors import DataError
from modelwright.core.ports import ReadOptions
from modelwright.core.tables import RawTable
from modelwright.data.read import read_table

N_ROWS = 12_000
FORMATS = ("t.csv", "t.csv.gz", "t.parquet", "t.arrow", "t.jsonl", "sqlite:///t.db")


def table() -> pl.DataFrame:
    rng = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "k": np.arange(N_ROWS),
            "x": rng.normal(size=N_ROWS).round(4),
            "shop": [f"shop {at}" for at in rng.integers(0, 400, N_ROWS)],
            "words": [None if at % 9 == 0 else f'said "{at}", then\nwent away for good' for at in range(N_ROWS)],
            "y": ["rare" if at % 2_000 == 7 else "usual" for at in range(N_ROWS)],
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("large")
    found = table()
    found.write_csv(place / "t.csv")
    (place / "t.csv.gz").write_bytes(gzip.compress((place / "t.csv").read_bytes(), 1))
    found.write_parquet(place / "t.parquet", row_group_size=1_000)
    found.write_ipc(place / "t.arrow")
    found.write_ndjson(place / "t.jsonl")
    engine = sqlalchemy.create_engine(f"sqlite:///{place / 't.db'}")
    found.write_database("t", engine)
    engine.dispose()
    return place


def cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shared, "PIECE_BYTES", 40_000)
    monkeypatch.setattr(_shared, "BATCH_ROWS", 700)
    monkeypatch.setattr("modelwright.adapters.sources.csv.HEADER_BYTES", 100)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch)


def read(folder: Path, name: str, **options: Any) -> RawTable:
    return read_table(name, ReadOptions(target="y", **options), base_dir=folder, cache_dir=folder)


def keys(raw: RawTable) -> list[int]:
    return raw.frame["k"].cast(pl.Int64).to_list()


@pytest.mark.parametrize("name", FORMATS)
def test_pieces_give_the_table_that_one_look_gives(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(folder, name)
    cut_small(monkeypatch)
    pieces = read(folder, name)
    assert pieces.frame.equals(whole.frame)
    assert pieces.frame.schema == whole.frame.schema
    assert (pieces.notes, pieces.sample_rate) == (whole.notes, 1.0)
    assert pieces.digest == whole.digest or "sqlite" in name  # rows of a database are named as they were batched


@pytest.mark.usefixtures("small_pieces")
def test_every_format_draws_the_same_rows_in_order_and_no_small_class_is_lost(folder: Path) -> None:
    drawn = {name: read(folder, name, sample_rate=0.2, seed=5) for name in FORMATS}
    first = keys(drawn["t.csv"])
    assert all(keys(raw) == first for raw in drawn.values())
    assert first == sorted(set(first))
    assert 0.17 * N_ROWS < len(first) < 0.23 * N_ROWS
    assert drawn["t.csv"].frame["y"].value_counts().filter(pl.col("y") == "rare")["count"].item() == 6
    again, other = (read(folder, "t.csv", sample_rate=0.2, seed=seed) for seed in (5, 6))
    assert again.frame.equals(drawn["t.csv"].frame)
    assert (again.digest == drawn["t.csv"].digest, other.digest == again.digest) == (True, False)
    assert keys(other) != first
    assert f"{len(first):,} of {N_ROWS:,} rows were drawn" in again.notes[-1]
    assert set(first) <= set(keys(read(folder, "t.csv", sample_rate=0.4, seed=5)))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.usefixtures("small_pieces")
def test_a_table_that_would_not_fit_is_drawn_and_says_so(name: str, folder: Path) -> None:
    allowed = 150_000
    raw = read(folder, name, memory_bytes=allowed)
    assert 0.0 < raw.sample_rate < 1.0
    assert allowed / 3 < raw.frame.estimated_size() <= allowed
    assert "training.memory_share" in raw.notes[-1]
    assert "data.sample_rate" in raw.notes[-1]
    same = read(folder, name, sample_rate=raw.sample_rate)  # as `reproduce` asks for it, whatever memory there is
    assert same.frame.equals(raw.frame)
    assert same.digest == raw.digest


@pytest.mark.usefixtures("small_pieces")
def test_groups_are_drawn_whole_unless_they_are_few(folder: Path) -> None:
    raw = read(folder, "t.parquet", sample_rate=0.3, group="shop")
    sizes = dict(table()["shop"].value_counts().iter_rows())
    found = dict(raw.frame["shop"].value_counts().iter_rows())
    assert 60 < len(found) < 180
    assert all(sizes[shop] == count for shop, count in found.items())
    assert "whole groups of shop" in raw.notes[-1]
    few = read(folder, "t.parquet", sample_rate=0.3, group="y")
    assert few.frame["y"].n_unique() == 2
    assert "whole groups" not in few.notes[-1]


def test_broken_quotes_in_a_later_piece_cost_the_same_rows_as_in_one_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f'{at},"a ""b""\nc{at}",{at / 7:.3f}' for at in range(4_000)]
    lines[2_500] = '2500,5" pipe,1'
    lines[3_100] = '3100,"open,2'
    lines[3_300] = "3300,1"
    (tmp_path / "t.csv").write_text("k,words,x\n" + "\n".join(lines) + "\n")
    whole = read(tmp_path, "t.csv")
    cut_small(monkeypatch)
    pieces = read(tmp_path, "t.csv")
    assert pieces.frame.equals(whole.frame)
    assert pieces.quarantined == whole.quarantined
    assert [row.line for row in pieces.quarantined] == [row.line for row in whole.quarantined]
    assert pieces.notes == whole.notes


def test_a_draw_that_leaves_nothing_names_the_setting(folder: Path) -> None:
    with pytest.raises(DataError, match="sample_rate leaves"):
        read_table("t.csv", ReadOptions(sample_rate=1e-4), base_dir=folder, cache_dir=folder)
    with pytest.raises(DataError, match="memory allowed leaves"):
        read_table("t.csv", ReadOptions(memory_bytes=100), base_dir=folder, cache_dir=folder)
