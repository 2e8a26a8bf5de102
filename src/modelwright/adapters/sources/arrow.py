"""Arrow IPC files and streams (.arrow, .ipc, .feather), with the types they store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from modelwright.adapters.sources import _shared
from modelwright.adapters.sources._shared import Piece, batches, check_header, corrupt, read_files
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable


class _Arrow:
    suffixes = (".arrow", ".ipc", ".feather", ".arrows")
    schemes: tuple[str, ...] = ()

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        return read_files(locations, options, _read_one)


def _read_one(path: Path, options: ReadOptions) -> Piece | Iterator[Piece]:
    import polars as pl

    if path.stat().st_size > _shared.PIECE_BYTES and _is_file(path):
        check_header(list(pl.read_ipc_schema(path)), path.name)
        return batches(pl.scan_ipc(path, glob=False, hive_partitioning=False))
    content = path.read_bytes()
    try:
        frame = pl.read_ipc(BytesIO(content)) if _is_file(path) else pl.read_ipc_stream(BytesIO(content))
    except OSError as error:  # broken content, not a broken disk: the bytes are in memory
        raise corrupt(path, error) from error
    check_header(frame.columns, path.name)
    return Piece(frame=frame)


def _is_file(path: Path) -> bool:
    """With an index at its end, and no stream."""
    with path.open("rb") as handle:
        return handle.read(6) == b"ARROW1"


PLUGIN: Source = _Arrow()
