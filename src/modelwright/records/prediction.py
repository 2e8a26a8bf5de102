"""What is written down of every prediction and every late label, and its bytes.

Format 1: MessagePack arrays, told apart by their first element. Fields are only ever appended; a reader skips what it
does not know. A `Schema` stands in a segment before the first prediction that refers to it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

FORMAT = 1

DEGRADED, CACHED, REDACTED, SHADOW = 1, 2, 4, 8
#: in `Schema.types`: the column holds the hash of whom the row is about
SUBJECT = "subject"


class Schema(msgspec.Struct, array_like=True, frozen=True, kw_only=False, tag="s"):
    """What the positions of a prediction's rows mean."""

    model: str
    version: int  # 0 for a bundle that stands in no registry
    bundle: str  # digest
    columns: tuple[str, ...]  # inputs in the signature's order
    types: tuple[str, ...]  # `core.nouns.ColumnType` of each, `text` for hashes, or `subject`
    task: str
    classes: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Names this schema in predictions: the first 8 bytes of its digest."""
        return int.from_bytes(hashlib.sha256(encode(self)).digest()[:8], "little")


class Prediction(msgspec.Struct, array_like=True, frozen=True, tag="p", gc=False):
    """One answered request; a batch is one record with several rows."""

    request_id: str
    at_us: int  # microseconds since 1970, UTC
    schema: int  # `Schema.number`
    route: str  # champion, canary, challenger, shadow, bandit, pinned, fallback; failed: asked, and no answer
    propensity: float  # probability with which this version was chosen for this request, 0 to 1
    latency_us: int  # from the last byte of the request to the answer
    flags: int
    caller: str  # id of the key; empty on loopback without keys
    #: stored values by row (float, bool, str or None; datetimes as microseconds since 1970); None where not to be kept
    rows: tuple[tuple[Any, ...] | None, ...]
    answers: tuple[float | int | None, ...]  # class positions, cluster numbers or values; None for a refused row
    probabilities: tuple[tuple[float, ...] | None, ...] | None = None
    row_ids: tuple[str, ...] | None = None  # as the caller named the rows
    idempotency_key: str = ""


class Label(msgspec.Struct, array_like=True, frozen=True, tag="l", gc=False):
    """What really happened, told later."""

    request_id: str
    row: int
    value: str | float | bool | None
    labelled_at_us: int  # when it became true, as far as the caller knows
    arrived_at_us: int
    source: str = ""


Record = Schema | Prediction | Label

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    return _encoder.encode(record)


def decode(content: bytes) -> Record:
    """Raises msgspec.DecodeError on anything that is no record of this format."""
    return _decoder.decode(content)
