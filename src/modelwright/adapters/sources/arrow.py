"""Arrow IPC files and streams (.arrow, .ipc, .feather), with the types they store."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from modelwright.adapters.sources._shared import Piece, check_header, corrupt, read_files
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable


class _Arrow:
    suffixes = (".arrow", ".ipc", ".feather", ".arrows")
    schemes: tuple[str, ...] = ()

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        return read_files(locations, options, _read_one)


def _read_one(path: Path, options: ReadOptions) -> Piece:
    import polars as pl

    content = path.read_bytes()
    is_file = content.startswith(b"ARROW1")
    try:
        frame = pl.read_ipc(BytesIO(content)) if is_file else pl.read_ipc_stream(BytesIO(content))
    except OSError as error:  # broken content, not a broken disk: the bytes are in memory
        raise corrupt(path, error) from error
    check_header(frame.columns, path.name)
    return Piece(frame=frame)


PLUGIN: Source = _Arrow()
