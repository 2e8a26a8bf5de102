"""Good rows to the champion, one or many, without looking left or right: what most requests are.

A reader whose types hold the whole of the signature (ranges, categories) takes the body, and one function goes from
there to the reply and its record. Whatever is out of the ordinary it leaves alone: it gives None, nothing has been
counted or written, and the plane's long way decides. Both ways give the same reply to the same request.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from modelwright.core.nouns import ColumnType
from modelwright.records.ports import PredictionLog
from modelwright.records.prediction import Prediction, encode
from modelwright.serving.columns import EXACT, Field
from modelwright.serving.judging import Batch
from modelwright.serving.scoring import BY_COLUMN

if TYPE_CHECKING:
    from modelwright.serving.live import Served
    from modelwright.serving.roster import Ids

#: request id and reply as bytes, time.monotonic() at which the answer was there, and the number of rows
Given = tuple[bytes, bytes, float, int]
#: from the body, the time of its last byte and the id of the caller's key
Straight = Callable[[bytes, float, str], Given | None]

_ID = b"\0id"
_encode = msgspec.json.Encoder().encode
_astuple = msgspec.structs.astuple


def straight(served: Served, label: str, log: PredictionLog | None, ids: Ids) -> Straight | None:
    """None for a model that has no such way."""
    row, read = served.scoring.row, _decoder(served)
    if row is None or read is None or served.cache is not None:
        return None
    fields, most_bytes = served.decoder.fields, served.limits.max_bytes
    colons = 1 + sum(1 + field.name.count(":") for field in fields)
    body_of, kept, schema, flags = _body_of(served), served.redaction.apply, served.schema_number, served.flags
    append = None if log is None else log.append
    many = _many(served, label, log, ids, read, colons - 1)
    monotonic, now_ns, next_id, stored = time.monotonic, time.time_ns, ids.next, _stored(fields)

    def answer(content: bytes, received: float, caller: str) -> Given | None:
        if len(content) > most_bytes:
            return None
        found = content.count(b":")
        if found != colons:
            return None if many is None else many(content, received, caller, found - 1)
        try:
            (only,) = read(content).rows
            values = stored(only)
            outcome = row(values)
            request_id = next_id()
            said = request_id.encode()
            done = monotonic()
            answers, shares = outcome.answers, outcome.probabilities
            body = body_of(said, answers[0], shares)
            if append is not None:
                latency = int((done - received) * 1e6)
                append(
                    encode(
                        Prediction(
                            request_id, now_ns() // 1_000, schema, label, 1.0, latency, flags, caller,
                            (kept(values),), answers, shares,  # type: ignore[arg-type]
                        )
                    )
                )  # fmt: skip
        except Exception:  # noqa: BLE001 - the long way says what is wrong
            return None
        if None in values:
            _count_nulls(fields, values)
        served.requests += 1
        served.rows += 1
        return said, body, done, 1

    return answer


def _many(
    served: Served, label: str, log: PredictionLog | None, ids: Ids, read: Callable[[bytes], Any], a_row: int
) -> Callable[[bytes, float, str, int], Given | None] | None:
    """The same for many rows, a column at a time. The last argument is how many colons the rows may hold, `a_row` each:
    a key that came twice would bring one more than its row may have."""
    score, most_rows, fields = served.scoring.columns(), served.limits.max_rows, served.decoder.fields
    stored = _stored(fields)
    if score is None:
        return None

    def answer(content: bytes, received: float, caller: str, colons: int) -> Given | None:
        count, odd = divmod(colons, a_row)
        if odd or not BY_COLUMN <= count <= most_rows:
            return None
        try:
            values = list(map(stored, read(content).rows))
            if len(values) != count:
                return None
            columns = list(zip(*values, strict=True))
            outcome = score(columns)
            batch = Batch(values=[*values], request_id=ids.next())
            body = served.answer(batch, outcome, label).body
            done = time.monotonic()
            if log is not None:
                log.append(served.record(batch, outcome, label, 1.0, int((done - received) * 1e6), 0, caller))
        except Exception:  # noqa: BLE001 - the long way says what is wrong
            return None
        if b"null" in content:
            for field, column in zip(fields, columns, strict=True):
                field.nulls += column.count(None)
        served.requests += 1
        served.rows += count
        return batch.request_id.encode(), body, done, count

    return answer


def _stored(fields: Sequence[Field]) -> Callable[[Any], tuple[Any, ...]]:
    """A row's values as tables store them: categories that were sent as whole numbers are texts there."""
    wholes = [at for at, field in enumerate(fields) if field.whole]
    if not wholes:
        return _astuple

    def stored(row: Any) -> tuple[Any, ...]:
        values: tuple[Any, ...] = _astuple(row)
        if any(type(values[at]) is int for at in wholes):
            texts = {at: str(values[at]) for at in wholes if type(values[at]) is int}
            return tuple(texts.get(at, value) for at, value in enumerate(values))
        return values

    return stored


def _count_nulls(fields: Sequence[Field], values: Sequence[Any]) -> None:
    for field, value in zip(fields, values, strict=True):
        if value is None:
            field.nulls += 1


def _body_of(served: Served) -> Callable[[bytes, Any, Any], bytes]:
    """As `Served.answer` writes it, in one piece where the answer is a class and its shares."""
    start, labels, shares = served.template
    if labels:
        whole = [_held_open(start % (_ID, b"false", label)) + shares for label in labels]
        if len(labels) == 2:
            return lambda said, at, found: whole[at] % (said, _encode(found[0][0]), _encode(found[0][1]))
        return lambda said, at, found: whole[at] % (said, *map(_encode, found[0]))
    return lambda said, value, _found: start % (b'"%b"' % said, b"false", _encode(value)) + b"}"


def _held_open(text: bytes) -> bytes:
    """A template of a finished text, with a place for the request's id."""
    return text.replace(b"%", b"%%").replace(_ID, b'"%b"')


def _decoder(served: Served) -> Callable[[bytes], Any] | None:
    """Reads rows and nothing beside them; None where values need more than a look at their type."""
    cells: list[tuple[str, Any]] = []
    for at, field in enumerate(served.decoder.fields):
        kind = _kind(field)
        if kind is None:
            return None
        cells.append((f"c{at}", kind | None if field.null else kind))
    names = {f"c{at}": field.name for at, field in enumerate(served.decoder.fields)}
    row = msgspec.defstruct("GoodRow", cells, rename=names, forbid_unknown_fields=True, gc=False)
    rows = list.__class_getitem__(row)
    whole = msgspec.defstruct("GoodRows", [("rows", rows)], forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(whole).decode


def _kind(field: Field) -> Any:
    """The type of exactly those values that are stored as they stand and that training saw."""
    if field.type is ColumnType.BOOLEAN:
        return bool
    if field.type is ColumnType.NUMBER:
        sure = EXACT - 1.0
        low = max(value for value in (field.low, field.stated_low, -sure) if value is not None)
        high = min(value for value in (field.high, field.stated_high, sure) if value is not None)
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            return None
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    if field.type is ColumnType.CATEGORY and field.known:
        listed = sorted(field.known)
        return Literal[(*listed, *map(int, listed))] if field.whole else Literal[tuple(listed)]
    return None
