"""Parquet files (.parquet, .pq), with the types they store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from modelwright.adapters.sources import _shared
from modelwright.adapters.sources._shared import Piece, batches, check_header, pieces_of, read_files
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable


class _Parquet:
    suffixes = (".parquet", ".pq")
    schemes: tuple[str, ...] = ()

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        return read_files(locations, options, _read_one)

    def pieces(self, locations: Sequence[str], options: ReadOptions) -> Iterator[Piece]:
        return pieces_of(locations, options, _read_one)


def _read_one(path: Path, options: ReadOptions) -> Piece | Iterator[Piece]:
    import polars as pl

    check_header(list(pl.read_parquet_schema(path)), path.name)
    if path.stat().st_size <= _shared.PIECE_BYTES // 4:
        return Piece(frame=pl.read_parquet(path, glob=False, hive_partitioning=False))
    return batches(pl.scan_parquet(path, glob=False, hive_partitioning=False))


PLUGIN: Source = _Parquet()
