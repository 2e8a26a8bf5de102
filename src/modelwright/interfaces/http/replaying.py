"""Idempotency keys: the same key with the same body gets the same reply again, with another body a refusal.

Remembered in memory that all workers of a server share, a bounded number for a bounded time: a retry gets the same
answer from whichever worker it reaches, also from one that took the place of a dead one. A reply is remembered once
its record is safe; until then its key is busy, so that nobody is told what may not be written down after all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import weakref
from collections.abc import Callable, Iterator

import msgspec

from modelwright.interfaces.http.replies import Reply
from modelwright.serving.asking import Refused

_REPLAYED = (b"x-modelwright-replayed", b"true")
_ENTRY = struct.Struct("<16s16s16sdQQ")  # place, body, content; when; where in the ring (counted on), how long
_WAYS = 4  # entries that a key may have; of these the oldest goes
_HEAD = 64
_ALL = 0  # the byte whose lock guards the whole; every key has one of its own beyond it


class _Field(msgspec.Struct):
    idempotency_key: str = ""


class _Kept(msgspec.Struct, array_like=True):
    status: int
    body: bytes
    media_type: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    request_id: str
    model: str


_field = msgspec.json.Decoder(_Field)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)


def key_in_body(body: bytes) -> str:
    """The field `idempotency_key` of a JSON body, or an empty text; what is wrong with the body others say."""
    if b'"idempotency_key"' not in body:
        return ""
    try:
        return _field.decode(body).idempotency_key
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class Remembered:
    """Memory that a process and its forks share: an index of `entries` keys and a ring of `size` bytes of replies,
    the oldest of which are written over. Nothing is taken of it before the first key is used. A reply longer than a
    quarter of the ring is not remembered. A writer that dies leaves an entry whose digest does not fit its content."""

    def __init__(self, entries: int = 16_384, size: int = 32 << 20) -> None:
        self._sets, self._size = max(1, entries // _WAYS), size
        self._ring = _HEAD + self._sets * _WAYS * _ENTRY.size
        self._file = _unnamed()
        weakref.finalize(self, os.close, self._file)
        os.ftruncate(self._file, self._ring + size)
        self._memory = mmap.mmap(self._file, self._ring + size)
        self._claimed: set[int] = set()  # by this process, which its own locks do not keep out

    def claim(self, place: bytes) -> bool:
        """Whether nobody is busy with this key; nobody else may be then until `release`, or until this process ends."""
        at = _lock_of(place)
        if at in self._claimed:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
        except (BlockingIOError, PermissionError):
            return False
        self._claimed.add(at)
        return True

    def release(self, place: bytes) -> None:
        at = _lock_of(place)
        self._claimed.discard(at)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, at)

    def get(self, place: bytes) -> tuple[float, bytes, bytes] | None:
        """When it was put, the digest of the body that asked, and what was answered."""
        with self._locked():
            head = self._written()
            for at in self._ways(place):
                known, body, content, since, where, length = _ENTRY.unpack_from(self._memory, at)
                if known == place and where + self._size >= head:
                    start = self._ring + where % self._size
                    found = self._memory[start : start + length]
                    return (since, body, found) if _digest(found) == content else None
        return None

    def put(self, place: bytes, body: bytes, answer: bytes, now: float) -> None:
        length = len(answer)
        if length > self._size // 4:
            return
        with self._locked():
            where = self._written()
            if where % self._size + length > self._size:  # in one piece: on from the start of the ring
                where += self._size - where % self._size
            ways = [(_ENTRY.unpack_from(self._memory, at), at) for at in self._ways(place)]
            mine = next((at for entry, at in ways if entry[0] == place), min(ways, key=lambda way: way[0][3])[1])
            _ENTRY.pack_into(self._memory, mine, bytes(16), bytes(16), bytes(16), 0.0, 0, 0)
            self._memory[:8] = (where + length).to_bytes(8, "little")
            start = self._ring + where % self._size
            self._memory[start : start + length] = answer
            _ENTRY.pack_into(self._memory, mine, place, body, _digest(answer), now, where, length)

    def _written(self) -> int:
        """Bytes ever put into the ring; what lies further back than its size has been written over."""
        return int.from_bytes(self._memory[:8], "little")

    def _ways(self, place: bytes) -> list[int]:
        first = _HEAD + int.from_bytes(place[8:], "little") % self._sets * _WAYS * _ENTRY.size
        return [first + way * _ENTRY.size for way in range(_WAYS)]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Held for microseconds, so it is waited for; the system frees it when its holder dies."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _ALL)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _ALL)


def _lock_of(place: bytes) -> int:
    return 1 + (int.from_bytes(place[:8], "little") >> 2)


def _unnamed() -> int:
    """A file in memory where there is such a thing: locks need a file, and nothing here is worth a disk."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("modelwright-replays", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Replays:
    def __init__(self, memory: Remembered, keep_s: float, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._keep_s = keep_s
        self._clock = clock

    def once(self, caller: str, path: str, key: str, body: bytes, answer: Callable[[], Reply]) -> Reply:
        """The reply this key has had, or a new one, whose `settle` is to be called when the fate of its record is
        known. Raises Refused (`idempotency.busy`, `idempotency.conflict`, and what `answer` raises)."""
        place = _place(caller, path, key)
        if not self._memory.claim(place):
            raise Refused(
                "Another request with this idempotency key is being answered.",
                code="idempotency.busy",
                hint="send it again in a moment",
                subject=f"idempotency_key:{key}",
                retry_after_s=1.0,
            )
        try:
            reply = self._find(place, key, body) or answer()
        except BaseException:
            self._memory.release(place)
            raise
        if reply.replayed:
            self._memory.release(place)
        else:
            kept = _Kept(reply.status, reply.body, reply.media_type, reply.headers, reply.request_id, reply.model)
            reply.settle = lambda safe: self._settle(place, _digest(body), kept, safe)
        return reply

    def _settle(self, place: bytes, body: bytes, kept: _Kept, safe: bool) -> None:
        if safe:
            self._memory.put(place, body, _encoder.encode(kept), self._clock())
        self._memory.release(place)

    def _find(self, place: bytes, key: str, body: bytes) -> Reply | None:
        found = self._memory.get(place)
        if found is None:
            return None
        since, digest, content = found
        if self._clock() - since > self._keep_s:
            return None
        if digest != _digest(body):
            raise Refused(
                "This idempotency key has been used with another body.",
                code="idempotency.conflict",
                hint="take a new key for a new request",
                subject=f"idempotency_key:{key}",
            )
        kept = _decoder.decode(content)
        return Reply(
            kept.status, kept.body, kept.media_type, (*kept.headers, _REPLAYED), kept.request_id, logged=True,
            model=kept.model, replayed=True,
        )  # fmt: skip


def _place(caller: str, path: str, key: str) -> bytes:
    return _digest(b"%d %d " % (len(caller), len(path)) + f"{caller}{path}{key}".encode("utf-8", "surrogatepass"))


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
