"""Idempotency keys: the same key with the same body gets the same reply again, with another body a refusal.

Remembered per process, a bounded number for a bounded time; a retry that reaches another worker is answered afresh, by
the same model, and its record carries the same key.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from modelwright.interfaces.http.replies import Reply
from modelwright.serving.asking import Refused

_REPLAYED = (b"x-modelwright-replayed", b"true")
#: a longer reply is not remembered but only its body's digest: memory stays bounded
_MOST_BYTES = 64 << 20


class _Field(msgspec.Struct):
    idempotency_key: str = ""


_field = msgspec.json.Decoder(_Field)


def key_in_body(body: bytes) -> str:
    """The field `idempotency_key` of a JSON body, or an empty text; what is wrong with the body others say."""
    if b'"idempotency_key"' not in body:
        return ""
    try:
        return _field.decode(body).idempotency_key
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class Replays:
    def __init__(self, most: int, keep_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._keep_s = keep_s
        self._clock = clock
        self._known: OrderedDict[tuple[str, str, str], tuple[float, bytes, Reply]] = OrderedDict()
        self._bytes = 0

    def find(self, caller: str, path: str, key: str, body: bytes) -> Reply | None:
        """The reply this key has had; None where it is new. Raises Refused (`idempotency.conflict`)."""
        place = (caller, path, key)
        found = self._known.get(place)
        if found is None:
            return None
        since, digest, reply = found
        if self._clock() - since > self._keep_s:
            self.forget(caller, path, key)
            return None
        if digest != _digest(body):
            raise Refused(
                "This idempotency key has been used with another body.",
                code="idempotency.conflict",
                hint="take a new key for a new request",
                subject=f"idempotency_key:{key}",
            )
        return Reply(
            reply.status, reply.body, reply.media_type, (*reply.headers, _REPLAYED), reply.request_id, reply.policy,
            logged=True, model=reply.model,
        )  # fmt: skip

    def keep(self, caller: str, path: str, key: str, body: bytes, reply: Reply) -> None:
        place = (caller, path, key)
        self._known[place] = (self._clock(), _digest(body), reply)
        self._bytes += len(reply.body)
        while len(self._known) > self._most or (self._bytes > _MOST_BYTES and len(self._known) > 1):
            _, (_, _, old) = self._known.popitem(last=False)
            self._bytes -= len(old.body)

    def forget(self, caller: str, path: str, key: str) -> None:
        """The reply never left: it could not be logged."""
        found = self._known.pop((caller, path, key), None)
        if found is not None:
            self._bytes -= len(found[2].body)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
