"""The bytes of a segment: the append-only file that one process writes its predictions to.

Format 1: the magic, then blocks. A block is what one commit handed over: the length of its payload, a CRC-32 of it and
the number of its records, each 32-bit little endian, then the records, one MessagePack array after another. The first
block holds the `Header`. A commit is whole or absent, which is what was acknowledged; and a thousand records cost one
checksum. `.open` is being written under an exclusive lock, or was left by a process that died; `.closed` is whole.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

MAGIC = b"MWPLOG1\n"
OPEN, CLOSED, NEW = ".open", ".closed", ".new"
#: how a payload of ours begins: a MessagePack array whose first element is one of our one-letter tags
_BEGINNING = re.compile(rb"(?:[\x90-\x9f]|\xdc..)\xa1[a-z]", re.DOTALL)
_HEAD = struct.Struct("<III")
_ARRAY = struct.Struct(">BI")  # MessagePack's array 32


class Header(msgspec.Struct, array_like=True, frozen=True, tag="h"):
    format: int
    writer: str  # random, one per opened log
    pid: int
    opened_us: int
    sequence: int  # of this segment among those of its writer


def block(records: Sequence[bytes]) -> bytes:
    payload = b"".join(records)
    return _HEAD.pack(len(payload), crc32(payload, len(records)), len(records)) + payload


def segment_folder(log: Path) -> Path:
    return log / "segments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a segment's bytes hold. `torn_bytes` at the end were being written as the process died; `damage` says
    where else bytes are not what was written."""

    header: Header | None
    blocks: list[tuple[int, bytes]]  # number of records, and their bytes
    torn_bytes: int = 0
    damage: tuple[str, ...] = ()

    def records(self) -> list[list[Any]]:
        """Every record as a plain array, in order. Raises msgspec.DecodeError where one is none."""
        count = sum(number for number, _ in self.blocks)
        found: list[list[Any]] = msgspec.msgpack.decode(
            _ARRAY.pack(0xDD, count) + b"".join(payload for _, payload in self.blocks)
        )
        if found and (set(map(type, found)) != {list} or not all(found)):
            raise msgspec.DecodeError("a record is not an array")
        return found


def scan(content: bytes, *, closed: bool = False) -> Scan:
    """Every whole block, in order. What is not whole at the end is torn off, unless the segment was `closed`."""
    if not content.startswith(MAGIC):
        if len(content) < len(MAGIC) and MAGIC.startswith(content) and not closed:
            return Scan(header=None, blocks=[], torn_bytes=len(content))
        return Scan(header=None, blocks=[], damage=("the file does not begin as a segment does",))
    blocks, position = _blocks(content, len(MAGIC))
    damage: list[str] = []
    while position < len(content):
        further = _next_block(content, position)
        if further is None:
            break
        damage.append(f"bytes {position} to {further} are not what was written")
        more, position = _blocks(content, further)
        blocks += more
    torn = len(content) - position
    if torn and (closed or not _is_torn(content, position)):
        damage.append(f"bytes {position} to {len(content)} are not what was written")
        torn = 0
    header = _header(blocks)
    if header is None and (blocks or closed):
        damage.append("the header is missing")
    return Scan(header=header, blocks=blocks[1:] if header else blocks, torn_bytes=torn, damage=tuple(damage))


def _blocks(content: bytes, position: int) -> tuple[list[tuple[int, bytes]], int]:
    """Blocks from `position` up to the first bad one, and where that begins."""
    found: list[tuple[int, bytes]] = []
    take, size, unpack, head = found.append, len(content), _HEAD.unpack_from, _HEAD.size
    while position + head <= size:
        length, checksum, count = unpack(content, position)
        end = position + head + length
        if not length or end > size:
            break
        payload = content[position + head : end]
        if crc32(payload, count) != checksum:
            break
        take((count, payload))
        position = end
    return found, position


def _next_block(content: bytes, position: int) -> int | None:
    """Where the next whole block begins after a bad one."""
    for match in _BEGINNING.finditer(content, position + _HEAD.size + 1):
        start = match.start() - _HEAD.size
        length, checksum, count = _HEAD.unpack_from(content, start)
        end = match.start() + length
        if length and end <= len(content) and crc32(content[match.start() : end], count) == checksum:
            return start
    return None


def _is_torn(content: bytes, position: int) -> bool:
    """Whether the bytes from here are the beginning of a block, or were never written at all."""
    if len(content) - position < _HEAD.size or not any(content[position:]):
        return True
    length, _, _ = _HEAD.unpack_from(content, position)
    return bool(length) and position + _HEAD.size + length > len(content)


def _header(blocks: list[tuple[int, bytes]]) -> Header | None:
    try:
        return msgspec.msgpack.decode(blocks[0][1], type=Header) if blocks else None
    except msgspec.DecodeError:
        return None


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
