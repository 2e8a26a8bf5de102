"""Files of a bundle made small, and read back within bounds: a small file must not become a full memory."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from modelwright.core.errors import ModelError

SUFFIX = ".z"
#: all packed files of one model together
MAX_UNPACKED_BYTES = 2 << 30
#: shorter files, and files that hardly shrink, stay as they are and readable
_SHORTEST, _SHARE = 2_048, 0.9


def packed(name: str, content: bytes) -> tuple[str, bytes]:
    """The name and bytes to store: zlib's, under a name that says so, where that is worth it. Deterministic."""
    if len(content) >= _SHORTEST:
        small = zlib.compress(content, 9)
        if len(small) <= _SHARE * len(content):
            return name + SUFFIX, small
    return name, content


class Unpacker:
    """Reads stored files by name. Raises KeyError on an absent one, ModelError (`bundle.packed`) on a damaged one."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._left = MAX_UNPACKED_BYTES

    def read(self, name: str) -> bytes:
        content = self._files[name]
        if not name.endswith(SUFFIX):
            return content
        stream = zlib.decompressobj()
        try:
            plain = stream.decompress(content, self._left + 1)
        except zlib.error as error:
            raise _damaged(name, str(error)) from error
        if len(plain) > self._left:
            raise _damaged(name, f"it unpacks to more than the {MAX_UNPACKED_BYTES >> 20:,} MB a model may take")
        if not stream.eof or stream.unused_data:
            raise _damaged(name, "it is cut or carries something else")
        self._left -= len(plain)
        return plain


def _damaged(name: str, why: str) -> ModelError:
    return ModelError(
        f"The file {name} cannot be unpacked: {why}.",
        code="bundle.packed",
        hint="use the bundle as it was written, or train the model again",
        subject=f"file:{name}",
    )
