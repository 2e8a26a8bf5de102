"""Content digests and canonical bytes. This recipe is frozen: changing it invalidates every stored digest.

BLAKE3 names things inside the workspace; SHA-256 stands in manifests, which outsiders verify with any tool.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
from blake3 import blake3

_CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> bytes:
    """Bytes that are equal when the values are equal: sorted keys, no spaces, UTF-8, no NaN.

    Raises `ValueError` on NaN and infinity, which JSON cannot say.
    """
    plain = msgspec.to_builtins(value, str_keys=True)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(data: bytes) -> str:
    """Name bytes by content: `b3:` and 64 hexadecimal digits."""
    return "b3:" + blake3(data).hexdigest()


def digest_of(value: Any) -> str:
    """Name any JSON-like value or struct by content."""
    return digest(canonical_json(value))


def digest_file(path: Path) -> str:
    """Name a file by content without reading it whole into memory."""
    hasher = blake3()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return "b3:" + hasher.hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 in plain hexadecimal, as `sha256sum` prints it."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def child_seed(root: int, *path: object) -> int:
    """A 31-bit seed for one use, derived by hash so that adding a use never shifts another's."""
    text = "/".join([str(root), *map(str, path)])
    return int.from_bytes(blake3(text.encode()).digest(length=4), "big") & 0x7FFF_FFFF
