"""Between a broker's messages and rows: what an event is, what its answer says, and what a dead letter keeps."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from modelwright._version import VERSION
from modelwright.core.clock import timestamp
from modelwright.records.ports import Message
from modelwright.serving import strict
from modelwright.serving.asking import Refused

#: says which event this is, on the way in and on the way out
ID_HEADER = "event-id"
#: set by `stream replay`: names the dead letter that is sent again
REPLAY_HEADER = "modelwright-replay"
_ID_FIELDS = ("event_id",)
_JSON_TYPES = ("application/json", "text/json", "text/plain", "application/octet-stream", "binary/octet-stream")
_MOST_BYTES = 8 << 20
_MOST_ROWS = 1_000
_LONGEST_ID = 180
_MOST_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    message: Message
    id: str
    rows: Sequence[Mapping[str, Any]]
    many: bool  # the event held a list of rows, and so does its answer

    @property
    def once(self) -> str:
        """What its effect is remembered by: a replay is a new attempt at the same event."""
        replay = self.message.headers.get(REPLAY_HEADER, "")
        return f"{self.id}#{replay}" if replay else self.id


class PoisonError(ValueError):
    """An event that no further try can help."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def identify(message: Message, id_field: str = "") -> str:
    """The event's id without decoding more than needed: header, the broker's own key, a field, the position."""
    given = message.headers.get(ID_HEADER) or message.key or _field_id(message.body, id_field)
    if given:
        return given if len(given) <= _LONGEST_ID else f"{given[:100]}-{sha256(given.encode()).hexdigest()}"
    if message.position >= 0:
        return f"{message.partition}:{message.position}"
    return f"unnamed-{secrets.token_hex(12)}"


def _field_id(body: bytes, id_field: str) -> str:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    if not isinstance(value, dict):
        return ""
    for name in (id_field,) if id_field else _ID_FIELDS:
        found = value.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
            return str(found)
    return ""


def decode(message: Message, event_id: str, columns: frozenset[str], id_field: str = "") -> Event:
    """Rows of an event: one row, or {"rows": [...]}. Raises PoisonError. `columns`: the model's inputs; an id that
    is none of them is taken off the row."""
    kind = next((value for name, value in message.headers.items() if name.lower() == "content-type"), "")
    plain = kind.partition(";")[0].strip().lower()
    if plain and plain not in _JSON_TYPES and not plain.endswith("+json"):
        raise PoisonError("event.content_type", f"the content type {plain[:60]!r} is not JSON and is never decoded")
    if len(message.body) > _MOST_BYTES:
        raise PoisonError("event.size", f"{len(message.body):,} bytes are more than {_MOST_BYTES:,}")
    try:
        value = strict.parse(message.body, _MOST_DEPTH)
    except Refused as refusal:
        raise PoisonError("event.json", refusal.message) from None
    many = isinstance(value, dict) and isinstance(value.get("rows"), list)
    rows = value["rows"] if many else [value]
    if not rows or len(rows) > _MOST_ROWS:
        raise PoisonError("event.rows", f"it holds {len(rows):,} rows; 1 to {_MOST_ROWS:,} are answered")
    if not all(isinstance(row, dict) for row in rows):
        raise PoisonError("event.rows", 'it is neither a row {"column": value, ...} nor {"rows": [...]}')
    if not many:
        taken = {name for name in ((id_field,) if id_field else _ID_FIELDS) if name not in columns}
        rows = [{name: cell for name, cell in value.items() if name not in taken}]
    return Event(message=message, id=event_id, rows=rows, many=many)


def answer_message(
    event: Event,
    group: str,
    *,
    model: str,
    version: int,
    degraded: bool,
    predictions: Sequence[Any],
    probabilities: Sequence[Mapping[str, float]] | None,
) -> Message:
    """What goes out for one event. Its key is the same every time, so that whoever reads it can drop duplicates."""
    found: dict[str, Any] = {"event_id": event.id, "model": model, "version": version, "degraded": degraded}
    if event.many:
        found["predictions"] = list(predictions)
        if probabilities is not None:
            found["probabilities"] = list(probabilities)
    else:
        found["prediction"] = predictions[0]
        if probabilities is not None:
            found["probabilities"] = probabilities[0]
    headers = {ID_HEADER: event.id, "content-type": "application/json"}
    return Message(key=f"{group}:{event.id}", body=msgspec.json.encode(found), headers=headers)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that could not be answered, whole, with why and where it came from."""

    id: str  # of this letter
    event_id: str
    error: Failure
    attempts: int
    model: str
    group: str
    source: str  # address without secrets
    partition: str
    position: int
    failed_at: str
    code_version: str
    headers: dict[str, str]
    payload: str
    encoding: str = "utf-8"  # or base64, where the payload is no text

    def body(self) -> bytes:
        """Raises ValueError where the payload is not what the encoding says."""
        if self.encoding == "utf-8":
            return self.payload.encode()
        try:
            return base64.b64decode(self.payload, validate=True)
        except binascii.Error as error:
            raise ValueError("the payload is not base64") from error


def dead_letter(
    message: Message,
    *,
    event_id: str,
    code: str,
    why: str,
    attempts: int,
    model: str,
    group: str,
    source: str,
    now: datetime,
) -> Message:
    """The message that carries a dead letter."""
    try:
        payload, encoding = message.body.decode(), "utf-8"
    except UnicodeDecodeError:
        payload, encoding = base64.b64encode(message.body).decode(), "base64"
    letter = DeadLetter(
        id=secrets.token_hex(8),
        event_id=event_id,
        error=Failure(code=code, message=why[:1000]),
        attempts=attempts,
        model=model,
        group=group,
        source=source,
        partition=message.partition,
        position=message.position,
        failed_at=timestamp(now),
        code_version=VERSION,
        headers=dict(message.headers),
        payload=payload,
        encoding=encoding,
    )
    replay = message.headers.get(REPLAY_HEADER, "")
    return Message(
        key=f"dead:{group}:{event_id}{'#' + replay if replay else ''}",
        body=msgspec.json.encode(letter),
        headers={ID_HEADER: event_id, "content-type": "application/json"},
    )


def read_dead_letter(body: bytes) -> DeadLetter | None:
    """None where it is no dead letter."""
    try:
        return msgspec.json.decode(body, type=DeadLetter)
    except (msgspec.DecodeError, RecursionError):
        return None
